/** The users of a Redmine, as an administrator's key is told them: logins, and the address that each has first. */
import { listIn, member, type PlatformClient } from '../platform/client.ts';
import {
  addressesOf,
  type FindUser,
  type Listed,
  type ListUsers,
  ourUsers,
  userOfAddress,
} from '../platform/people.ts';

/** The most that Redmine gives at once (application_controller.rb, api_offset_and_limit). */
const PAGE = 100;

/**
 * Names the user who has an address. Redmine looks for a part of names and of all addresses, and shows of each user the first
 * address alone: whoever it is not equal to is nobody.
 */
export const findUser: FindUser = (client, map, address, signal) =>
  userOfAddress(map, listed(client, { name: address }, signal), address);

/** Lists the users who are active. */
export const listUsers: ListUsers = (client, map, signal) => ourUsers(map, listed(client, {}, signal));

/** Lists the active users whom a query finds, as users/index shows them. */
async function* listed(
  client: PlatformClient,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<Listed> {
  for (let offset = 0; ; offset += PAGE) {
    const words = { ...query, status: '1', sort: 'login', offset: String(offset), limit: String(PAGE) };
    const answer = await client.demand({ path: '/users.json', query: words }, signal);
    const users = listIn(answer, 'users');
    for (const user of users) {
      const login = member(user, 'login');
      if (typeof login === 'string' && login !== '')
        yield { login, addresses: addressesOf(member(user, 'mail')) };
    }
    if (users.length < PAGE) return;
  }
}
