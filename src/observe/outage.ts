/**
 * Something that fails again and again, told once.
 *
 * Contract: the first failure of a row is told, and one that goes on is told again now and then. What succeeds ends the row.
 */

import type { Log, LogEvent, LogFields } from './log.ts';

/** The time after which a failure that goes on is told again. */
const AGAIN_MS = 600_000;

/** A row of failures. Its life: `failed` and `worked` any number of times. */
export class Outage {
  readonly #log: Log;
  readonly #event: LogEvent;
  #toldAt: number | undefined;

  constructor(log: Log, event: LogEvent) {
    this.#log = log;
    this.#event = event;
  }

  /** Takes a failure. */
  failed(fields: LogFields): void {
    const at = performance.now();
    if (this.#toldAt !== undefined && at - this.#toldAt < AGAIN_MS) return;
    this.#toldAt = at;
    this.#log(this.#event, fields);
  }

  /** Takes a success. */
  worked(): void {
    this.#toldAt = undefined;
  }
}
