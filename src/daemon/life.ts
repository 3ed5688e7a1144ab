/**
 * The daemon's life: what it opened, and how that ends.
 *
 * Contract: everything is closed in the opposite order, each after the one before it has ended, and whatever failed
 * among them; the first failure is thrown at the end.
 */

/** The life. Its states: starting → serving → stopping. */
export class Life {
  #state: 'starting' | 'serving' | 'stopping' = 'starting';
  readonly #closers: (() => unknown)[] = [];

  /** Tells how far it is. */
  get state(): 'starting' | 'serving' | 'stopping' {
    return this.#state;
  }

  /** Takes how something that was just opened is closed. */
  ends(close: () => unknown): void {
    this.#closers.push(close);
  }

  /** Says that everything is open. */
  serves(): void {
    this.#state = 'serving';
  }

  /** Says that no new work may begin. */
  stops(): void {
    this.#state = 'stopping';
  }

  /** Closes everything. */
  async end(): Promise<void> {
    const failures: unknown[] = [];
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
