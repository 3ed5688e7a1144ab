/**
 * The store's PostgreSQL as its ports have it: reads, statements, and transactions.
 *
 * Contract: a read goes out at once on a shared connection, together with whatever else is asked in that turn, and is asked
 * again where its connection was lost. Of a server that lets nobody in one at a time asks, and not again at once; the others
 * wait for that answer, or have the last one. `slowly` has a connection of its own: who lists a million rows stops no mail.
 * A transaction has a connection to itself and never waits for anybody but the database; one that another transaction
 * defeats is tried again. Each of them holds the queue's lock: shared, as items come and go in their threads, or alone,
 * where the operator changes what threads and users are.
 * Failure: an error of the database's, or {@link ConnectionLost}. Of a transaction that was lost in its COMMIT nobody
 * knows; see {@link Work}.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StoreAddress } from './address.ts';
import { type Answer, type Connection, connect, type Value } from './connection.ts';
import { ConnectionLost, isAftermath, isConflict, isLoss, TakesNoWrites } from './explain.ts';

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
  /** Reads bytes: a statement all of whose columns are bytea. */
  bytes(sql: string, values: readonly Value[]): Promise<Uint8Array[]>;
  /** Carries out a transaction; where its COMMIT was lost, rejects with {@link CommitUnknown}. */
  transact<T>(demands: Demands, work: Work<T>): Promise<T>;
  /** Carries out one call of a function that is a transaction by itself, and may be repeated: by what it was given it knows itself. */
  call<Row>(sql: string, values: readonly Value[], isRepeatedUntil: number): Promise<Row[]>;
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

/** The options of a database. */
export interface DatabaseOptions {
  readonly address: StoreAddress;
  readonly password: string | undefined;
  readonly name: string;
  /** Connections for transactions, at most. */
  readonly most: number;
}

/** How long an answer may take, and one of a slow read. */
const ANSWER_MS = 10_000;
const SLOW_MS = 300_000;

/** How often a transaction is tried again that others defeat, and how long it pauses. */
const MOST_CONFLICTS = 10;
const CONFLICT_MS = 5;

/** The pause before a call is repeated on another connection. */
const REPEAT_MS = 100;

/** The pause between two attempts to connect to a server that let nobody in. */
const AWAY_MS = 200;

/** The key of the queue's lock: "mailgw q". */
export const QUEUE_LOCK = '7881696737188323441';

/** A transaction that a daemon leaves open because it was stopped in it holds up nobody for longer. */
const ASLEEP_MS = 5000;

const BEGIN = {
  durable: `SELECT set_config('idle_in_transaction_session_timeout', '${ASLEEP_MS}', true), set_config('synchronous_commit',
    CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)`,
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
    bytes: async (sql, values) => {
      const { rows } = await again(
        () => lines.read(),
        (line) => line.ask<Record<string, Uint8Array>>(sql, values),
      );
      return rows.flatMap((row) => Object.values(row));
    },
    transact,
    call,
    close: () => lines.close(),
  };
}

/** The connections: those that are shared, and those that transactions have to themselves. */
class Lines {
  readonly #options: DatabaseOptions;
  readonly #shared = new Map<'read' | 'slow', Promise<Connection>>();
  readonly #idle: Connection[] = [];
  readonly #waiting: ((line: Promise<Connection>) => void)[] = [];
  #lent = 0;
  /** Why the last attempt to connect failed, and when; undefined where it did not. */
  #refusal: { readonly error: unknown; readonly atMs: number } | undefined;
  /** The attempt after one that failed. */
  #probe: Promise<unknown> | undefined;
  #isClosed = false;

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  read(): Promise<Connection> {
    return this.#sharedOne('read', ANSWER_MS);
  }

  slow(): Promise<Connection> {
    return this.#sharedOne('slow', SLOW_MS);
  }

  #sharedOne(kind: 'read' | 'slow', answerMs: number): Promise<Connection> {
    const known = this.#shared.get(kind);
    if (known !== undefined) return known;
    const forget = (): void => {
      if (this.#shared.get(kind) === line) this.#shared.delete(kind);
    };
    const line = this.#connect(answerMs, forget);
    this.#shared.set(kind, line);
    line.catch(forget);
    return line;
  }

  async #connect(answerMs: number, onEnd?: () => void): Promise<Connection> {
    if (this.#isClosed) throw new Error('the store is closed');
    if (this.#probe !== undefined) await this.#probe;
    else if (this.#refusal !== undefined && performance.now() - this.#refusal.atMs < AWAY_MS)
      throw this.#refusal.error;
    const line = this.#attempt(answerMs, onEnd);
    if (this.#refusal === undefined) return await line;
    this.#probe = line;
    try {
      return await line;
    } finally {
      this.#probe = undefined;
    }
  }

  /** Tries to connect, and notes how that ends. */
  async #attempt(answerMs: number, onEnd: (() => void) | undefined): Promise<Connection> {
    try {
      const line = await this.#make(answerMs, onEnd);
      this.#refusal = undefined;
      return line;
    } catch (error) {
      this.#refusal = { error, atMs: performance.now() };
      throw error;
    }
  }

  async #make(answerMs: number, onEnd: (() => void) | undefined): Promise<Connection> {
    const { address, password, name } = this.#options;
    return await connect({
      address,
      password,
      name,
      answerMs,
      onEnd: (loss) => {
        onEnd?.();
        if (loss instanceof TakesNoWrites && address.servers.length > 1) this.#leave();
      },
    });
  }

  /** Ends what is connected to a server that takes no writes any more: another one is the primary. */
  #leave(): void {
    for (const line of this.#idle.splice(0)) line.end();
    const shared = [...this.#shared.values()];
    this.#shared.clear();
    for (const line of shared)
      line.then(
        (connection) => {
          connection.end();
        },
        () => undefined,
      );
  }

  /** Lends a connection for a transaction. */
  async borrow(): Promise<Connection> {
    for (let line = this.#idle.pop(); line !== undefined; line = this.#idle.pop()) {
      if (!line.isAlive) continue;
      this.#lent++;
      return line;
    }
    if (this.#lent >= this.#options.most)
      return await new Promise<Connection>((resolve) => {
        this.#waiting.push(resolve);
      });
    this.#lent++;
    return await this.#connect(ANSWER_MS).catch((error: unknown) => {
      this.#passOn(undefined);
      throw error;
    });
  }

  /** Takes one back; one that is not at the end of a transaction is ended. */
  giveBack(line: Connection): void {
    this.#passOn(line.isAlive ? line : undefined);
  }

  #passOn(line: Connection | undefined): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(
        line === undefined
          ? this.#connect(ANSWER_MS).catch((error: unknown) => {
              this.#passOn(undefined);
              throw error;
            })
          : Promise.resolve(line),
      );
      return;
    }
    this.#lent--;
    if (line === undefined) return;
    if (this.#isClosed) line.end();
    else this.#idle.push(line);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const shared = await Promise.allSettled(this.#shared.values());
    for (const line of shared) if (line.status === 'fulfilled') line.value.end();
    for (const line of this.#idle.splice(0)) line.end();
  }
}

function statementsOn(line: () => Promise<Connection>): Statements {
  const ask = <Row>(sql: string, values?: readonly Value[]): Promise<Answer<Row>> =>
    again(line, (connection) => connection.ask<Row>(sql, values));
  return statementsOf(ask);
}

function statementsOf(
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
  const call = async <Row>(
    sql: string,
    values: readonly Value[],
    isRepeatedUntil: number,
  ): Promise<Row[]> => {
    for (;;) {
      try {
        return await callOnce<Row>(sql, values);
      } catch (error) {
        const isAgain = isConflict(error) || isLoss(error);
        if (!isAgain || performance.now() > isRepeatedUntil) throw error;
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
