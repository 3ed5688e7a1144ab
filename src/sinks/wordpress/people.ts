/**
 * The users of a WordPress: the number of a login name, whose address it is, and who there is.
 *
 * Contract: a user is named by the login name. Who has no role in the site is none of its users, which is how WordPress shuts
 * somebody out. Asking takes the rights list_users and edit_users: without them WordPress hides addresses and people.
 */
import { foldAddress } from '../../mail/address.ts';
import { member, members, type PlatformClient, refuse, unexpected } from '../platform/client.ts';
import { userWithLogin } from '../platform/options.ts';
import { addressesOf, type FindUser, type Listed, type ListUsers, ourUsers } from '../platform/people.ts';
import { type Query, request } from './request.ts';

/** The most that WordPress gives on a page. */
const PAGE = 100;

/** A user as the interface shows them to who may edit users. */
interface SiteUser {
  readonly id: number;
  readonly login: string;
  readonly address: string;
  readonly hasRole: boolean;
}

/** Finds the number by which WordPress knows a login name; throws what refuses the post where nobody has it. */
export async function numberOf(client: PlatformClient, login: string, signal: AbortSignal): Promise<number> {
  const wanted = login.toLowerCase();
  const isWanted = (user: SiteUser): boolean => user.login.toLowerCase() === wanted;
  // One answer for most: the slug is made of the login name. What has an @ would be searched in addresses alone.
  const search = login.split('@')[0] ?? '';
  const ways: Query[] = [{ slug: wanted }, { search: search === '' ? login : search }];
  for (const query of ways)
    for await (const user of people(client, query, signal)) if (isWanted(user)) return user.id;
  throw refuse(`WordPress has no user ${JSON.stringify(login)}`);
}

/** Names the user of an address; undefined where it is nobody's. */
export const findUser: FindUser = async (client, map, address, signal) => {
  const wanted = foldAddress(address);
  // The search finds what contains the address.
  for await (const user of people(client, { search: address }, signal))
    if (user.hasRole && foldAddress(user.address) === wanted) return userWithLogin(map, user.login);
  return undefined;
};

/** Lists the users of the site. */
export const listUsers: ListUsers = (client, map, signal) => ourUsers(map, withRole(client, signal));

async function* withRole(client: PlatformClient, signal: AbortSignal): AsyncIterable<Listed> {
  for await (const { login, address, hasRole } of people(client, {}, signal))
    if (hasRole) yield { login, addresses: addressesOf(address) };
}

/** Gives the users of all pages. */
async function* people(client: PlatformClient, query: Query, signal: AbortSignal): AsyncIterable<SiteUser> {
  const fields = {
    context: 'edit',
    _fields: 'id,username,email,roles',
    per_page: String(PAGE),
    orderby: 'id',
  };
  for (let page = 1; ; page++) {
    const asked = request('users', { ...query, ...fields, page: String(page) });
    const answer = await client.demand(asked, signal);
    if (!Array.isArray(answer.json)) throw unexpected(answer, 'no list of users');
    for (const user of answer.json) {
      const [id, login, address] = [member(user, 'id'), member(user, 'username'), member(user, 'email')];
      if (typeof id !== 'number' || typeof login !== 'string' || typeof address !== 'string')
        throw unexpected(answer, 'a user without a name or an address');
      yield { id, login, address, hasRole: members(member(user, 'roles')).length > 0 };
    }
    // Users whom the key may not edit are counted and not shown: a short page is not the last one.
    if (page >= Number(answer.headers?.['x-wp-totalpages'] ?? 1)) return;
  }
}
