/**
 * Users who were removed, in SQLite: their rows move out of everybody's sight, and back again while they can be restored.
 *
 * Contract: nothing that asks for a user finds one who was removed, because the rows stand in tables of their own. What
 * comes back is what went: number, state, salts, addresses, counts of bounces; the number is nobody else's meanwhile. An
 * address that somebody else has registered by then is left out: it may be another person's mailbox. What the user was
 * notified of is forgotten for good.
 */
import { foldAddress } from '../../mail/address.ts';
import { type Directory, RESTORABLE_MS, type RemovedUser } from '../directory.ts';
import type { AtOnce } from './at-once.ts';
import { prepareUserByNumber } from './directory-views.ts';
import { prepareElection } from './items.ts';
import { prepareNotified } from './notified.ts';
import { prepareOwners } from './owner.ts';
import type { Database } from './schema.ts';

/** What else there is of a user: where it stands, and where it stands once the user was removed. */
const BELONGINGS = [
  ['user_address', 'removed_address'],
  ['salt', 'removed_salt'],
  ['bounce_count', 'removed_bounce_count'],
] as const;

/** Prepares the statements on a writing connection. */
export function prepareRemoval(
  database: Database,
  forget = prepareNotified(database).forget,
): AtOnce<Directory, 'removeUser' | 'eraseUser' | 'restoreUser'> {
  const erase = database.prepare<[number]>('DELETE FROM user WHERE user_number = ?');
  const eraseRemoved = database.prepare<[number]>('DELETE FROM removed_user WHERE user_number = ?');
  const end = (number: number): number => {
    forget(number);
    return erase.run(number).changes;
  };
  const remove = prepareRemove(database, end);
  return {
    removeUser: (name, now) => overwriting(database, () => remove(name, now)),
    eraseUser: (number) => overwriting(database, () => end(number) + eraseRemoved.run(number).changes > 0),
    restoreUser: prepareRestore(database, (number) => eraseRemoved.run(number)),
  };
}

/** Deletes in such a way that of names, addresses and salts nothing stays behind in the file's unused bytes. */
export function overwriting<T>(database: Database, erase: () => T): T {
  database.pragma('secure_delete = ON');
  try {
    return erase();
  } finally {
    database.pragma('secure_delete = OFF');
  }
}

function prepareRemove(
  database: Database,
  erase: (number: number) => unknown,
): AtOnce<Directory>['removeUser'] {
  const columns = columnsOf(database, 'user');
  const move = database
    .prepare<[number, string], number>(
      `INSERT INTO removed_user (${columns}, removed_at) SELECT ${columns}, ? FROM user WHERE name = ?
       RETURNING user_number`,
    )
    .pluck();
  const copies = BELONGINGS.map(([live, removed]) =>
    prepareCopy(database, columnsOf(database, live), live, removed),
  );
  return (name, now) => {
    const number = move.get(now, name);
    if (number === undefined) return false;
    for (const copy of copies) copy(number);
    erase(number);
    return true;
  };
}

function prepareRestore(
  database: Database,
  eraseRemoved: (number: number) => void,
): AtOnce<Directory>['restoreUser'] {
  const find = database.prepare<[number, number], { name: string; by: number | null }>(
    `SELECT name, (SELECT user_number FROM user WHERE user.name = removed_user.name) AS by
     FROM removed_user WHERE user_number = ? AND removed_at > ?`,
  );
  const copies = [['user', 'removed_user'] as const, ...BELONGINGS].map(([live, removed]) =>
    prepareCopy(database, columnsOf(database, live), removed, live),
  );
  const leaveOut = prepareLeaveOut(database);
  const owners = prepareOwners(database);
  const elect = prepareElection(database);
  const userByNumber = prepareUserByNumber(database);
  return (number, now) => {
    const removed = find.get(number, now - RESTORABLE_MS);
    if (removed === undefined) return { kind: 'unknown' };
    if (removed.by !== null) return { kind: 'name-taken', by: removed.by };
    for (const copy of copies) copy(number);
    eraseRemoved(number);
    const threads = owners.release(number, removed.name, now);
    for (const thread of new Set(threads)) elect(thread);
    const leftOut = leaveOut(number);
    const user = userByNumber(number);
    return user === undefined
      ? { kind: 'unknown' }
      : { kind: 'restored', user, released: threads.length, leftOut };
  };
}

/** Lists the columns of the table that a user's rows stand in: those that come back. */
function columnsOf(database: Database, live: string): string {
  return database
    .prepare<[string], string>('SELECT name FROM pragma_table_info(?)')
    .pluck()
    .all(live)
    .join(', ');
}

/** Prepares the copy of one user's rows between two tables. */
function prepareCopy(
  database: Database,
  columns: string,
  from: string,
  to: string,
): (number: number) => void {
  const copy = database.prepare<[number]>(
    `INSERT INTO ${to} (${columns}) SELECT ${columns} FROM ${from} WHERE user_number = ?`,
  );
  return (number) => copy.run(number);
}

/** Prepares the step that takes addresses away which somebody else has as well; gives them, and whose they are. */
function prepareLeaveOut(database: Database): (number: number) => { address: string; user: string }[] {
  const own = database
    .prepare<[number], string>('SELECT address FROM user_address WHERE user_number = ? ORDER BY address')
    .pluck();
  const others = database.prepare<[number], { address: string; user: string }>(
    'SELECT address, name AS user FROM user_address JOIN user USING (user_number) WHERE user_number <> ?',
  );
  const take = database.prepare<[number, string]>(
    'DELETE FROM user_address WHERE user_number = ? AND address = ?',
  );
  return (number) => {
    const addresses = new Map(own.all(number).map((address) => [foldAddress(address), address]));
    const owners = new Map<string, string>();
    for (const { address, user } of others.iterate(number)) {
      const ours = addresses.get(foldAddress(address));
      if (ours !== undefined) owners.set(ours, user);
    }
    return [...owners].map(([address, user]) => {
      take.run(number, address);
      return { address, user };
    });
  };
}

/** Prepares the read of the removed users. */
export function prepareRemovalViews(database: Database): AtOnce<Directory, 'removedUsers'> {
  const all = database.prepare<[], Omit<RemovedUser, 'addresses'> & { addresses: string }>(
    `SELECT user_number AS number, name, removed_at AS removedAt,
       (SELECT json_group_array(address ORDER BY position, address)
        FROM removed_address AS a WHERE a.user_number = u.user_number) AS addresses
     FROM removed_user AS u ORDER BY removed_at DESC, user_number DESC`,
  );
  return {
    removedUsers: () =>
      all.all().map((row) => ({ ...row, addresses: JSON.parse(row.addresses) as string[] })),
  };
}
