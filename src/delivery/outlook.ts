/**
 * What a dispatcher knows of what is due in the store, so that it asks no more than it has to.
 *
 * Contract: times are of the monotonic clock. Whoever makes something due says so; what others make due is seen at the next
 * look, which is never further away than the last answer said.
 */
export class Outlook {
  /** Whether items may be due that come before new ones. */
  #isBehind = true;
  /** Whether something may have become due since the last question. */
  #hasNews = false;
  /** Until when nothing is due, as the last answer had it. */
  #emptyUntil = 0;
  /** Until when nothing is due but of users who are left out. */
  #quietUntil = 0;

  /** Tells whether items may be due that come before new ones. */
  get isBehind(): boolean {
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

  /** Gives for how long nothing is to be had, as far as is known; 0 where the store is to be asked. */
  knownMs(at: number): number {
    if (this.#isBehind) return 0;
    return Math.max(0, this.#quietUntil - at, this.#hasNews ? 0 : this.#emptyUntil - at);
  }

  /** Asks until when nothing is due; gives for how long that is, at most `mostMs`, and 0 where something is. */
  async ask(monotonic: () => number, mostMs: number, dueInMs: () => Promise<number>): Promise<number> {
    this.#hasNews = false;
    const emptyMs = Math.min(await dueInMs(), mostMs);
    if (emptyMs <= 0) return 0;
    this.#isBehind = false;
    this.#emptyUntil = monotonic() + emptyMs;
    return emptyMs;
  }

  /** Says what a lease has shown: whether more may be due, and until when all the rest is of users who are left out. */
  leased(isMore: boolean, quietUntil: number): void {
    this.#isBehind = isMore;
    this.#emptyUntil = 0;
    this.#quietUntil = quietUntil;
  }
}
