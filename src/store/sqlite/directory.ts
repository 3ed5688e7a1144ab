/** Users, salts and threads in SQLite: the statements that change them, inside the writer's transaction. */
import { isSameList } from '../../mail/address-list.ts';
import type { Directory, UserChange, WantedUser } from '../directory.ts';
import type { AtOnce } from './at-once.ts';
import { prepareUserByNumber } from './directory-views.ts';
import type { Database } from './schema.ts';

/** Prepares the statements on a writing connection. */
export function prepareDirectory(
  database: Database,
): AtOnce<Directory, 'addUser' | 'setUser' | 'putUsers' | 'rotateSalt' | 'threadNumber' | 'threadNumbers'> {
  const numberOf = database.prepare<[string], { number: number }>(
    'SELECT user_number AS number FROM user WHERE name = ?',
  );
  const setAddresses = prepareAddresses(database);
  const threadNumber = prepareThreadNumber(database);
  const addUser = prepareAddUser(database, setAddresses);
  return {
    addUser,
    putUsers: preparePutUsers(database, addUser, setAddresses),
    setUser: (name, change) => {
      const user = numberOf.get(name);
      if (user === undefined) return false;
      if (change.addresses !== undefined) setAddresses(user.number, change.addresses);
      if (change.enabled !== undefined) {
        database
          .prepare('UPDATE user SET enabled = ? WHERE user_number = ?')
          .run(Number(change.enabled), user.number);
      }
      return true;
    },
    rotateSalt: (name, salt, now, graceEndsAt) => {
      const user = numberOf.get(name);
      if (user === undefined) return false;
      rotate(database, user.number, salt, now, graceEndsAt);
      return true;
    },
    threadNumber,
    threadNumbers: (locators) => locators.map(threadNumber),
  };
}

/** Prepares the replacement of a user's addresses, which keep the order in which they are given. */
export function prepareAddresses(
  database: Database,
): (userNumber: number, addresses: readonly string[]) => void {
  const clear = database.prepare<[number]>('DELETE FROM user_address WHERE user_number = ?');
  const add = database.prepare<[number, string, number]>(
    'INSERT INTO user_address (user_number, address, position) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  return (userNumber, addresses) => {
    clear.run(userNumber);
    for (const [position, address] of addresses.entries()) add.run(userNumber, address, position);
  };
}

/** Prepares the addition of a user. */
export function prepareAddUser(
  database: Database,
  setAddresses: (userNumber: number, addresses: readonly string[]) => void,
): AtOnce<Directory>['addUser'] {
  const userByNumber = prepareUserByNumber(database);
  const insert = database.prepare<[string, number]>(
    'INSERT INTO user (name, enabled, created_at) VALUES (?, 1, ?) ON CONFLICT DO NOTHING',
  );
  return ({ name, addresses, salt, now }) => {
    const { changes, lastInsertRowid } = insert.run(name, now);
    if (changes === 0) return undefined;
    const number = Number(lastInsertRowid);
    setAddresses(number, addresses);
    insertSalt(database, number, salt, now);
    return userByNumber(number);
  };
}

function preparePutUsers(
  database: Database,
  addUser: AtOnce<Directory>['addUser'],
  setAddresses: (userNumber: number, addresses: readonly string[]) => void,
): AtOnce<Directory>['putUsers'] {
  const find = database.prepare<[string], { number: number; enabled: number }>(
    'SELECT user_number AS number, enabled FROM user WHERE name = ?',
  );
  const addressesOf = database
    .prepare<[number], string>(
      'SELECT address FROM user_address WHERE user_number = ? ORDER BY position, address',
    )
    .pluck();
  const enable = database.prepare<[number, number]>('UPDATE user SET enabled = ? WHERE user_number = ?');
  const put = ({ name, addresses, enabled, salt }: WantedUser, now: number): UserChange => {
    const user = find.get(name);
    if (user === undefined) {
      const added = addUser({ name, addresses: addresses ?? [], salt, now });
      if (added !== undefined && enabled === false) enable.run(0, added.number);
      return 'created';
    }
    const isOther = addresses !== undefined && !isSameList(addresses, addressesOf.all(user.number));
    const isTurned = enabled !== undefined && enabled !== (user.enabled === 1);
    if (isOther) setAddresses(user.number, addresses);
    if (isTurned) enable.run(Number(enabled), user.number);
    return isOther || isTurned ? 'changed' : 'unchanged';
  };
  return (users, now) => users.map((user) => put(user, now));
}

function insertSalt(database: Database, userNumber: number, salt: Uint8Array, now: number): void {
  database
    .prepare('INSERT INTO salt (user_number, salt, created_at) VALUES (?, ?, ?)')
    .run(userNumber, salt, now);
}

/**
 * Gives the user a new salt. With a grace period the current one gets an end; without one every older salt goes at
 * once.
 */
function rotate(
  database: Database,
  userNumber: number,
  salt: Uint8Array,
  now: number,
  graceEndsAt: number | undefined,
): void {
  if (graceEndsAt === undefined) {
    database.prepare('DELETE FROM salt WHERE user_number = ?').run(userNumber);
  } else {
    database.prepare('DELETE FROM salt WHERE user_number = ? AND ends_at <= ?').run(userNumber, now);
    database
      .prepare('UPDATE salt SET ends_at = ? WHERE user_number = ? AND ends_at IS NULL')
      .run(graceEndsAt, userNumber);
  }
  insertSalt(database, userNumber, salt, now);
}

/** Prepares the number of a thread, which is made where the locator is new. */
export function prepareThreadNumber(database: Database): (locator: string) => number {
  const find = database.prepare<[string], { number: number }>(
    'SELECT thread_number AS number FROM thread WHERE locator = ?',
  );
  const insert = database.prepare<[string]>('INSERT INTO thread (locator) VALUES (?)');
  return (locator) => find.get(locator)?.number ?? Number(insert.run(locator).lastInsertRowid);
}
