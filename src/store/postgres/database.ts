/**
 * The store's PostgreSQL as its ports have it: reads, statements, and transactions.
 *
 * Contract: a read goes out at once on a shared connection, together with whatever else is asked in that turn, and is asked
 * again where its connection was lost. `slowly` has a connection of its own: who lists a million rows stops no mail.
 * A transaction has a connection to itself and never waits for anybody but the database; one that another transaction
 * defeats is tried again. Each of them holds the queue's lock: shared, as items come and go in their threads, or alone,
 * where the operator changes what threads and users are.
 * Failure: an error of the database's, or {@link ConnectionLost}. Of a transaction that was lost in its COMMIT nobody
 * knows ({@link CommitUnknown}); repeatable.ts has those that may come twice.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '../health.ts';
import type { Answer, Connection, Value } from './connection.ts';
import { ConnectionLost, isAftermath, isConflict, isLoss } from './explain.ts';
import { type DatabaseOptions, Lines } from './lines.ts';

/** Statements, each a transaction of its own or all of them one. */
export interface Statements {
  /** Gives the rows of a statement. */
  rows<Row>(sql: string, values?: readonly Value[]): Promise<Row[]>;
  /** Gives the first row of a statement. */
  first<Row>(sql: string, values?: readonly Value[]): Promise<Row | undefined>;
  /** Carries a statement out: how many rows it changed. */
  run(sql: string, values?: readonly Value[]): Promise<number>;
}

/** The demands of a transaction. */
export interface Demands {
  /** How it holds the queue's lock. */
  readonly lock: 'shared' | 'alone' | 'none';
  /** Whether it promises anything: then its commit is on disk, and on a synchronous standby. */
  readonly isDurable: boolean;
}

/**
 * The work of a transaction. It may be done again after a conflict, or when a connection was lost before the COMMIT, and so
 * changes nothing but the database.
 */
export type Work<T> = (statements: Statements) => Promise<T>;

/** The database. */
export interface Database {
  /** Reads, shared by all. */
  readonly reads: Statements;
  /** Reads that may take long. */
  readonly slowly: Statements;
  /** Carries out a transaction; where its COMMIT was lost, rejects with {@link CommitUnknown}. */
  transact<T>(demands: Demands, work: Work<T>): Promise<T>;
  /**
   * Carries out one call of a function that is a transaction by itself, and may be repeated: by what it was given it knows
   * itself, or by being told that it may have been carried out before.
   */
  call<Row>(
    sql: string,
    values: readonly Value[] | ((isAgain: boolean) => readonly Value[]),
    isRepeatedUntil: number,
  ): Promise<Row[]>;
  /** Counts the connections for transactions. */
  readonly pool: () => Pool;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Nobody knows whether a transaction was committed. */
export class CommitUnknown extends ConnectionLost {
  constructor(cause: unknown) {
    super('the connection was lost while the transaction was being committed', { cause });
    this.name = 'CommitUnknown';
  }
}

/** How often a transaction is tried again that others defeat, and how long it pauses. */
const MOST_CONFLICTS = 10;
const CONFLICT_MS = 5;

/** The pause before a call is repeated on another connection. */
const REPEAT_MS = 100;

/** The key of the queue's lock: "mailgw q". */
export const QUEUE_LOCK = '7881696737188323441';

/** A transaction that a daemon leaves open because it was stopped in it holds up nobody for longer. */
const ASLEEP_MS = 5000;

/** Has the commit of a transaction on disk, and on a synchronous standby; one that applies it first goes on doing so. */
export const COMMIT_ON_DISK = `set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)`;

const BEGIN = {
  durable: `SELECT set_config('idle_in_transaction_session_timeout', '${ASLEEP_MS}', true), ${COMMIT_ON_DISK}`,
  lazy: `SELECT set_config('idle_in_transaction_session_timeout', '${ASLEEP_MS}', true), set_config('synchronous_commit', 'off', true)`,
};

const LOCK: Readonly<Record<Demands['lock'], string>> = {
  none: '',
  shared: `, pg_advisory_xact_lock_shared(${QUEUE_LOCK})`,
  alone: `, pg_advisory_xact_lock(${QUEUE_LOCK})`,
};

/** Opens the database; rejects where no connection can be made. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const lines = new Lines(options);
  await lines.read();
  const { transact, call } = transactions(lines);
  return {
    reads: statementsOn(() => lines.read()),
    slowly: statementsOn(() => lines.slow()),
    transact,
    call,
    pool: () => lines.pool,
    close: () => lines.close(),
  };
}

function statementsOn(line: () => Promise<Connection>): Statements {
  const ask = <Row>(sql: string, values?: readonly Value[]): Promise<Answer<Row>> =>
    again(line, (connection) => connection.ask<Row>(sql, values));
  return statementsOf(ask);
}

/** Gives statements by the way in which one is asked. */
export function statementsOf(
  ask: <Row>(sql: string, values?: readonly Value[]) => Promise<Answer<Row>>,
): Statements {
  return {
    rows: async <Row>(sql: string, values?: readonly Value[]) => (await ask<Row>(sql, values)).rows,
    first: async <Row>(sql: string, values?: readonly Value[]) => (await ask<Row>(sql, values)).rows[0],
    run: async (sql, values) => (await ask(sql, values)).count,
  };
}

/** Asks, and once more on another connection where the first was lost: it may have been dead for long. */
async function again<T>(line: () => Promise<Connection>, ask: (line: Connection) => Promise<T>): Promise<T> {
  const first = await line();
  try {
    return await ask(first);
  } catch (error) {
    if (!(error instanceof ConnectionLost)) throw error;
    return await ask(await line());
  }
}

function transactions(lines: Lines): Pick<Database, 'transact' | 'call'> {
  const attempt = async <T>(demands: Demands, work: Work<T>): Promise<T> => {
    const line = await lines.borrow();
    try {
      return await within(line, demands, work);
    } finally {
      lines.giveBack(line);
    }
  };
  const transact = async <T>(demands: Demands, work: Work<T>): Promise<T> => {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt(demands, work);
      } catch (error) {
        const isAgain =
          isConflict(error) ||
          (error instanceof ConnectionLost && !(error instanceof CommitUnknown) && tries === 1);
        if (!isAgain || tries >= MOST_CONFLICTS) throw error;
      }
      await sleep(CONFLICT_MS * tries * Math.random());
    }
  };
  const callOnce = async <Row>(sql: string, values: readonly Value[]): Promise<Row[]> => {
    const line = await lines.borrow();
    try {
      return (await line.ask<Row>(sql, values)).rows;
    } finally {
      lines.giveBack(line);
    }
  };
  const call: Database['call'] = async <Row>(
    sql: string,
    values: readonly Value[] | ((isAgain: boolean) => readonly Value[]),
    isRepeatedUntil: number,
  ) => {
    for (let isAgain = false; ; ) {
      try {
        return await callOnce<Row>(sql, typeof values === 'function' ? values(isAgain) : values);
      } catch (error) {
        const isLost = isLoss(error);
        if ((!isLost && !isConflict(error)) || performance.now() > isRepeatedUntil) throw error;
        isAgain ||= isLost;
      }
      await sleep(REPEAT_MS);
    }
  };
  return { transact, call };
}

/** Carries out one transaction on a connection, which is ended where its state is not known. */
async function within<T>(line: Connection, { lock, isDurable }: Demands, work: Work<T>): Promise<T> {
  // The answers come in order: the first error is the reason of those after it.
  const errors: unknown[] = [];
  const ask = async <Row>(sql: string, values?: readonly Value[]): Promise<Answer<Row>> => {
    try {
      return await line.ask<Row>(sql, values);
    } catch (error) {
      errors.push(error);
      throw error;
    }
  };
  const begun = ask('BEGIN');
  const set = ask(`${isDurable ? BEGIN.durable : BEGIN.lazy}${LOCK[lock]}`);
  // They fail together with the work's first statement.
  begun.catch(() => undefined);
  set.catch(() => undefined);
  let value: T;
  try {
    value = await work(statementsOf(ask));
    await set;
  } catch (error) {
    await line.ask('ROLLBACK').catch(() => {
      line.end();
    });
    throw isAftermath(error) ? errors[0] : error;
  }
  let command: string;
  try {
    ({ command } = await line.ask('COMMIT'));
  } catch (error) {
    throw error instanceof ConnectionLost ? new CommitUnknown(error) : error;
  }
  if (command !== 'COMMIT')
    throw new Error('the transaction was rolled back: one of its statements had failed');
  return value;
}
