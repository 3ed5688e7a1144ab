// The clock of a source whose time passes as a test wants it.
//
// Contract: nothing moves in time but by `advance`, which has all happen that is due by then, in its order.

import type { Pace } from '../../src/sources/imap/pace.ts';

interface Waiting {
  readonly at: number;
  readonly run: () => void;
}

/** A pace that stands still. */
export class ManualPace implements Pace {
  readonly #begin: number;
  readonly #waiting = new Set<Waiting>();
  #elapsed = 0;

  /** `begin` in milliseconds since the epoch. */
  constructor(begin: number) {
    this.#begin = begin;
  }

  readonly now = (): number => this.#begin + this.#elapsed;
  readonly monotonic = (): number => this.#elapsed;
  readonly random = (): number => 1;
  readonly after = (ms: number, run: () => void): (() => void) => {
    const waiting = { at: this.#elapsed + ms, run };
    this.#waiting.add(waiting);
    return () => {
      this.#waiting.delete(waiting);
    };
  };

  /** The times until what is waited for, in milliseconds, the next first. */
  get waits(): readonly number[] {
    return [...this.#waiting].map(({ at }) => at - this.#elapsed).sort((one, other) => one - other);
  }

  /** Lets time pass. */
  advance(ms: number): void {
    const end = this.#elapsed + ms;
    for (;;) {
      const due = [...this.#waiting].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (due === undefined) break;
      this.#waiting.delete(due);
      this.#elapsed = Math.max(this.#elapsed, due.at);
      due.run();
    }
    this.#elapsed = end;
  }
}
