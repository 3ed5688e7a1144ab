/** A bell: how a loop sleeps until there is something to do. */

/** Lets one waiter sleep until it is rung or a time is over; a ring before the wait counts. */
export class Bell {
  #hasRung = false;
  #answer: () => void = () => undefined;

  /** Wakes the waiter, or the next one at once. */
  ring(): void {
    this.#hasRung = true;
    this.#answer();
  }

  /** Waits for a ring, at most so long. */
  async wait(ms: number): Promise<void> {
    if (!this.#hasRung && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#answer = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#answer = () => undefined;
    this.#hasRung = false;
  }
}
