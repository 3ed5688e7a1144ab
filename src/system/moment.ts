/**
 * A moment by both clocks: the wall's, which can be set, and one that nobody sets, which may stand still while the machine
 * sleeps.
 */

/** A moment, in milliseconds of either clock. */
export interface Moment {
  readonly wall: number;
  readonly monotonic: number;
}

/** A moment before all others. */
export const LONG_AGO: Moment = { wall: -Infinity, monotonic: -Infinity };

/** Gives this moment. */
export function thisMoment(): Moment {
  return { wall: Date.now(), monotonic: performance.now() };
}

/** Gives the time since a moment by the clock that says more: neither a clock that is set nor sleep makes it less. */
export function elapsedMs(since: Moment, now = thisMoment()): number {
  return Math.max(now.wall - since.wall, now.monotonic - since.monotonic);
}
