/**
 * The users of a platform, as they are users of ours.
 *
 * Contract: a platform says how it is asked and how it shows one user; who of those shown is meant, and what they are called
 * here, is the same for all.
 */

import type { PlatformUser } from '../sink.ts';
import type { PlatformClient } from './client.ts';
import { userWithLogin } from './options.ts';
import type { Logins } from './settings.ts';

/** A user as a platform lists them: the name there, and the mail addresses that count. */
export interface Listed {
  readonly login: string;
  readonly addresses: readonly string[];
}

/** Names the user of an address; undefined where it is nobody's, or that of several. */
export type FindUser = (
  client: PlatformClient,
  map: Logins,
  address: string,
  signal: AbortSignal,
) => Promise<string | undefined>;

/** Lists the users who are active. */
export type ListUsers = (
  client: PlatformClient,
  map: Logins,
  signal: AbortSignal,
) => AsyncIterable<PlatformUser>;

/** Names the user of ours who has the only one of these logins; undefined where there is none, or several. */
export function onlyUser(map: Logins, logins: Iterable<string>): string | undefined {
  const [login, ...others] = new Set(logins);
  return login === undefined || others.length > 0 ? undefined : userWithLogin(map, login);
}

/** Names the user of ours who alone has an address among those listed, in whatever case it is written. */
export async function userOfAddress(
  map: Logins,
  listed: AsyncIterable<Listed> | Iterable<Listed>,
  address: string,
): Promise<string | undefined> {
  const wanted = address.toLowerCase();
  const logins: string[] = [];
  for await (const { login, addresses } of listed)
    if (addresses.some((each) => each.toLowerCase() === wanted)) logins.push(login);
  return onlyUser(map, logins);
}

/** Lists those who are users of ours, by their names here. */
export async function* ourUsers(map: Logins, listed: AsyncIterable<Listed>): AsyncIterable<PlatformUser> {
  for await (const { login, addresses } of listed) {
    const name = userWithLogin(map, login);
    if (name !== undefined) yield { name, addresses };
  }
}

/** Gives the addresses of a user who has one, or none. */
export function addressesOf(email: unknown): readonly string[] {
  return typeof email === 'string' && email !== '' ? [email] : [];
}
