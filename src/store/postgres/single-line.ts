/**
 * A connection for one piece of work that may take long: a migration, a copy, a check.
 *
 * Contract: the work is one transaction at most, and is not tried again. It is long because there is much to do: the server
 * ends it neither for its time nor for a pause in it.
 * Failure: an error of the database's, or {@link ConnectionLost}.
 */
import type { StoreAddress } from './address.ts';
import { type Connection, connect } from './connection.ts';
import { COMMIT_ON_DISK, type Statements, statementsOf } from './database.ts';

/** How the connection is made. */
export interface LineOptions {
  readonly address: StoreAddress;
  readonly password: string | undefined;
  /** What the server shows of us in pg_stat_activity. */
  readonly name: string;
}

/** How long one answer may take. */
const ANSWER_MS = 3_600_000;

const UNHURRIED = `SELECT set_config('idle_in_transaction_session_timeout', '0', true), set_config('statement_timeout', '0', true),
  ${COMMIT_ON_DISK}`;

/** Does the work, and ends the connection. */
export async function withLine<T>(
  { address, password, name }: LineOptions,
  work: (line: Connection) => Promise<T>,
): Promise<T> {
  const line = await connect({ address, password, name, answerMs: ANSWER_MS });
  try {
    return await work(line);
  } finally {
    line.end();
  }
}

/** Does the work in a transaction, whose snapshot is not taken before its first query. */
export async function inTransaction<T>(
  line: Connection,
  mode: 'READ COMMITTED' | 'REPEATABLE READ' | 'REPEATABLE READ READ ONLY',
  work: (statements: Statements) => Promise<T>,
  first?: string,
): Promise<T> {
  await line.ask(`BEGIN ISOLATION LEVEL ${mode.replace(' READ ONLY', ', READ ONLY')}`);
  try {
    // A lock that the snapshot is to be behind.
    if (first !== undefined) await line.ask(first);
    await line.ask(UNHURRIED);
    const value = await work(statementsOf((sql, values) => line.ask(sql, values)));
    await line.ask('COMMIT');
    return value;
  } catch (error) {
    if (line.isAlive) await line.ask('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
