/**
 * Users who were removed, in PostgreSQL: their rows move out of everybody's sight, and back while they can be restored.
 *
 * Contract: that of src/store/sqlite/removal.ts. Who comes and goes does so while nothing else moves in the queue.
 * Limits: what a removed row said stands in the table's file until the database clears it away.
 */
import { foldAddress } from '../../mail/address.ts';
import { candidatesOf } from '../address-candidates.ts';
import { type Directory, RESTORABLE_MS, type Restoration } from '../directory.ts';
import type { Statements } from './database.ts';
import { changeDirectory } from './directory-drafts.ts';
import { addressesIn, splitAddresses, userByNumber } from './directory-reads.ts';
import type { Ground } from './ground.ts';

/** What there is of a user, and what comes back: where it stands, where it stands once the user was removed, and the rest. */
const BELONGINGS = [
  ['user_address', 'removed_address', 'address, position'],
  ['salt', 'removed_salt', 'created_at, salt, ends_at'],
  ['bounce_count', 'removed_bounce_count', 'hard, soft, last_at'],
] as const;

const USER = 'user_number, name, enabled, created_at';

/** Gives this part of the port. */
export function removal({
  database,
  clock,
}: Pick<Ground, 'database' | 'clock'>): Pick<
  Directory,
  'removeUser' | 'eraseUser' | 'restoreUser' | 'removedUsers'
> {
  return {
    removeUser: (name, now) =>
      changeDirectory(database, 'alone', (statements) => remove(statements, name, now)),
    eraseUser: (number) => changeDirectory(database, 'alone', (statements) => erase(statements, number)),
    restoreUser: (number, now) =>
      changeDirectory(database, 'alone', (statements) =>
        restore(statements, number, { now, dueAt: clock.toDatabase(now) }),
      ),
    removedUsers: async () => {
      const rows = await database.slowly.rows<RemovedRow>(REMOVED);
      return rows.map(({ number, name, removed_at, addresses }) => {
        return { number, name, removedAt: removed_at, addresses: splitAddresses(addresses) };
      });
    },
  };
}

interface RemovedRow {
  readonly number: number;
  readonly name: string;
  readonly removed_at: number;
  readonly addresses: string | null;
}

const REMOVED = `SELECT user_number AS number, name, removed_at, ${addressesIn('removed_address')} AS addresses
  FROM removed_user AS u ORDER BY removed_at DESC, user_number DESC`;

async function remove(statements: Statements, name: string, now: number): Promise<boolean> {
  const moved = statements.run(
    `INSERT INTO removed_user (${USER}, removed_at) SELECT ${USER}, $2::bigint FROM users WHERE name = $1`,
    [name, now],
  );
  const copies = BELONGINGS.map(([live, removed, columns]) =>
    statements.run(
      `INSERT INTO ${removed} (user_number, ${columns}) SELECT user_number, ${columns} FROM ${live}
       WHERE user_number = (SELECT user_number FROM users WHERE name = $1)`,
      [name],
    ),
  );
  const [count] = await Promise.all([
    moved,
    ...copies,
    statements.run(
      'DELETE FROM notified WHERE user_number = (SELECT user_number FROM users WHERE name = $1)',
      [name],
    ),
    statements.run('DELETE FROM users WHERE name = $1', [name]),
  ]);
  return count > 0;
}

async function erase(statements: Statements, number: number): Promise<boolean> {
  const [, live, removed] = await Promise.all([
    statements.run('DELETE FROM notified WHERE user_number = $1', [number]),
    statements.run('DELETE FROM users WHERE user_number = $1', [number]),
    statements.run('DELETE FROM removed_user WHERE user_number = $1', [number]),
  ]);
  return live + removed > 0;
}

async function restore(
  statements: Statements,
  number: number,
  { now, dueAt }: { readonly now: number; readonly dueAt: number },
): Promise<Restoration> {
  const removed = await statements.first<{ name: string; by: number | null }>(
    `SELECT name, (SELECT user_number FROM users WHERE users.name = removed_user.name) AS by
     FROM removed_user WHERE user_number = $1 AND removed_at > $2`,
    [number, now - RESTORABLE_MS],
  );
  if (removed === undefined) return { kind: 'unknown' };
  if (removed.by !== null) return { kind: 'name-taken', by: removed.by };
  const [released] = await Promise.all([
    release(statements, number, removed.name, dueAt),
    ...bringBack(statements, number),
  ]);
  const electing = statements.run('SELECT mailgw_elect(thread) FROM unnest($1::text[]) AS of (thread)', [
    [...new Set(released)],
  ]);
  const [leftOut] = await Promise.all([leaveOut(statements, number), electing]);
  const user = await userByNumber(statements, number);
  return user === undefined
    ? { kind: 'unknown' }
    : { kind: 'restored', user, released: released.length, leftOut };
}

function bringBack(statements: Statements, number: number): Promise<unknown>[] {
  return [
    statements.run(`INSERT INTO users (${USER}) SELECT ${USER} FROM removed_user WHERE user_number = $1`, [
      number,
    ]),
    ...BELONGINGS.map(([live, removed, columns]) =>
      statements.run(
        `INSERT INTO ${live} (user_number, ${columns}) SELECT user_number, ${columns} FROM ${removed}
         WHERE user_number = $1`,
        [number],
      ),
    ),
    statements.run('DELETE FROM removed_user WHERE user_number = $1', [number]),
  ];
}

/** Makes what was held for want of a user ready; gives the thread of each. */
async function release(
  statements: Statements,
  number: number,
  name: string,
  dueAt: number,
): Promise<readonly string[]> {
  const rows = await statements.rows<{ thread: string }>(
    `UPDATE item SET state = 'ready', due_at = $3, hold_reason = NULL, last_diagnostic = NULL, worker_deaths = 0
     WHERE hold_reason = 'no-user' AND state = 'held' AND user_number = $1 AND user_name = $2 RETURNING thread`,
    [number, name, dueAt],
  );
  return rows.map(({ thread }) => thread);
}

interface Owned {
  readonly address: string;
  readonly user: string;
}

/** Takes addresses away which somebody else has as well; gives them, and whose they are. */
async function leaveOut(statements: Statements, number: number): Promise<readonly Owned[]> {
  const own = await statements.rows<{ address: string }>(
    'SELECT address FROM user_address WHERE user_number = $1 ORDER BY address',
    [number],
  );
  const ours = new Map(own.map(({ address }) => [foldAddress(address), address]));
  const forms = own.flatMap(({ address }) => candidatesOf(address, 'compare').forms);
  // Of those with other letters than ASCII's the database cannot tell what they fold to.
  const others = await statements.rows<Owned>(
    `SELECT address, name AS user FROM user_address JOIN users USING (user_number)
     WHERE user_number <> $1 AND (lower(address) = ANY($2::text[]) OR octet_length(address) <> length(address))
     ORDER BY user_number`,
    [number, forms],
  );
  const owners = new Map<string, string>();
  for (const { address, user } of others) {
    const taken = ours.get(foldAddress(address));
    if (taken !== undefined) owners.set(taken, user);
  }
  const leftOut = [...owners].map(([address, user]) => ({ address, user }));
  await statements.run('DELETE FROM user_address WHERE user_number = $1 AND address = ANY($2::text[])', [
    number,
    leftOut.map(({ address }) => address),
  ]);
  return leftOut;
}
