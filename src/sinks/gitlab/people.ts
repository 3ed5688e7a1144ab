/** The users of a GitLab: whose address it is, and who is active. */
import { NoPost } from '../no-post.ts';
import { member, members, type PlatformClient, pathOf } from '../platform/client.ts';
import {
  addressesOf,
  type FindUser,
  type Listed,
  type ListUsers,
  onlyUser,
  ourUsers,
} from '../platform/people.ts';
import { pages } from './pages.ts';

/** The users whom a search finds and who are looked at; an address finds its own user by the whole of it. */
const MOST_FOUND = 20;

/** What asks for all users by cursors: beyond the 50,000th GitLab 17 gives none by the number of a page. */
const BY_CURSOR = { active: 'true', pagination: 'keyset', order_by: 'id', sort: 'asc' };

/** Names the active user of a confirmed address; undefined where it is nobody's, or that of several. */
export const findUser: FindUser = async (client, map, address, signal) => {
  const logins = new Set<string>();
  let found = 0;
  // The search finds names and usernames too.
  for await (const user of pages(client, '/api/v4/users', { search: address }, signal)) {
    if (++found > MOST_FOUND) return undefined;
    const login = loginOfActive(user);
    if (login !== undefined && (await hasAddress(client, user, address.toLowerCase(), signal)))
      logins.add(login);
  }
  return onlyUser(map, logins);
};

/** Lists the active users; what an administrator is told of a user has the address. */
export const listUsers: ListUsers = (client, map, signal) => ourUsers(map, active(client, signal));

async function* active(client: PlatformClient, signal: AbortSignal): AsyncIterable<Listed> {
  for await (const user of everybody(client, signal)) {
    const login = loginOfActive(user);
    const email = isConfirmed(user) ? member(user, 'email') : undefined;
    if (login !== undefined) yield { login, addresses: addressesOf(email) };
  }
}

/** Lists all users by cursors, or by the number of a page where GitLab refuses these (405); before 16.5 it passes over them. */
async function* everybody(client: PlatformClient, signal: AbortSignal): AsyncIterable<unknown> {
  let isAny = false;
  try {
    for await (const user of pages(client, '/api/v4/users', BY_CURSOR, signal)) {
      isAny = true;
      yield user;
    }
  } catch (error) {
    if (isAny || !(error instanceof NoPost) || error.outcome.status !== 405) throw error;
    yield* pages(client, '/api/v4/users', { active: 'true' }, signal);
  }
}

/** Tells whether a confirmed address is a user's: the first one, which the user has, or one of the others. */
async function hasAddress(
  client: PlatformClient,
  user: unknown,
  wanted: string,
  signal: AbortSignal,
): Promise<boolean> {
  const isIt = (email: unknown): boolean => typeof email === 'string' && email.toLowerCase() === wanted;
  if (isIt(member(user, 'email'))) return isConfirmed(user);
  const id = member(user, 'id');
  if (typeof id !== 'number') return false;
  const answer = await client.demand({ path: `/api/v4${pathOf('users', id, 'emails')}` }, signal);
  return members(answer.json).some((each) => isIt(member(each, 'email')) && isConfirmed(each));
}

/** Tells whether an address was confirmed: the time is there, and not null. */
function isConfirmed(holder: unknown): boolean {
  return typeof member(holder, 'confirmed_at') === 'string';
}

function loginOfActive(user: unknown): string | undefined {
  const login = member(user, 'username');
  return member(user, 'state') === 'active' && typeof login === 'string' ? login : undefined;
}
