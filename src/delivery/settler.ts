/**
 * Writes the outcomes of attempts to the queue, many at a time.
 *
 * Contract: an outcome waits a few milliseconds for others, since each write costs a batch of the store; `settle`
 * resolves when it is written. Failure: a broken store is logged and tried again, never given up, until the end: then
 * the leases are void with the next start, and the attempts are repeated.
 */

import type { Log } from '../observe/log.ts';
import { Outage } from '../observe/outage.ts';
import type { Leases, Settle } from '../store/leases.ts';
import { Bell } from '../system/bell.ts';
import { errorText } from '../system/error-text.ts';

/** How long an outcome waits for others. */
const GATHER_MS = 3;

/** The options of a settler. */
export interface SettlerOptions {
  readonly queue: Leases;
  readonly log: Log;
  /** Gives how far due times were moved so far, because the clock was set. */
  readonly movedMs: () => number;
  /** Told when something may be due now because of what was written. */
  readonly onDue: () => void;
  /** The time between two tries on a store that fails. */
  readonly pollMs: number;
}

/** An outcome, and how far due times had been moved when it was timed. */
export interface Ended {
  readonly settle: Settle;
  readonly movedMs: number;
}

/** A writer of settlements: any number of `settle`, then `stop` and `settled`. */
export class Settler {
  readonly #options: SettlerOptions;
  readonly #bell = new Bell();
  readonly #outage: Outage;
  #waiting: Ended[] = [];
  #writing: Promise<void> | undefined;
  #isStopping = false;
  #isOver = false;

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#outage = new Outage(options.log, 'dispatch_failed');
  }

  /** Writes an outcome, with others that come meanwhile; its times are of when due times had been moved by `movedMs`. */
  settle(settle: Settle, movedMs: number): Promise<void> {
    if (this.#isOver) return Promise.resolve();
    this.#waiting.push({ settle, movedMs });
    this.#writing ??= this.#write();
    return this.#writing;
  }

  /** Makes nothing wait for anything from now on; what fails is given up. */
  stop(): void {
    this.#isStopping = true;
    this.#bell.ring();
  }

  /**
   * Resolves when everything is written or given up. Nothing is written after it: an attempt that is left behind ends because
   * its connection is closed, and keeps its lease, so that the next start begins it anew.
   */
  async settled(): Promise<void> {
    await this.#writing;
    this.#isOver = true;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (!this.#isStopping) await this.#bell.wait(GATHER_MS);
      const settles = this.#waiting;
      this.#waiting = [];
      try {
        const movedMs = this.#options.movedMs();
        const isDue = await this.#options.queue.settle(settles.map((waiting) => moved(waiting, movedMs)));
        this.#outage.worked();
        if (isDue) this.#options.onDue();
      } catch (error) {
        this.#outage.failed({ reason: errorText(error), outcomes: settles.length });
        if (this.#isStopping) break;
        this.#waiting.unshift(...settles);
        await this.#bell.wait(this.#options.pollMs);
      }
    }
    // In the same turn as the last look at the list: an outcome that came in between would wait for the next one.
    this.#writing = undefined;
  }
}

/** Gives an item back of which no attempt was made. */
export const returned = ({ id, attempts }: Pick<Settle, 'id' | 'attempts'>): Settle => ({
  id,
  attempts,
  settlement: { kind: 'returned' },
});

/** Moves the outcome by what the clock was set meanwhile. */
function moved({ settle, movedMs }: Ended, nowMovedMs: number): Settle {
  const { settlement } = settle;
  if (settlement.kind !== 'deferred' || movedMs === nowMovedMs) return settle;
  return { ...settle, settlement: { ...settlement, dueAt: settlement.dueAt + nowMovedMs - movedMs } };
}
