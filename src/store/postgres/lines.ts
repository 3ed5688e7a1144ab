/**
 * The connections of a store to its PostgreSQL: one for all reads, one for those that may take long, and as many as are allowed
 * for transactions, each of which has one to itself.
 *
 * Contract: a connection is made when it is wanted, and kept. Whoever wants one when all are lent has the next that comes
 * back. Of a server that lets nobody in one at a time asks, and not again within {@link AWAY_MS}; the others wait for that
 * answer, or have the last one.
 * Failure: what kept the last connection from being made.
 */
import type { Pool } from '../health.ts';
import type { StoreAddress } from './address.ts';
import { type Connection, connect } from './connection.ts';
import { TakesNoWrites } from './explain.ts';

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

/** The pause between two attempts to connect to a server that let nobody in. */
const AWAY_MS = 200;

/** The connections of a store: those that are shared, and those that transactions have to themselves. */
export class Lines {
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

  /** Those for transactions that are lent, and who waits for one. */
  get pool(): Pool {
    return { lent: this.#lent, waiting: this.#waiting.length };
  }

  /** Gives the connection of all reads. */
  read(): Promise<Connection> {
    return this.#sharedOne('read', ANSWER_MS);
  }

  /** Gives the connection of reads that may take long. */
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

  /** Ends those that are nobody's now; what is lent ends when it is given back. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const shared = await Promise.allSettled(this.#shared.values());
    for (const line of shared) if (line.status === 'fulfilled') line.value.end();
    for (const line of this.#idle.splice(0)) line.end();
  }
}
