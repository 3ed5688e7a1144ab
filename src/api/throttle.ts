/** How often the holder of a token may ask. */
import { hasOne, type Rate, takeOne } from '../mail/rate.ts';

/** Buckets of holders; times are those of a clock that is never set back. */
export class Throttle {
  readonly #rate: () => Rate | 'off';
  readonly #fullAt = new Map<string, number>();

  constructor(rate: () => Rate | 'off') {
    this.#rate = rate;
  }

  /** Takes a request of a holder; gives the milliseconds to wait where there is none to take. */
  take(holder: string, now: number): number | undefined {
    const rate = this.#rate();
    if (rate === 'off') return undefined;
    const fullAt = this.#fullAt.get(holder) ?? now;
    if (!hasOne(fullAt, now, rate)) return takeOne(fullAt, now, rate) - now - rate.perMs;
    this.#fullAt.set(holder, takeOne(fullAt, now, rate));
    return undefined;
  }
}
