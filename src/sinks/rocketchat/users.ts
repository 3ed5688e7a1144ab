/**
 * The users of Rocket.Chat, as users.listByStatus tells them to who may see their addresses
 * (view-full-other-user-info, view-d-room, view-outside-room).
 *
 * Contract: only addresses that are verified count, as only those get notifications; anybody may claim another one.
 */
import { member, members, type PlatformClient, unexpected } from '../platform/client.ts';
import { userWithLogin } from '../platform/options.ts';
import type { Logins } from '../platform/settings.ts';
import type { PlatformUser } from '../sink.ts';

/** The most that the server gives in one answer, unless API_Upper_Count_Limit says otherwise. */
const USERS_PER_PAGE = 100;

/** Names the user with a verified address; undefined where it is nobody's. */
export async function findUser(
  client: PlatformClient,
  map: Logins,
  address: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const wanted = address.toLowerCase();
  const found = new Set<string>();
  for await (const user of pages(client, { searchTerm: address }, signal)) {
    if (user.addresses.some((each) => each.toLowerCase() === wanted)) found.add(user.name);
  }
  const [name] = found;
  return name === undefined || found.size > 1 ? undefined : userWithLogin(map, name);
}

/** Lists the people who may log in and have a verified address. */
export async function* listUsers(
  client: PlatformClient,
  map: Logins,
  signal: AbortSignal,
): AsyncGenerator<PlatformUser> {
  for await (const { name, addresses } of pages(client, {}, signal)) {
    const user = userWithLogin(map, name);
    if (user !== undefined && addresses.length > 0) yield { name: user, addresses };
  }
}

/** Asks for all pages of the active users whom the terms find; the order is fixed, so that none is skipped. */
async function* pages(
  client: PlatformClient,
  terms: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<PlatformUser> {
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
      const name = member(user, 'username');
      const verified = members(member(user, 'emails')).filter((each) => member(each, 'verified') === true);
      const addresses = verified
        .map((each) => member(each, 'address'))
        .filter((each) => typeof each === 'string');
      if (typeof name === 'string') yield { name, addresses };
    }
    offset += users.length;
    if (users.length === 0 || offset >= Number(member(answer.json, 'total'))) return;
  }
}
