/**
 * The bell in PostgreSQL: LISTEN on a connection of its own, NOTIFY beside everything else.
 *
 * Contract: NOTIFY takes a lock of the whole cluster through its commit, so it is never part of an accept or a settlement:
 * it goes out by itself, at most one in {@link RING_MS}, without anybody waiting for it, and not at all where no other host
 * is at work. Who listens is told anew after every connect, since a ring may have been missed. Behind a pooler that gives each
 * transaction another connection nobody can listen: the store is looked at every second anyhow.
 * Failure: a connection that dies, or does not answer in time, is replaced; a ring that fails is lost.
 */
import type { DueBell } from '../bell.ts';
import { type Connection, type ConnectionOptions, connect } from './connection.ts';
import type { Statements } from './database.ts';

const CHANNEL = 'mailgw';

/** The time in which rings are one. */
const RING_MS = 100;

/** The time after which the connection is asked whether it lives, and the pause before another one is made. */
const ASK_MS = 10_000;
const RETRY_MS = 2000;

/** The options of a bell. */
export interface BellOptions {
  /** How to listen; undefined where nobody is to. */
  readonly line: ConnectionOptions | undefined;
  readonly statements: Statements;
  /** Says who rings, so that a bell does not wake its own house. */
  readonly ringer: string;
  /** Tells whether there is somebody to ring for. */
  readonly hasCompany: () => boolean;
}

// It promises nothing: its commit waits for no disk.
const RING = `SELECT set_config('synchronous_commit', 'off', true), pg_notify('${CHANNEL}', $1)`;

/** A bell. Its life: made, `listen` where it is to, any number of `ring`, `close`. */
export class PostgresBell implements DueBell {
  readonly #options: BellOptions;
  readonly #listeners: (() => void)[] = [];
  #line: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ringTimer: NodeJS.Timeout | undefined;
  #rungAt = -Infinity;
  #ringing: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(options: BellOptions) {
    this.#options = options;
    void this.#listen();
  }

  readonly onDue = (listener: () => void): void => {
    this.#listeners.push(listener);
  };

  /** Tells the other hosts that something may be due. */
  readonly ring = (): void => {
    if (this.#isClosed || this.#ringTimer !== undefined || !this.#options.hasCompany()) return;
    const waitMs = this.#rungAt + RING_MS - performance.now();
    if (waitMs <= 0) this.#notify();
    else this.#ringTimer = setTimeout(this.#notify, waitMs);
  };

  readonly #notify = (): void => {
    clearTimeout(this.#ringTimer);
    this.#ringTimer = undefined;
    this.#rungAt = performance.now();
    const { statements, ringer } = this.#options;
    this.#ringing = statements.run(RING, [ringer]).catch(() => undefined);
  };

  async #listen(): Promise<void> {
    const { line } = this.#options;
    if (line === undefined || this.#isClosed) return;
    try {
      const connection = await connect({ ...line, onEnd: this.#lost });
      this.#line = connection;
      if (this.#hasEnded()) connection.end();
      connection.client.on('notification', ({ payload }) => {
        if (payload !== this.#options.ringer) this.#tell();
      });
      await connection.ask(`LISTEN ${CHANNEL}`);
      this.#tell();
      this.#askAgain(connection);
    } catch {
      this.#line?.end();
      this.#lost();
    }
  }

  /** Asks now and then whether it lives: it was seen to die without a word. */
  #askAgain(connection: Connection): void {
    if (this.#isClosed || !connection.isAlive) return;
    this.#timer = setTimeout(() => {
      connection.ask('SELECT 1').then(
        () => {
          this.#askAgain(connection);
        },
        () => undefined, // its end was told
      );
    }, ASK_MS).unref();
  }

  /** Asked anew after a wait. */
  #hasEnded(): boolean {
    return this.#isClosed;
  }

  readonly #lost = (): void => {
    clearTimeout(this.#timer);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#listen(), RETRY_MS).unref();
  };

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Rings for the last time where that is owed, and ends. */
  async close(): Promise<void> {
    if (this.#ringTimer !== undefined) this.#notify();
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#line?.end();
    await this.#ringing;
  }
}
