/**
 * A user of the store as commands see one.
 *
 * Contract: a salt is never printed, only a fingerprint by which two outputs can be compared.
 */
import { createHash } from 'node:crypto';
import { badInput } from '../actions/fault.ts';
import type { Session } from '../site/session.ts';
import { RESTORABLE_MS, type RemovedUser, type Salt, type User } from '../store/directory.ts';
import type { Store } from '../store/store.ts';
import { isoTime } from '../system/iso-time.ts';
import type { Context } from './command.ts';
import { printNote, type Row } from './terminal/print.ts';

const FINGERPRINT_CHARS = 12;

/** The user with this name, or a Fault. */
export async function findUser(store: Store, name: string): Promise<User> {
  const user = await store.userByName(name);
  if (user === undefined) throw await unknownUser(store, name);
  return user;
}

/** The fault of a name that no user has, or not any more. */
export async function unknownUser(store: Store, name: string): Promise<Error> {
  const removed = (await store.removedUsers()).find((user) => user.name === name && isRestorable(user));
  return badInput(
    removed === undefined
      ? `user "${name}": there is no such user; "mailgw-ctl user list" shows them`
      : `user "${name}": was removed at ${isoTime(removed.removedAt) ?? ''}; "mailgw-ctl user restore ${name}" brings them back`,
  );
}

/** When a user who was removed cannot come back any more. */
export const restorableUntil = ({ removedAt }: Pick<RemovedUser, 'removedAt'>): number =>
  removedAt + RESTORABLE_MS;

/** Whether a user who was removed can come back now. */
export const isRestorable = (user: RemovedUser): boolean => restorableUntil(user) > Date.now();

/** A user as a row of output. */
export function userRow(user: User): Row {
  return {
    user: user.name,
    number: user.number,
    enabled: user.enabled,
    addresses: user.addresses,
    created_at: isoTime(user.createdAt),
  };
}

/** The salt that a user's new addresses are minted under. */
export function currentSalt(user: User): Salt | undefined {
  return user.salts.find(({ endsAt }) => endsAt === undefined);
}

/** A short name for a salt that gives nothing of it away. */
export function saltFingerprint(salt: Uint8Array): string {
  const hash = createHash('sha256').update('mailgw salt fingerprint\0').update(salt);
  return hash.digest('hex').slice(0, FINGERPRINT_CHARS);
}

/** Says where a user could not reply for want of an address. */
export function noteMissingAddress(user: User, { config }: Session, { output }: Context): void {
  if (user.addresses.length > 0 || config.sender.policy !== 'strict') return;
  printNote(
    output,
    `user ${user.name} has no address, and sender.policy = "strict" takes replies from registered addresses only; "mailgw-ctl user set ${user.name} --address ADDRESS" registers one`,
  );
}
