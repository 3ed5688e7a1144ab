/**
 * Who the platform may post as: users by name, the addresses that they write from, and what stands of them.
 *
 * Failure: a Fault for a name that no user has, or that cannot be one, and for an address that cannot be a user's.
 */
import { createHash, randomBytes } from 'node:crypto';
import { foldAddress } from '../mail/address.ts';
import { leftIn, type Rate, type SavedBucket, untilFull, userBucket } from '../mail/rate.ts';
import { SALT_BYTES } from '../mail/token.ts';
import type { Session } from '../site/session.ts';
import { addressProblem, nameProblem } from '../site/user-form.ts';
import {
  RESTORABLE_MS,
  type RemovedUser,
  type Salt,
  type User,
  type UserChange,
  type WantedUser,
} from '../store/directory.ts';
import type { BounceCounts } from '../store/figures.ts';
import type { Store } from '../store/store.ts';
import { isoTime } from '../system/iso-time.ts';
import { conflict, Fault, invalid, unknown } from './fault.ts';

const FINGERPRINT_CHARS = 12;

/** A user with what only one user is asked for. */
export interface UserDetail {
  readonly user: User;
  readonly bounces: BounceCounts;
  /** What rate.per_user leaves the user now; null when there is no limit. */
  readonly repliesLeft: number | null;
}

/** Adds a user; `namesake` is who was removed under the name and could still come back. */
export async function addUser(
  session: Session,
  name: string,
  addresses: readonly string[],
): Promise<{ readonly user: User; readonly namesake: RemovedUser | undefined }> {
  const { store } = session;
  checkName(name);
  const own = readAddresses(session, addresses);
  const user = await store.addUser({ name, addresses: own, salt: randomBytes(SALT_BYTES), now: Date.now() });
  if (user === undefined) {
    throw conflict('user', `user "${name}": exists already; "mailgw-ctl user set" changes a user`);
  }
  return { user, namesake: await lastRestorable(store, name) };
}

/** Changes a user: the addresses that they write from, or whether their replies are accepted. */
export async function changeUser(
  session: Session,
  name: string,
  { addresses, ...change }: Parameters<Store['setUser']>[1],
): Promise<User> {
  const { store } = session;
  const own = addresses === undefined ? {} : { addresses: readAddresses(session, addresses) };
  if (!(await store.setUser(name, { ...change, ...own }))) throw await unknownUser(store, name);
  return findUser(store, name);
}

/** The state that a user is to have; what is left out stays, or is none and enabled for a new one. */
export interface PutEntry {
  readonly user: string;
  readonly addresses?: readonly string[] | undefined;
  readonly enabled?: boolean | undefined;
}

/** The result for one entry: what it changed, or what is wrong with it. */
export type PutResult =
  | { readonly kind: UserChange; readonly user: string }
  | { readonly kind: 'problem'; readonly user: string; readonly fault: Fault };

/**
 * Brings users to the states that are wanted, in one transaction; an entry that cannot be one is told, and changes
 * nothing. Says of each, in order, what became of it.
 */
export async function putUsers(
  session: Session,
  entries: readonly PutEntry[],
): Promise<readonly PutResult[]> {
  const read = entries.map((entry) => readEntry(session, entry));
  const wanted = read.flatMap((each) => ('wanted' in each ? [each.wanted] : []));
  const changes = [...(await session.store.putUsers(wanted, Date.now()))];
  return entries.map(({ user }, index): PutResult => {
    const each = read[index];
    if (each !== undefined && 'fault' in each) return { kind: 'problem', user, fault: each.fault };
    return { kind: changes.shift() ?? 'unchanged', user };
  });
}

/** Checks an entry, and gives it a salt for the case that it is new. */
function readEntry(
  session: Session,
  { user: name, addresses, enabled }: PutEntry,
): { readonly wanted: WantedUser } | { readonly fault: Fault } {
  try {
    checkName(name);
    const own = addresses === undefined ? undefined : readAddresses(session, addresses);
    return { wanted: { name, addresses: own, enabled, salt: randomBytes(SALT_BYTES) } };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { fault: error };
  }
}

/** Gives a user another name: number, salts and addresses stay, and what waits for them follows. */
export async function renameUser({ store }: Session, from: string, to: string): Promise<User> {
  checkName(to, 'to');
  const renaming = await store.renameUser(from, to, Date.now());
  switch (renaming.kind) {
    case 'renamed':
      return renaming.user;
    case 'unknown':
      throw await unknownUser(store, from);
    case 'taken':
      throw conflict(
        'to',
        `user "${to}": is the name of another user, number ${renaming.by}; expected one that is free`,
      );
    case 'removed':
      throw conflict(
        'to',
        `user "${to}": was removed at ${isoTime(renaming.removedAt) ?? ''}, number ${renaming.by}, and can come back until ${isoTime(restorableUntil(renaming)) ?? ''}; ` +
          `expected a name that is free, or first "mailgw-ctl user remove ${to} --forever --number ${renaming.by}"`,
      );
  }
}

/** Finds a user with their bounces and what their rate leaves them. */
export async function showUser({ store, config }: Session, name: string): Promise<UserDetail> {
  const user = await findUser(store, name);
  const bucket = await store.bucket(userBucket(user.number));
  return {
    user,
    bounces: await store.bounceCounts(user.name),
    repliesLeft: repliesLeft(config.rate.perUser, bucket),
  };
}

/** Finds the user with this name. */
export async function findUser(store: Store, name: string): Promise<User> {
  const user = await store.userByName(name);
  if (user === undefined) throw await unknownUser(store, name);
  return user;
}

/** Makes the fault of a name that no user has, or not any more. */
export async function unknownUser(store: Store, name: string): Promise<Error> {
  const removed = await lastRestorable(store, name);
  return unknown(
    'user',
    removed === undefined
      ? `user "${name}": there is no such user; "mailgw-ctl user list" shows them`
      : `user "${name}": was removed at ${isoTime(removed.removedAt) ?? ''}; "mailgw-ctl user restore ${name}" brings them back`,
  );
}

/** Says whether a user cannot reply for want of an address. */
export function lacksAddress({ config }: Pick<Session, 'config'>, user: Pick<User, 'addresses'>): boolean {
  return user.addresses.length === 0 && config.sender.policy === 'strict';
}

/** Gives the time until which a user who was removed can come back. */
export const restorableUntil = ({ removedAt }: Pick<RemovedUser, 'removedAt'>): number =>
  removedAt + RESTORABLE_MS;

/** Says whether a user who was removed can come back now. */
export const isRestorable = (user: RemovedUser): boolean => restorableUntil(user) > Date.now();

/** Finds the salt that a user's new addresses are minted under. */
export function currentSalt(user: User): Salt | undefined {
  return user.salts.find(({ endsAt }) => endsAt === undefined);
}

/** Names a salt shortly, and gives nothing of it away. */
export function saltFingerprint(salt: Uint8Array): string {
  const hash = createHash('sha256').update('mailgw salt fingerprint\0').update(salt);
  return hash.digest('hex').slice(0, FINGERPRINT_CHARS);
}

async function lastRestorable(store: Store, name: string): Promise<RemovedUser | undefined> {
  return (await store.removedUsers()).find((user) => user.name === name && isRestorable(user));
}

function checkName(name: string, field = 'user'): void {
  const problem = nameProblem(name);
  if (problem !== undefined) throw invalid(field, `user "${name}": ${problem}`);
}

/** Checks addresses, and leaves each out that was given before in another case. */
function readAddresses({ config }: Session, addresses: readonly string[]): string[] {
  const found = new Map<string, string>();
  for (const address of addresses) {
    const problem = addressProblem(config, address);
    if (problem !== undefined) throw invalid('addresses', `--address "${address}": ${problem}`);
    found.set(foldAddress(address), address);
  }
  return [...found.values()];
}

function repliesLeft(rate: Rate | 'off', bucket: SavedBucket | undefined): number | null {
  if (rate === 'off') return null;
  return bucket === undefined ? rate.count : leftIn(untilFull(bucket, Date.now(), rate), 0, rate);
}
