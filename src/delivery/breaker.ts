/**
 * The circuit breaker of one sink: closed → open (pausing → probing → pausing …) → closed.
 *
 * Contract: closed, it lets every attempt begin. It opens when so many different items in a row found the sink down or
 * misconfigured, or when the sink asked to be left alone; one item that fails again and again never opens it. Open,
 * it lets nothing begin but one probe after each pause; pauses grow and have jitter and a bound. A post closes it; the
 * refusal of an item of its own (422 …) neither opens nor closes it. Pure: monotonic time in milliseconds and chance
 * come from outside.
 * Limits: a pause is at most {@link LONGEST_PAUSE_MS}, one that the sink asked for at most `longestAskedMs`.
 */
import type { SinkState } from '../queue/queue.ts';
import type { Outcome } from './sink.ts';

/** Different items in a row that open the breaker. */
export const OPENING_FAILURES = 5;

/** The longest pause between two probes, unless the sink asked for a longer one. */
export const LONGEST_PAUSE_MS = 60_000;

const FIRST_PAUSE_MS = 1000;

/** What a breaker takes from outside. */
export interface BreakerOptions {
  /** A number in [0, 1). */
  readonly random: () => number;
  /** The longest Retry-After that is honoured. */
  readonly longestAskedMs: number;
}

/** The breaker while it is open; `pauses` counts the probes that failed. */
interface Opening {
  until: number;
  pauses: number;
  probe: string | undefined;
}

/** A breaker; its owner calls `begin` and `end` for every attempt. */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #failed = new Set<string>();
  #opening: Opening | undefined;
  #state: SinkState = 'up';

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** What is known of the sink. */
  get state(): SinkState {
    return this.#state;
  }

  /** Whether attempts are held back. */
  get isOpen(): boolean {
    return this.#opening !== undefined;
  }

  /** How many attempts may begin. */
  room(now: number): number {
    if (this.#opening === undefined) return Number.POSITIVE_INFINITY;
    return this.#opening.probe === undefined && this.#opening.until <= now ? 1 : 0;
  }

  /** The time until a probe may begin; 0 when nothing is paused. */
  pauseMs(now: number): number {
    return Math.max(0, (this.#opening?.until ?? 0) - now);
  }

  /** An attempt begins; in an open breaker it is the probe, unless it was let in before. */
  begin(id: string, now: number): void {
    if (this.#opening !== undefined && this.room(now) > 0) this.#opening.probe = id;
  }

  /** An attempt ended with what the sink made of it; undefined when the sink was never asked. */
  end(id: string, outcome: Outcome | undefined, now: number): void {
    const isProbe = this.#opening?.probe === id;
    if (this.#opening !== undefined && isProbe) this.#opening.probe = undefined;
    switch (outcome?.kind) {
      case undefined:
        return;
      case 'posted':
        // An attempt that was under way already does not shorten the pause that the sink asked for.
        if (isProbe || this.#state !== 'paused') this.#close();
        return;
      case 'failed':
        this.#failed.clear();
        // Not closed: half a deployment answers 405 to everything, and would make a dead letter of each.
        if (isProbe) this.#pause(now + this.#jittered(FIRST_PAUSE_MS));
        return;
      case 'deferred':
        this.#judge(id, outcome, isProbe, now);
    }
  }

  #judge(id: string, outcome: Extract<Outcome, { kind: 'deferred' }>, isProbe: boolean, now: number): void {
    const asked = outcome.retryAfterMs ?? 0;
    const isPaused = asked > 0;
    this.#failed.add(id);
    const opens = this.#opening === undefined && (isPaused || this.#failed.size >= OPENING_FAILURES);
    if (outcome.broken === true) this.#state = 'broken';
    else if (isProbe || opens) this.#state = isPaused ? 'paused' : 'down';
    if (opens) this.#open(now, isPaused);
    else if (isProbe) this.#grow(now);
    if (isPaused) this.#pause(now + Math.min(asked, this.#options.longestAskedMs));
  }

  #open(now: number, isPaused: boolean): void {
    this.#failed.clear();
    const pause = isPaused ? 0 : this.#jittered(FIRST_PAUSE_MS);
    this.#opening = { until: now + pause, pauses: 0, probe: undefined };
  }

  #grow(now: number): void {
    if (this.#opening === undefined) return;
    const pauses = ++this.#opening.pauses;
    this.#pause(now + this.#jittered(Math.min(FIRST_PAUSE_MS * 2 ** Math.min(pauses, 20), LONGEST_PAUSE_MS)));
  }

  #pause(until: number): void {
    if (this.#opening !== undefined) this.#opening.until = Math.max(this.#opening.until, until);
  }

  #close(): void {
    this.#failed.clear();
    this.#opening = undefined;
    this.#state = 'up';
  }

  #jittered(ms: number): number {
    return ms * (0.5 + this.#options.random() / 2);
  }
}
