/** A bell: how a loop sleeps until there is something to do. */

/** Calls a function after so many milliseconds; gives what takes that back. */
export type After = (ms: number, run: () => void) => () => void;

const afterReal: After = (ms, run) => {
  const timer = setTimeout(run, ms);
  return () => {
    clearTimeout(timer);
  };
};

/** Lets one waiter sleep until it is rung or a time is over; a ring before the wait counts. */
export class Bell {
  readonly #after: After;
  #hasRung = false;
  #answer: () => void = () => undefined;

  constructor(after: After = afterReal) {
    this.#after = after;
  }

  /** Wakes the waiter, or the next one at once. */
  ring(): void {
    this.#hasRung = true;
    this.#answer();
  }

  /** Waits for a ring, at most so long. */
  async wait(ms: number): Promise<void> {
    if (!this.#hasRung && ms > 0) {
      await new Promise<void>((resolve) => {
        const takeBack = this.#after(ms, resolve);
        this.#answer = () => {
          takeBack();
          resolve();
        };
      });
    }
    this.#answer = () => undefined;
    this.#hasRung = false;
  }
}
