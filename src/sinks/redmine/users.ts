/** The users of a Redmine, as an administrator's key is told them: logins, and the address that each has first. */
import { member, members, type PlatformClient, unexpected, wholeOf } from '../platform/client.ts';
import { userWithLogin } from '../platform/options.ts';
import type { Logins } from '../platform/settings.ts';
import type { PlatformUser } from '../sink.ts';

/** The most that Redmine gives at once (application_controller.rb, api_offset_and_limit). */
const PAGE = 100;

/** An active user, as users/index shows them. */
interface Listed {
  readonly login: string;
  readonly mail: string;
}

/**
 * Names the user who has an address. Redmine looks for a part of names and of all addresses, and shows of each user the first
 * address alone: whoever it is not equal to is nobody.
 */
export async function findUser(
  client: PlatformClient,
  map: Logins,
  address: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const wanted = address.toLowerCase();
  const found: string[] = [];
  for await (const { login, mail } of listed(client, { name: address }, signal))
    if (mail.toLowerCase() === wanted) found.push(login);
  const [login, ...more] = found;
  return login === undefined || more.length > 0 ? undefined : userWithLogin(map, login);
}

/** Lists the users who are active. */
export async function* listUsers(
  client: PlatformClient,
  map: Logins,
  signal: AbortSignal,
): AsyncGenerator<PlatformUser> {
  for await (const { login, mail } of listed(client, {}, signal)) {
    const name = userWithLogin(map, login);
    if (name !== undefined) yield { name, addresses: mail === '' ? [] : [mail] };
  }
}

async function* listed(
  client: PlatformClient,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): AsyncGenerator<Listed> {
  for (let offset = 0; ; offset += PAGE) {
    const words = { ...query, status: '1', sort: 'login', offset: String(offset), limit: String(PAGE) };
    const answer = await client.demand({ path: '/users.json', query: words }, signal);
    const users = member(wholeOf(answer).json, 'users');
    if (!Array.isArray(users)) throw unexpected(answer, 'no list of users');
    for (const user of members(users)) {
      const [login, mail] = [member(user, 'login'), member(user, 'mail')];
      if (typeof login === 'string' && login !== '')
        yield { login, mail: typeof mail === 'string' ? mail : '' };
    }
    if (users.length < PAGE) return;
  }
}
