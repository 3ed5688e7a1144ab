/**
 * What the daemon knows of a sink: the breaker, the events that tell of it, and the row that tools read.
 *
 * Contract: the state follows the sink's last answer. It is written to the queue when it changes, and when an answer
 * with another meaning supports it; not for every post. Nothing is said of a sink before an answer has shown it.
 * Failure: a row that cannot be written is logged, and holds nothing up.
 */

import type { Log } from '../observe/log.ts';
import type { Outcome } from '../sinks/sink.ts';
import type { SinkReports, SinkStatus } from '../store/sink-status.ts';
import { errorText } from '../system/error-text.ts';
import type { Attempt } from './attempt.ts';
import { Breaker, type Tried } from './breaker.ts';

/** The options of a watch; times in milliseconds. */
export interface SinkWatchOptions {
  /** What the sink is called. */
  readonly name: string;
  readonly queue: SinkReports;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  /** Gives a number in [0, 1). */
  readonly random: () => number;
}

/** The watch over one sink; another sink has another one. */
export class SinkWatch {
  readonly breaker: Breaker;
  readonly #options: SinkWatchOptions;
  #written: SinkStatus | undefined;
  #meaning = '';

  constructor(options: SinkWatchOptions, longestAskedMs: number) {
    this.#options = options;
    this.breaker = new Breaker({ random: options.random, longestAskedMs });
  }

  /** Takes note of an attempt that ended. */
  ended(item: Tried, { outcome, cause }: Attempt): void {
    const before = this.breaker.state;
    const ofSink = cause === 'sink' ? outcome : undefined;
    this.breaker.end(item, ofSink, this.#options.monotonic());
    const { state } = this.breaker;
    if (state === undefined || ofSink === undefined) return;
    if (state !== before) this.#tell(state, before, outcome.diagnostic);
    // One reply's own trouble says nothing of a sink that is up, nor a late post of one that asked for a pause.
    else if ((state === 'up') === (outcome.kind === 'deferred')) return;
    const meaning = `${state} ${meaningOf(outcome)}`;
    if (meaning === this.#meaning) return;
    this.#meaning = meaning;
    const sinceAt = this.#written?.state === state ? this.#written.sinceAt : this.#options.now();
    this.#write({ state, sinceAt, diagnostic: outcome.diagnostic });
  }

  /** Forgets what was written of the sink before this one. */
  forget(): void {
    this.#write(undefined);
  }

  #tell(state: SinkStatus['state'], before: SinkStatus['state'] | undefined, diagnostic: string): void {
    const { log, name: sink } = this.#options;
    if (state !== 'up') log(`sink_${state}`, { sink, diagnostic });
    else if (before !== undefined) log('sink_recovered', { sink });
  }

  #write(status: SinkStatus | undefined): void {
    const { queue, log, name } = this.#options;
    this.#written = status;
    queue.setSinkStatus(name, status).catch((error: unknown) => {
      log('dispatch_failed', { reason: errorText(error) });
    });
  }
}

/** Gives a word that two answers share when they mean the same. */
function meaningOf({ kind, status, diagnostic }: Outcome): string {
  return kind === 'posted' ? kind : `${kind} ${status ?? diagnostic}`;
}
