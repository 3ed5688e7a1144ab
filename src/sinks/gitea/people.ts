/** The users of a Gitea: whose address it is, and who is active. */
import { member, members, type PlatformClient, pathOf, unexpected } from '../platform/client.ts';
import { userWithLogin } from '../platform/options.ts';
import { addressesOf, type FindUser, type Listed, type ListUsers, ourUsers } from '../platform/people.ts';

const PAGE = 50;

/** Names the user of a confirmed address who may log in; undefined where it is nobody's, or that of several. */
export const findUser: FindUser = async (client, map, address, signal) => {
  const wanted = address.toLowerCase();
  const logins = new Set<string>();
  // The search finds what contains the address: other addresses, and names.
  for await (const found of pages(client, '/api/v1/admin/emails/search', { q: address }, signal)) {
    const [email, login] = [member(found, 'email'), member(found, 'username')];
    const isTheirs = typeof email === 'string' && email.toLowerCase() === wanted;
    if (isTheirs && member(found, 'verified') === true && typeof login === 'string') logins.add(login);
  }
  const [login] = logins;
  if (login === undefined || logins.size > 1) return undefined;
  const answer = await client.demand({ path: `/api/v1${pathOf('users', login)}` }, signal);
  return isActive(answer.json) ? userWithLogin(map, login) : undefined;
};

/** Lists the users who may log in. */
export const listUsers: ListUsers = (client, map, signal) => ourUsers(map, active(client, signal));

async function* active(client: PlatformClient, signal: AbortSignal): AsyncIterable<Listed> {
  for await (const user of pages(client, '/api/v1/admin/users', {}, signal)) {
    const login = member(user, 'login');
    if (typeof login === 'string' && isActive(user))
      yield { login, addresses: addressesOf(member(user, 'email')) };
  }
}

/** Tells whether a user may log in, and so may post. */
function isActive(user: unknown): boolean {
  return member(user, 'active') === true && member(user, 'prohibit_login') !== true;
}

/** Lists what is on all pages; a site may have made them smaller than was asked for, so that the last is the empty one. */
async function* pages(
  client: PlatformClient,
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncIterable<unknown> {
  for (let page = 1; ; page++) {
    const answer = await client.demand(
      { path, query: { ...query, limit: `${PAGE}`, page: `${page}` } },
      signal,
    );
    if (!Array.isArray(answer.json) && answer.json !== null)
      throw unexpected(answer, 'the answer is no list');
    const found = members(answer.json);
    if (found.length === 0) return;
    yield* found;
  }
}
