/**
 * Another name for a user or a thread, in PostgreSQL: the number, and all that rests on it, stays.
 *
 * Contract: that of src/store/sqlite/renaming.ts. Nothing else moves in the queue meanwhile. What other hosts write of the
 * same place beside the queue, a notice or an original, is seen, or has the renaming tried again.
 */
import { type Directory, RESTORABLE_MS, type Renaming, type ThreadRenaming } from '../directory.ts';
import type { Database, Statements } from './database.ts';
import { changeDirectory } from './directory-drafts.ts';
import { userByNumber } from './directory-reads.ts';
import { codeOf } from './explain.ts';
import { OPEN } from './tables.ts';

/** Gives this part of the port. */
export function renaming(
  database: Pick<Database, 'transact'>,
): Pick<Directory, 'renameUser' | 'renameThread'> {
  return {
    renameUser: (from, to, now) =>
      besideOthers(() =>
        changeDirectory(database, 'alone', (statements) => renameUser(statements, from, to, now)),
      ),
    renameThread: (from, to, now) =>
      besideOthers(() =>
        database.transact({ lock: 'alone', isDurable: true }, (statements) =>
          renameThread(statements, from, to, now),
        ),
      ),
  };
}

const MOST_TRIES = 5;

/** Tries again where another host wrote of the new place meanwhile what the old one has as well: then that is seen. */
async function besideOthers<T>(rename: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await rename();
    } catch (error) {
      if (codeOf(error) !== TWICE || tries === MOST_TRIES) throw error;
    }
  }
}

/** The SQLSTATE of a row that is there already. */
const TWICE = '23505';

async function renameUser(statements: Statements, from: string, to: string, now: number): Promise<Renaming> {
  const [users, removed] = await Promise.all([
    statements.rows<{ name: string; number: number }>(
      'SELECT name, user_number AS number FROM users WHERE name IN ($1, $2)',
      [from, to],
    ),
    statements.first<{ by: number; removed_at: number }>(
      `SELECT user_number AS by, removed_at FROM removed_user
       WHERE name = $1 AND removed_at > $2 ORDER BY removed_at DESC LIMIT 1`,
      [to, now - RESTORABLE_MS],
    ),
  ]);
  const numberOf = (name: string): number | undefined => users.find((user) => user.name === name)?.number;
  const number = numberOf(from);
  if (number === undefined) return { kind: 'unknown' };
  const by = numberOf(to);
  if (by !== undefined && by !== number) return { kind: 'taken', by };
  if (removed !== undefined && from !== to)
    return { kind: 'removed', by: removed.by, removedAt: removed.removed_at };
  const following = follow(statements, number, from, to);
  const [user] = await Promise.all([userByNumber(statements, number), ...following]);
  return user === undefined ? { kind: 'unknown' } : { kind: 'renamed', user };
}

function follow(statements: Statements, number: number, from: string, to: string): Promise<unknown>[] {
  return [
    statements.run('UPDATE users SET name = $1 WHERE user_number = $2', [to, number]),
    // Items of before there were numbers are known by the name alone.
    statements.run(
      'UPDATE item SET user_name = $1 WHERE user_number = $2 OR user_number IS NULL AND user_name = $3',
      [to, number, from],
    ),
    // Where somebody of that name was told the same today, the row keeps the old one: G7 counts by name.
    statements.run(
      `UPDATE notice SET user_name = $1 WHERE notice_number IN
         (SELECT DISTINCT ON (kind, day) notice_number FROM notice WHERE user_number = $2 ORDER BY kind, day, notice_number)
       AND NOT EXISTS (SELECT FROM notice AS there
         WHERE there.user_name = $1 AND there.kind = notice.kind AND there.day = notice.day)`,
      [to, number],
    ),
    statements.run('UPDATE notification SET user_name = $1 WHERE user_number = $2', [to, number]),
  ];
}

async function renameThread(
  statements: Statements,
  from: string,
  to: string,
  now: number,
): Promise<ThreadRenaming> {
  const threads = await statements.rows<{ locator: string; number: number }>(
    'SELECT locator, thread_number AS number FROM thread WHERE locator IN ($1, $2)',
    [from, to],
  );
  const numberOf = (locator: string): number | undefined =>
    threads.find((thread) => thread.locator === locator)?.number;
  const known = numberOf(from);
  const by = numberOf(to);
  if (by !== undefined && by !== known) return { kind: 'taken', by };
  const number = known ?? (await addThread(statements, from));
  const moves = from === to ? [] : [...rename(statements, number, from, to, now)];
  const [open] = await Promise.all([
    from === to ? countOpen(statements, from) : moveItems(statements, from, to),
    ...moves,
  ]);
  return { kind: 'renamed', number, wasKnown: known !== undefined, open };
}

async function addThread(statements: Statements, locator: string): Promise<number> {
  const row = await statements.first<{ number: number }>(
    'INSERT INTO thread (locator) VALUES ($1) RETURNING thread_number AS number',
    [locator],
  );
  if (row === undefined) throw new Error(`thread ${locator} was not added`);
  return row.number;
}

/** Gives the thread its locator, and what else is known of it; where the new place has the same already, that stays. */
function rename(
  statements: Statements,
  number: number,
  from: string,
  to: string,
  now: number,
): Promise<unknown>[] {
  return [
    statements.run(
      `INSERT INTO former_locator (locator, thread_number, renamed_at) VALUES ($1, $2, $3)
       ON CONFLICT (locator, thread_number) DO UPDATE SET renamed_at = excluded.renamed_at`,
      [from, number, now],
    ),
    statements.run('UPDATE thread SET locator = $1 WHERE thread_number = $2', [to, number]),
    statements.run('UPDATE notification SET thread = $1 WHERE thread = $2', [to, from]),
    ...MEMORY.flatMap(([table, key]) => [
      statements.run(
        `UPDATE ${table} AS its SET thread = $1 WHERE thread = $2 AND NOT EXISTS
           (SELECT FROM ${table} AS there WHERE there.thread = $1 AND ${isSame(key)})`,
        [to, from],
      ),
      statements.run(`DELETE FROM ${table} WHERE thread = $1`, [from]),
    ]),
  ];
}

/** What is known of the posts of a thread, and what there is once in it. */
const MEMORY = [
  ['known_original', ['replied_to_at', 'digest']],
  ['address_context', ['user_number', 'replied_to_at']],
] as const;

const isSame = (key: readonly string[]): string =>
  key.map((column) => `there.${column} = its.${column}`).join(' AND ');

async function countOpen(statements: Statements, thread: string): Promise<number> {
  const row = await statements.first<{ count: number }>(
    `SELECT count(*) AS count FROM item WHERE thread = $1 AND (state IN ${OPEN} OR state = 'held')`,
    [thread],
  );
  return row?.count ?? 0;
}

// One head at most: an attempt under way keeps the place, the older thread's where both have one.
const BEHEAD = `UPDATE item SET head = false WHERE head AND thread =
  CASE WHEN EXISTS (SELECT FROM item WHERE thread = $1 AND head AND state = 'leased')
    AND NOT EXISTS (SELECT FROM item WHERE thread = $2 AND head AND state = 'leased') THEN $2::text ELSE $1::text END`;

/** Moves the items of a thread; gives how many of them are not posted yet. */
async function moveItems(statements: Statements, from: string, to: string): Promise<number> {
  const [open] = await Promise.all([
    countOpen(statements, from),
    statements.run(BEHEAD, [from, to]),
    statements.run('UPDATE item SET thread = $1, lane = mailgw_lane_of($1) WHERE thread = $2', [to, from]),
    // A bounce has its order for itself, and the thread that it is told of beside it.
    statements.run('UPDATE item SET bounce_thread = $1, lane = mailgw_lane_of($1) WHERE bounce_thread = $2', [
      to,
      from,
    ]),
    statements.run('SELECT mailgw_elect($1)', [to]),
  ]);
  return open;
}
