/**
 * The users of Request Tracker, privileged or not, by their mail addresses.
 *
 * Contract: an account without the right AdminUsers searches only by the fields of `$UserSummaryExtraInfo`, and a condition
 * on another field is dropped without a word, so that everybody is found. What is found is therefore compared once
 * more, and an answer with somebody else's address in it is none.
 */
import { foldAddress } from '../../mail/address.ts';
import { NoPost } from '../no-post.ts';
import { member, members, type PlatformClient, pathOf, unexpected } from '../platform/client.ts';
import { userWithLogin } from '../platform/options.ts';
import type { Logins } from '../platform/settings.ts';
import type { PlatformUser } from '../sink.ts';

/** Users in one answer; Request Tracker gives no more. */
const PAGE = 100;

const USERS = pathOf('REST', '2.0', 'users');

/** Finds the user of an address. */
export async function findUser(
  client: PlatformClient,
  map: Logins,
  address: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const query = {
    query: JSON.stringify([{ field: 'EmailAddress', operator: '=', value: address }]),
    fields: 'Name,EmailAddress',
    per_page: String(PAGE),
  };
  const answer = await client.demand({ path: USERS, query }, signal);
  const found = members(member(answer.json, 'items')).flatMap(readUser);
  if (found.some((user) => foldAddress(user.address) !== foldAddress(address))) {
    const { status } = answer;
    const diagnostic =
      'users are not searched by EmailAddress: the account needs the right AdminUsers, or $UserSummaryExtraInfo that field';
    throw new NoPost({ kind: 'deferred', broken: true, status, diagnostic });
  }
  const [one, ...more] = found;
  return one === undefined || more.length > 0 ? undefined : userWithLogin(map, one.login);
}

/** Lists the users who are not disabled and have an address. */
export async function* listUsers(
  client: PlatformClient,
  map: Logins,
  signal: AbortSignal,
): AsyncIterable<PlatformUser> {
  for (let page = 1; ; page++) {
    const query = {
      query: JSON.stringify([{ field: 'EmailAddress', operator: '!=', value: '' }]),
      fields: 'Name,EmailAddress',
      orderby: 'id',
      per_page: String(PAGE),
      page: String(page),
    };
    const answer = await client.demand({ path: USERS, query }, signal);
    const items = member(answer.json, 'items');
    if (!Array.isArray(items)) throw unexpected(answer, 'the answer is no list of users');
    for (const { login, address } of items.flatMap(readUser)) {
      const name = userWithLogin(map, login);
      if (name !== undefined) yield { name, addresses: [address] };
    }
    if (items.length < PAGE) return;
  }
}

function readUser(item: unknown): { readonly login: string; readonly address: string }[] {
  const [login, address] = [member(item, 'Name'), member(item, 'EmailAddress')];
  if (typeof login !== 'string' || typeof address !== 'string' || address === '') return [];
  return [{ login, address }];
}
