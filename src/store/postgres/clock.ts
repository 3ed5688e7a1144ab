/**
 * The clock of leases: the database's, which is the same for all hosts.
 *
 * Contract: due times and ends of leases lie in the store by the database's clock, and are given and taken by this host's.
 * The difference is measured again and again; what is less than {@link NOISE_MS} is the way there and back, and counts as
 * none. When this host's clock is set, the difference changes and the store stays as it is. There are two who notice that,
 * in any order: whoever measures, and whoever asks the queue to follow. It counts once.
 */
import { type Moment, thisMoment } from '../../system/moment.ts';
import type { Statements } from './database.ts';

/** A difference that a measurement may be off by. */
const NOISE_MS = 250;

/** The time by the database's clock, as SQL reads it. */
export const DATABASE_NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

/** The clock. Its life: `measure` at the beginning and now and then. */
export class DatabaseClock {
  #aheadMs = 0;
  #measuredMs = 0;
  /** The wall clock less the monotonic one, for which the difference is right: it grows when the clock is set. */
  #offsetMs: number;
  /** By how much the clock was seen to be set that nobody has told of yet. */
  #untoldMs = 0;

  constructor(now: Moment = thisMoment()) {
    this.#offsetMs = now.wall - now.monotonic;
  }

  /** Gives the database's clock less this host's, as it was measured last. */
  get differenceMs(): number {
    return this.#measuredMs;
  }

  /** Gives a time of this host's clock by the database's. */
  readonly toDatabase = (at: number): number => at + this.#aheadMs;

  /** Gives a time of the database's clock by this host's. */
  readonly toHost = (at: number): number => at - this.#aheadMs;

  /** Follows this host's clock, which was set by so much; what was followed already counts no second time. */
  moved(byMs: number): void {
    const restMs = byMs - this.#untoldMs;
    this.#untoldMs = 0;
    if (Math.abs(restMs) > NOISE_MS) this.#follow(restMs);
  }

  /** Measures the difference. */
  async measure(statements: Statements): Promise<void> {
    const before = thisMoment();
    const row = await statements.first<{ at: number }>(`SELECT ${DATABASE_NOW} AS at`);
    const after = thisMoment();
    this.hear(row?.at ?? after.wall, before, after);
  }

  /** Takes a time of the database's that was read between two moments of this host's. */
  hear(at: number, before: Moment, after: Moment): void {
    const setMs = Math.round(after.wall - after.monotonic - this.#offsetMs);
    if (Math.abs(setMs) > NOISE_MS) {
      this.#follow(setMs);
      this.#untoldMs += setMs;
    }
    // By the clock that nobody sets, or one that is set just now would look like a long way.
    const wayMs = after.monotonic - before.monotonic;
    this.#measuredMs = Math.round(at - (after.wall - wayMs / 2));
    const off = Math.abs(this.#measuredMs - this.#aheadMs);
    if (off > NOISE_MS + wayMs) this.#aheadMs = Math.abs(this.#measuredMs) <= NOISE_MS ? 0 : this.#measuredMs;
  }

  #follow(byMs: number): void {
    this.#aheadMs -= byMs;
    this.#offsetMs += byMs;
  }
}
