/**
 * Users out of everybody's sight, and back within 30 days; or gone for good.
 *
 * Contract: a name may have been several people's. What a name does not tell apart is asked for by number, in a Fault,
 * and nothing is done.
 */
import type { Session } from '../site/session.ts';
import type { RemovedUser, Restoration, User } from '../store/directory.ts';
import { isoTime } from '../system/iso-time.ts';
import { badInput } from './fault.ts';
import { isRestorable, unknownUser } from './users.ts';

/** Removes a user, which voids their reply addresses until they are restored. */
export async function removeUser({ store }: Session, { name }: User, now: number): Promise<void> {
  if (!(await store.removeUser(name, now))) throw await unknownUser(store, name);
}

/** Brings a user back, with their reply addresses and held replies; `number` where several of the name were removed. */
export async function restoreUser(
  { store }: Session,
  name: string,
  wanted: string | undefined,
): Promise<Extract<Restoration, { kind: 'restored' }>> {
  const removed = (await store.removedUsers()).filter((user) => user.name === name && isRestorable(user));
  const { number } = chosen(wanted, removed, unrestorable(name));
  const done = await store.restoreUser(number, Date.now());
  if (done.kind === 'unknown') throw unrestorable(name);
  if (done.kind === 'name-taken')
    throw badInput(
      `user "${name}": number ${done.by} has the name now; after "mailgw-ctl user remove ${name}" (which can be taken back too) "mailgw-ctl user restore ${name} --number ${number}" brings number ${number} back`,
    );
  return done;
}

/** Finds the user who is to be erased, removed before or not; `number` where several had the name. */
export async function findErasable(
  { store }: Session,
  name: string,
  wanted: string | undefined,
): Promise<User | RemovedUser> {
  const there = await store.userByName(name);
  const removed = (await store.removedUsers()).filter((user) => user.name === name);
  const users = there === undefined ? removed : [there, ...removed];
  return chosen(wanted, users, await unknownUser(store, name));
}

/** Erases a user and their reply addresses for good. */
export async function eraseUser({ store }: Session, { name, number }: User | RemovedUser): Promise<void> {
  if (!(await store.eraseUser(number))) throw await unknownUser(store, name);
}

/** Finds the one user that is meant: the only one, or the one with the number that was given. */
function chosen<T extends User | RemovedUser>(
  wanted: string | undefined,
  users: readonly T[],
  none: Error,
): T {
  if (wanted !== undefined && !/^[1-9]\d{0,12}$/.test(wanted))
    throw badInput(`--number "${wanted}": is not the number of a user; "user list --removed" shows them`);
  const matching = users.filter(({ number }) => wanted === undefined || number === Number(wanted));
  const [first] = matching;
  if (first === undefined) throw none;
  if (matching.length === 1) return first;
  const each = matching.map((user) =>
    'removedAt' in user
      ? `${user.number} (removed at ${isoTime(user.removedAt) ?? ''})`
      : `${user.number} (not removed)`,
  );
  throw badInput(
    `user "${first.name}": the name is that of ${each.length} users; expected --number with one of ${each.join(', ')}`,
  );
}

const unrestorable = (name: string): Error =>
  badInput(
    `user "${name}": no such user was removed within 30 days; "mailgw-ctl user list --removed" shows who was`,
  );
