/**
 * The users of Rocket.Chat, as users.listByStatus tells them to who may see their addresses
 * (view-full-other-user-info, view-d-room, view-outside-room).
 *
 * Contract: only addresses that are verified count, as only those get notifications; anybody may claim another one.
 */
import { member, members, type PlatformClient, unexpected } from '../platform/client.ts';
import { type FindUser, type Listed, type ListUsers, ourUsers, userOfAddress } from '../platform/people.ts';

/** The most that the server gives in one answer, unless API_Upper_Count_Limit says otherwise. */
const USERS_PER_PAGE = 100;

/** Names the user with a verified address; undefined where it is nobody's. */
export const findUser: FindUser = (client, map, address, signal) =>
  userOfAddress(map, verified(client, { searchTerm: address }, signal), address);

/** Lists the people who may log in and have a verified address. */
export const listUsers: ListUsers = (client, map, signal) => ourUsers(map, verified(client, {}, signal));

/**
 * Lists the active users with a verified address whom the terms find, from all pages; the order is fixed, so that none is
 * skipped.
 */
async function* verified(
  client: PlatformClient,
  terms: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncIterable<Listed> {
  let offset = 0;
  for (;;) {
    const query = {
      ...terms,
      status: 'active',
      type: 'user',
      count: String(USERS_PER_PAGE),
      offset: String(offset),
    };
    const answer = await client.demand({ path: '/api/v1/users.listByStatus', query }, signal);
    const users = member(answer.json, 'users');
    if (!Array.isArray(users)) throw unexpected(answer, 'no users in the answer');
    for (const user of members(users)) {
      const login = member(user, 'username');
      const addresses = members(member(user, 'emails'))
        .filter((each) => member(each, 'verified') === true)
        .map((each) => member(each, 'address'))
        .filter((each) => typeof each === 'string');
      if (typeof login === 'string' && addresses.length > 0) yield { login, addresses };
    }
    offset += users.length;
    if (users.length === 0 || offset >= Number(member(answer.json, 'total'))) return;
  }
}
