/**
 * A user of the store as commands see one.
 *
 * Contract: a salt is never printed, only a fingerprint by which two outputs can be compared.
 */
import { createHash } from 'node:crypto';
import type { Salt, User } from '../queue/directory-port.ts';
import type { Store } from '../queue/store.ts';
import { badInput } from './fault.ts';

const FINGERPRINT_CHARS = 12;

/** The user with this name, or a Fault. */
export async function findUser(store: Store, name: string): Promise<User> {
  const user = await store.userByName(name);
  if (user === undefined) throw unknownUser(name);
  return user;
}

/** The fault of a name that no user has. */
export const unknownUser = (name: string): Error =>
  badInput(`user "${name}": there is no such user; "mailgw-ctl user list" shows them`);

/** The salt that a user's new addresses are minted under. */
export function currentSalt(user: User): Salt | undefined {
  return user.salts.find(({ endsAt }) => endsAt === undefined);
}

/** A short name for a salt that gives nothing of it away. */
export function saltFingerprint(salt: Uint8Array): string {
  const hash = createHash('sha256').update('mailgw salt fingerprint\0').update(salt);
  return hash.digest('hex').slice(0, FINGERPRINT_CHARS);
}
