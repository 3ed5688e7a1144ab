/**
 * What a dispatcher knows of what is due in the store, so that it asks no more than it has to.
 *
 * Contract: whoever makes something due says so; what others make due is seen at the next look, which is no further away than
 * the last answer said. Failure: as of the store.
 */
import type { DispatcherOptions } from './dispatcher-options.ts';

/** How soon the store is looked at again, while what is due there is of users who are left out. */
const LOOK_AGAIN_MS = 100;

/** Of the options of its dispatcher those that it goes by. */
type Options = Pick<DispatcherOptions, 'lane' | 'now' | 'monotonic' | 'pollMs'> & {
  readonly queue: Pick<DispatcherOptions['queue'], 'nextDueAt'>;
};

/** The outlook of one dispatcher; times are of the monotonic clock. */
export class Outlook {
  readonly #options: () => Options;
  #isBehind = true;
  /** Whether something may have become due since the last question. */
  #hasNews = false;
  /** Until when nothing is due, as the last answer had it. */
  #emptyUntil = 0;
  /** Until when nothing is due but of users who are left out. */
  #quietUntil = 0;

  constructor(options: () => Options) {
    this.#options = options;
  }

  /** Tells whether items may be due that come before new ones. */
  isBehind(): boolean {
    return this.#isBehind;
  }

  /** Says that items come that are not to be leased with their commit. */
  late(): void {
    this.#isBehind = true;
  }

  /** Says that something may have become due. */
  news(): void {
    this.#hasNews = true;
  }

  /** Gives for how many milliseconds nothing is to be had; 0 where something is. Asks the store where nobody knows. */
  async emptyMs(): Promise<number> {
    const { queue, lane, now, monotonic, pollMs } = this.#options();
    const knownMs = this.#knownMs(monotonic());
    if (knownMs > 0) return knownMs;
    this.#hasNews = false;
    const dueAt = await queue.nextDueAt(lane);
    const emptyMs = dueAt === undefined ? pollMs : Math.min(dueAt - now(), pollMs);
    if (emptyMs <= 0) return 0;
    this.#isBehind = false;
    this.#emptyUntil = monotonic() + emptyMs;
    return emptyMs;
  }

  #knownMs(at: number): number {
    if (this.#isBehind) return 0;
    return Math.max(this.#quietUntil - at, this.#hasNews ? 0 : this.#emptyUntil - at);
  }

  /** Says what a lease has shown: whether more may be due, and whether the rest is of users who are left out. */
  leased(isMore: boolean, hasLeftOut: boolean): void {
    this.#isBehind = isMore;
    this.#emptyUntil = 0;
    this.#quietUntil = hasLeftOut ? this.#options().monotonic() + LOOK_AGAIN_MS : 0;
  }
}
