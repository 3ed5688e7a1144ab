/**
 * The users of a Zulip, as its bot is told them: they bear the full name that people see there.
 *
 * Contract: a name that several active people bear is nobody's, since Zulip lets them share one: whoever answers would
 * answer as all of them. An address counts where Zulip tells it to the bot (`delivery_email`); the one that it makes up
 * for whose address is hidden does not.
 * Limits: before Zulip 4.0 nobody is found; before feature level 163 (7.0) an address that everybody sees is in `email` alone.
 * Sources: zulip.com/api/get-user-by-email, get-users, changelog; zulip/zulip, zerver/lib/users.py, access_user_by_email.
 */
import { member, members, type PlatformClient, pathOf, unexpected, wholeOf } from '../platform/client.ts';
import {
  addressesOf,
  type FindUser,
  type Listed,
  type ListUsers,
  onlyUser,
  ourUsers,
  userOfAddress,
} from '../platform/people.ts';

/** Zulip lists everybody in one answer: tens of thousands of people have room in it. */
const LIST_BYTES = 32 * 1024 * 1024;

/** Without it Zulip writes the address of a picture for each user. */
const QUERY = { client_gravatar: 'true' };

/** Names the user of an address; undefined where it is nobody's, or where others have the name. */
export const findUser: FindUser = async (client, map, address, signal) => {
  // Anything else could be another path, such as `me`.
  if (!address.includes('@')) return undefined;
  const answer = await client.ask({ path: pathOf('api', 'v1', 'users', address), query: QUERY }, signal);
  // Nobody, or nobody whom the bot may see: Zulip says the same, in the language of the organization.
  if (answer.status === 400 && member(answer.json, 'code') === 'BAD_REQUEST') return undefined;
  const outcome = client.judge(answer);
  if (outcome.kind !== 'posted') throw new Error(outcome.diagnostic);
  const user = member(wholeOf(answer).json, 'user');
  if (user === undefined) throw unexpected(answer, 'the answer names no user');
  const found = personOf(user);
  if (found === undefined || (await userOfAddress(map, [found], address)) === undefined) return undefined;
  const namesakes = (await everybody(client, signal)).filter((each) => isSameName(each, found));
  return namesakes.length === 1 ? onlyUser(map, [found.login]) : undefined;
};

/** Lists the people who are active and whose name is theirs alone. */
export const listUsers: ListUsers = (client, map, signal) => ourUsers(map, unmistakable(client, signal));

async function* unmistakable(client: PlatformClient, signal: AbortSignal): AsyncIterable<Listed> {
  const people = await everybody(client, signal);
  const counts = new Map<string, number>();
  for (const { login } of people) counts.set(folded(login), (counts.get(folded(login)) ?? 0) + 1);
  yield* people.filter(({ login }) => counts.get(folded(login)) === 1);
}

async function everybody(client: PlatformClient, signal: AbortSignal): Promise<readonly Listed[]> {
  const request = { path: '/api/v1/users', query: QUERY, answerBytes: LIST_BYTES };
  const answer = wholeOf(await client.demand(request, signal));
  const listed = member(answer.json, 'members');
  if (!Array.isArray(listed)) throw unexpected(answer, 'the answer is no list of users');
  return members(listed)
    .map(personOf)
    .filter((person) => person !== undefined);
}

const folded = (name: string): string => name.toLowerCase();

const isSameName = (one: Listed, other: Listed): boolean => folded(one.login) === folded(other.login);

/** Reads a person who is active; undefined for a bot. */
function personOf(user: unknown): Listed | undefined {
  const login = member(user, 'full_name');
  const isOut = member(user, 'is_bot') !== false || member(user, 'is_active') !== true;
  if (typeof login !== 'string' || login === '' || isOut) return undefined;
  const told = member(user, 'delivery_email');
  return { login, addresses: addressesOf(told === undefined ? member(user, 'email') : told) };
}
