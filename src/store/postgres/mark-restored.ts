/**
 * Tells a database that it was put back from a dump: numbers that it gave after that are out there, and it does not know.
 *
 * Contract: as for a backup of SQLite's: addresses with such numbers are put off for a day, and new users and threads get
 * numbers above them. Which numbers the lost database had given nobody knows, so there is a margin. One dump is marked once.
 */
import { perhapsGiven } from '../restores.ts';
import { StoreError } from '../store-error.ts';
import { placeOf, readAddress } from './address.ts';
import type { Statements } from './database.ts';
import { explain } from './explain.ts';
import { MIGRATIONS } from './migrations.ts';
import { requireCompatible } from './schema.ts';
import { inTransaction, withLine } from './single-line.ts';

/** The mark. */
export interface RestoredMark {
  readonly restoredAt: number;
  /** Whether the database had it already. */
  readonly isOld: boolean;
  /** The numbers from which on users and threads are new to it. */
  readonly users: { readonly known: number; readonly upTo: number };
  readonly threads: { readonly known: number; readonly upTo: number };
}

/** The times of a mark, in milliseconds since the epoch. */
export interface RestoredTimes {
  readonly backedUpAt: number;
  readonly now: number;
}

/** Marks the database at a URL. */
export async function markRestored(
  url: string,
  password: string | undefined,
  times: RestoredTimes,
): Promise<RestoredMark> {
  const read = readAddress(url);
  if (!read.ok) throw new StoreError('unusable', read.problem);
  const { address } = read;
  const place = placeOf(address);
  try {
    return await withLine({ address, password, name: 'mailgw-ctl db restored' }, (line) =>
      inTransaction(line, 'READ COMMITTED', async (statements) => {
        await requireCompatible(statements, MIGRATIONS.length, place);
        return await mark(statements, times);
      }),
    );
  } catch (error) {
    throw explain(place, error);
  }
}

interface Row {
  readonly restored_at: number;
  readonly user_number: number;
  readonly user_up_to: number;
  readonly thread_number: number;
  readonly thread_up_to: number;
}

const FIND = `SELECT restored_at, user_number, user_up_to, thread_number, thread_up_to
  FROM restore WHERE backed_up_at = $1 LIMIT 1`;

const sequence = (table: string, column: string): string =>
  `pg_get_serial_sequence('${table}', '${column}')::regclass`;

const USERS = sequence('users', 'user_number');
const THREADS = sequence('thread', 'thread_number');

async function mark(statements: Statements, { backedUpAt, now }: RestoredTimes): Promise<RestoredMark> {
  // Nobody is to be given a number meanwhile, nor is another one to mark it.
  await statements.run('LOCK TABLE users, thread, restore IN SHARE ROW EXCLUSIVE MODE');
  const known = await statements.first<Row>(FIND, [backedUpAt]);
  if (known !== undefined) return toMark(known, true);
  const given = await statements.first<{ users: number; threads: number }>(
    `SELECT coalesce(pg_sequence_last_value(${USERS}), 0)::bigint AS users,
       coalesce(pg_sequence_last_value(${THREADS}), 0)::bigint AS threads`,
  );
  const [users, threads] = [given?.users ?? 0, given?.threads ?? 0];
  const row: Row = {
    restored_at: now,
    ...{ user_number: users, user_up_to: perhapsGiven(users) },
    ...{ thread_number: threads, thread_up_to: perhapsGiven(threads) },
  };
  await statements.run(
    `INSERT INTO restore (restored_at, backed_up_at, user_number, user_up_to, thread_number, thread_up_to)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [now, backedUpAt, row.user_number, row.user_up_to, row.thread_number, row.thread_up_to],
  );
  await statements.run(`SELECT setval(${USERS}, $1), setval(${THREADS}, $2)`, [
    row.user_up_to,
    row.thread_up_to,
  ]);
  return toMark(row, false);
}

function toMark(row: Row, isOld: boolean): RestoredMark {
  return {
    restoredAt: row.restored_at,
    isOld,
    users: { known: row.user_number, upTo: row.user_up_to },
    threads: { known: row.thread_number, upTo: row.thread_up_to },
  };
}
