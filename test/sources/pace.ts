// A pace that the test sets: time passes when it says so.
//
// Contract: `advance` runs what is due by the way, in order. A reader sleeps when it waits for anything but the renewal of
// its ownership.

import { type Pace, RENEW_MS } from '../../src/sources/imap/pace.ts';
import { eventually } from '../support/eventually.ts';

interface Timer {
  readonly at: number;
  readonly ms: number;
  readonly run: () => void;
}

/** The pace. */
export class SetPace implements Pace {
  #now: number;
  readonly #timers = new Set<Timer>();
  /** The waits that were begun, in milliseconds, without those for renewals. */
  readonly waits: number[] = [];

  constructor(now = Date.now()) {
    this.#now = now;
  }

  readonly now = (): number => this.#now;
  readonly monotonic = (): number => this.#now;
  readonly random = (): number => 1;

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, ms, run };
    this.#timers.add(timer);
    if (ms !== RENEW_MS) this.waits.push(ms);
    return () => {
      this.#timers.delete(timer);
    };
  };

  /** Waits until a reader sleeps. */
  async asleep(): Promise<void> {
    const sleeps = (): true | undefined => [...this.#timers].some(({ ms }) => ms !== RENEW_MS) || undefined;
    await eventually(sleeps, () => 'nobody sleeps');
  }

  /** Lets time pass up to the next timer, at most so long; gives how long it was. */
  step(most: number): number {
    const next = [...this.#timers].sort((one, other) => one.at - other.at)[0];
    const passed = Math.min(next === undefined ? most : Math.max(0, next.at - this.#now), most);
    this.#now += passed;
    if (next !== undefined && next.at <= this.#now) {
      this.#timers.delete(next);
      next.run();
    }
    return passed;
  }

  /** Lets so much time pass at once, whoever sleeps. */
  leap(ms: number): void {
    for (let left = ms; left > 0; ) left -= this.step(left);
  }

  /** Lets so much time pass, with a reader that sleeps again after every step. */
  async advance(ms: number): Promise<void> {
    for (let left = ms; left > 0; ) {
      await this.asleep();
      left -= this.step(left);
    }
    await this.asleep();
  }
}
