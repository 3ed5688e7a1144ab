/**
 * The clock of leases: the database's, which is the same for all hosts.
 *
 * Contract: due times and ends of leases lie in the store by the database's clock, and are given and taken by this host's.
 * The difference is measured again and again; what is less than {@link NOISE_MS} is the way there and back, and counts as
 * none. When this host's clock is set, the difference changes and the store stays as it is.
 */
import type { Statements } from './database.ts';

/** A difference that a measurement may be off by. */
const NOISE_MS = 250;

/** The time by the database's clock, as SQL reads it. */
export const DATABASE_NOW = '(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

/** The clock. Its life: `measure` at the beginning and now and then. */
export class DatabaseClock {
  #aheadMs = 0;
  #measuredMs = 0;

  /** Gives the database's clock less this host's, as it was measured last. */
  get differenceMs(): number {
    return this.#measuredMs;
  }

  /** Gives a time of this host's clock by the database's. */
  readonly toDatabase = (at: number): number => at + this.#aheadMs;

  /** Gives a time of the database's clock by this host's. */
  readonly toHost = (at: number): number => at - this.#aheadMs;

  /** Follows this host's clock, which was set by so much. */
  moved(byMs: number): void {
    this.#aheadMs -= byMs;
  }

  /** Measures the difference. */
  async measure(statements: Statements): Promise<void> {
    const before = Date.now();
    const row = await statements.first<{ at: number }>(`SELECT ${DATABASE_NOW} AS at`);
    const after = Date.now();
    this.hear(row?.at ?? after, before, after);
  }

  /** Takes a time of the database's that was read between two of this host's. */
  hear(at: number, before: number, after: number): void {
    this.#measuredMs = Math.round(at - (before + after) / 2);
    const off = Math.abs(this.#measuredMs - this.#aheadMs);
    if (off > NOISE_MS + (after - before))
      this.#aheadMs = Math.abs(this.#measuredMs) <= NOISE_MS ? 0 : this.#measuredMs;
  }
}
