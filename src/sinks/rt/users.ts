/**
 * The users of Request Tracker, privileged or not, by their mail addresses.
 *
 * Contract: an account without the right AdminUsers searches only by the fields of `$UserSummaryExtraInfo`, and a condition
 * on another field is dropped without a word, so that everybody is found. What is found is therefore compared once
 * more, and an answer with somebody else's address in it is none.
 */
import { foldAddress } from '../../mail/address.ts';
import { NoPost } from '../no-post.ts';
import { listIn, member, type PlatformClient, pathOf } from '../platform/client.ts';
import { type FindUser, type Listed, type ListUsers, onlyUser, ourUsers } from '../platform/people.ts';

/** Users in one answer; Request Tracker gives no more. */
const PAGE = 100;

const USERS = pathOf('REST', '2.0', 'users');

/** Finds the user of an address. */
export const findUser: FindUser = async (client, map, address, signal) => {
  const query = {
    query: JSON.stringify([{ field: 'EmailAddress', operator: '=', value: address }]),
    fields: 'Name,EmailAddress',
    per_page: String(PAGE),
  };
  const answer = await client.demand({ path: USERS, query }, signal);
  const found = listIn(answer, 'items').flatMap(readUser);
  const isOther = (each: string): boolean => foldAddress(each) !== foldAddress(address);
  if (found.some(({ addresses }) => addresses.some(isOther))) {
    const { status } = answer;
    const diagnostic =
      'users are not searched by EmailAddress: the account needs the right AdminUsers, or $UserSummaryExtraInfo that field';
    throw new NoPost({ kind: 'deferred', broken: true, status, diagnostic });
  }
  return onlyUser(
    map,
    found.map(({ login }) => login),
  );
};

/** Lists the users who are not disabled and have an address. */
export const listUsers: ListUsers = (client, map, signal) => ourUsers(map, withAddress(client, signal));

async function* withAddress(client: PlatformClient, signal: AbortSignal): AsyncIterable<Listed> {
  for (let page = 1; ; page++) {
    const query = {
      query: JSON.stringify([{ field: 'EmailAddress', operator: '!=', value: '' }]),
      fields: 'Name,EmailAddress',
      orderby: 'id',
      per_page: String(PAGE),
      page: String(page),
    };
    const answer = await client.demand({ path: USERS, query }, signal);
    const items = listIn(answer, 'items');
    yield* items.flatMap(readUser);
    if (items.length < PAGE) return;
  }
}

function readUser(item: unknown): Listed[] {
  const [login, address] = [member(item, 'Name'), member(item, 'EmailAddress')];
  if (typeof login !== 'string' || typeof address !== 'string' || address === '') return [];
  return [{ login, addresses: [address] }];
}
