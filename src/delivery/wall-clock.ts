/**
 * The wall clock by which due times are written: when somebody sets the clock, this moves the due times by the same amount.
 *
 * Contract: due times lie on the wall clock, because they outlive the process. When the clock is set, those in the store
 * move with it, so that neither a storm nor a pause follows. Whoever times something keeps {@link WallClock.movedMs} with
 * it, and adds what that grew by until the write. For ten seconds after a jump the store is checked again, because late
 * writes may carry old times.
 */
import type { Log } from '../observe/log.ts';
import type { Leases } from '../store/leases.ts';

/** How far the wall clock may be off the monotonic one before it counts as set. */
const JUMP_MS = 2000;

/** The time that writes with old times may be on their way, and the time between two looks for them. */
const LATE_MS = 10_000;
const LOOK_MS = 1000;

/** The options of a wall clock. */
export interface WallClockOptions {
  readonly queue: Leases;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
}

/** The clock; its life: `follow` at every look for work. */
export class WallClock {
  readonly #options: WallClockOptions;
  /** The wall clock less the monotonic one; unknown before the first look. */
  #offset: number | undefined;
  #movedMs = 0;
  #lateUntil = 0;
  #lookAt = 0;

  constructor(options: WallClockOptions) {
    this.#options = options;
  }

  /** Gives how far due times were moved so far, in milliseconds. */
  get movedMs(): number {
    return this.#movedMs;
  }

  /** Gives the time from which due times count. */
  now(): number {
    const { now, monotonic } = this.#options;
    return this.#jump() === undefined ? now() : Math.round(monotonic() + (this.#offset ?? 0));
  }

  /** Moves due times, if the clock was set; nothing is ever due later than in `longestMs`. */
  async follow(longestMs: number): Promise<void> {
    const { queue, now, monotonic, log } = this.#options;
    const byMs = this.#offset === undefined ? 0 : this.#jump();
    if (byMs === undefined) {
      if (monotonic() >= this.#lateUntil || monotonic() < this.#lookAt) return;
      this.#lookAt = monotonic() + LOOK_MS;
      await queue.retime({ now: now(), byMs: 0, longestMs });
      return;
    }
    // In one turn with the request: what is written before it is moved by it, what is written behind it knows.
    const before = this.#offset;
    this.#offset = now() - monotonic();
    this.#movedMs += byMs;
    try {
      await queue.retime({ now: now(), byMs, longestMs });
    } catch (error) {
      this.#offset = before;
      this.#movedMs -= byMs;
      throw error;
    }
    if (byMs === 0) return;
    this.#lateUntil = monotonic() + LATE_MS;
    this.#lookAt = monotonic() + LOOK_MS;
    log('clock_jumped', { by_ms: byMs });
  }

  /** Measures by how much the clock was set since due times were last moved. */
  #jump(): number | undefined {
    const { now, monotonic } = this.#options;
    if (this.#offset === undefined) return undefined;
    const byMs = Math.round(now() - monotonic() - this.#offset);
    return Math.abs(byMs) < JUMP_MS ? undefined : byMs;
  }
}
