/**
 * Turns: memory for mail that is being read, in the order in which it came.
 *
 * Contract: what is held at a time stays within the limit; what is larger than all of it has its turn alone. Nobody is
 * overtaken.
 */

/** A place in the line. */
interface Waiting {
  readonly bytes: number;
  readonly go: () => void;
}

/** The turns. */
export class Turns {
  readonly #mostBytes: () => number;
  readonly #line: Waiting[] = [];
  #held = 0;

  constructor(mostBytes: () => number) {
    this.#mostBytes = mostBytes;
  }

  /** Waits for memory; gives what gives it back. */
  async take(bytes: number): Promise<() => void> {
    await new Promise<void>((go) => {
      this.#line.push({ bytes, go });
      this.#next();
    });
    return () => {
      this.#held -= bytes;
      this.#next();
    };
  }

  #next(): void {
    for (;;) {
      const [first] = this.#line;
      if (first === undefined) return;
      if (this.#held + first.bytes > this.#mostBytes() && this.#held > 0) return;
      this.#line.shift();
      this.#held += first.bytes;
      first.go();
    }
  }
}
