/**
 * The circuit breaker of one sink: closed → open (pausing → probing → pausing …) → closed.
 *
 * Contract: closed, it lets every attempt begin. It opens when so many different items in a row found the sink down or
 * misconfigured, or when the sink asked to be left alone; one item that fails again and again never opens it. Open,
 * it lets nothing begin but one probe after each pause; pauses grow and have jitter and a bound. A post closes it; the
 * refusal of an item of its own (422 …) neither opens nor closes it. Pure: monotonic time in milliseconds and chance
 * come from outside.
 * A probe asks whether the sink works, so it is best an item that has not failed, of a user of whom nothing has: what
 * one user's replies do to the platform is to delay nobody else. A user of whom nothing has failed is a newcomer, and
 * waits for no pause: each may show once in an outage that the sink takes others. What fails on both sides of a post
 * fails by itself, and opens nothing any more.
 * Limits: a pause is at most {@link LONGEST_PAUSE_MS}, one that the sink asked for at most `longestAskedMs`; newcomers
 * are let in a few at a time, until {@link MOST_USERS} users have failed.
 */

import type { Outcome } from '../sinks/sink.ts';
import type { SinkState } from '../store/sink-status.ts';

/** Different items in a row that open the breaker. */
export const OPENING_FAILURES = 5;

/** The longest pause between two probes, unless the sink asked for a longer one. */
export const LONGEST_PAUSE_MS = 60_000;

/** Users whose items have failed, from which on the sink is down for all and nobody is a newcomer. */
export const MOST_USERS = 1000;

const FIRST_PAUSE_MS = 1000;

/** Newcomers under way at a time, and the shortest and the longest time between two of them. */
const NEWCOMERS = 4;
const NEWCOMER_MS = 100;
const LONGEST_NEWCOMER_MS = 2000;

/** So many users that failed double the time between two newcomers. */
const USERS_PER_DOUBLING = 32;

/** Items that are remembered as failing by themselves. */
const MOST_POISON = 10_000;

/** The options of a breaker. */
export interface BreakerOptions {
  /** Gives a number in [0, 1). */
  readonly random: () => number;
  /** The longest Retry-After that is honoured. */
  readonly longestAskedMs: number;
}

/** An item as the breaker knows it. */
export interface Tried {
  readonly id: string;
  readonly user: string;
}

/** The leave to begin: so many items; of a probe, whom it is best not of, and whether of others alone. */
export interface Admission {
  readonly limit: number;
  readonly probe?: { readonly avoid: readonly string[]; readonly isStrict: boolean };
}

/** The breaker while it is open; `pauses` counts the probes that failed. */
interface Opening {
  until: number;
  pauses: number;
  probe: string | undefined;
  /** Until when the sink asked to be left alone, and from when on another newcomer may begin. */
  askedUntil: number;
  newcomerAt: number;
  readonly newcomers: Set<string>;
}

/** A breaker; its owner calls `begin` and `end` for every attempt. */
export class Breaker {
  readonly #options: BreakerOptions;
  /** Items that failed since the last post, or in a closed breaker in a row, and their users. */
  readonly #failed = new Set<string>();
  readonly #users = new Set<string>();
  /** How often an item failed and the sink took another one afterwards. */
  readonly #strikes = new Map<string, number>();
  #opening: Opening | undefined;
  #state: SinkState | undefined;

  constructor(options: BreakerOptions) {
    this.#options = options;
  }

  /** Gives what is known of the sink; undefined until an answer has shown it. */
  get state(): SinkState | undefined {
    return this.#state;
  }

  /** Tells whether attempts are held back. */
  get isOpen(): boolean {
    return this.#opening !== undefined;
  }

  /** Counts the attempts that may begin, whoever's they are. */
  room(now: number): number {
    if (this.#opening === undefined) return Number.POSITIVE_INFINITY;
    return this.#opening.probe === undefined && this.#opening.until <= now ? 1 : 0;
  }

  /** Gives the leave to begin. */
  admission(now: number): Admission {
    if (this.#opening === undefined) return { limit: Number.POSITIVE_INFINITY };
    const isStrict = this.room(now) === 0;
    if (isStrict && !this.#admitsNewcomer(this.#opening, now)) return { limit: 0 };
    return { limit: 1, probe: { avoid: [...this.#users], isStrict } };
  }

  /** Says that no newcomer was found: there is no other look for one at once. */
  missNewcomer(now: number): void {
    if (this.#opening !== undefined) this.#opening.newcomerAt = now + NEWCOMER_MS;
  }

  /** Gives the time until a probe may begin; 0 when nothing is paused. */
  pauseMs(now: number): number {
    return Math.max(0, (this.#opening?.until ?? 0) - now);
  }

  /** Gives the time until a newcomer may begin; undefined when there is none to come. */
  newcomerMs(now: number): number | undefined {
    const opening = this.#opening;
    if (opening === undefined || this.#users.size >= MOST_USERS) return undefined;
    return Math.max(0, opening.newcomerAt - now, opening.askedUntil - now);
  }

  /** Gives the time until something may begin; undefined when nothing is held back. */
  heldMs(now: number): number | undefined {
    // 0 says that it waits for an attempt under way.
    const times = [this.pauseMs(now), this.newcomerMs(now) ?? 0].filter((ms) => ms > 0);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Tells whether an item failed although the sink took others. */
  failsByItself(id: string): boolean {
    return this.#strikes.has(id);
  }

  /** Notes that an attempt begins; in an open breaker it is the probe or a newcomer, unless it was let in before. */
  begin({ id, user }: Tried, now: number): void {
    const opening = this.#opening;
    if (opening === undefined) return;
    if (this.room(now) > 0) opening.probe = id;
    else if (!this.#users.has(user)) {
      opening.newcomers.add(id);
      const doublings = Math.floor(this.#users.size / USERS_PER_DOUBLING);
      opening.newcomerAt = now + Math.min(NEWCOMER_MS * 2 ** doublings, LONGEST_NEWCOMER_MS);
    }
  }

  /** Notes that an attempt ended with what the sink made of it; undefined when the sink was never asked. */
  end(item: Tried, outcome: Outcome | undefined, now: number): void {
    const isProbe = this.#opening?.probe === item.id;
    const isNewcomer = this.#opening?.newcomers.delete(item.id) === true;
    if (this.#opening !== undefined && isProbe) this.#opening.probe = undefined;
    // An attempt that was under way already does not shorten the pause that the sink asked for.
    const isLate = this.#state === 'paused' && !isProbe && !isNewcomer;
    switch (outcome?.kind) {
      case undefined:
        return;
      case 'posted':
        this.#strikes.delete(item.id);
        if (!isLate) this.#close();
        return;
      case 'failed':
        this.#strikes.delete(item.id);
        // It answers, and to the point; that it takes posts is not shown.
        if (!isLate) this.#state = 'up';
        if (this.#opening === undefined) this.#forgetFailures();
        // Not closed: half a deployment answers 405 to everything, and would make a dead letter of each.
        if (isProbe || isNewcomer) this.#shorten(now);
        return;
      case 'deferred':
        this.#judge(item, outcome, isProbe, now);
    }
  }

  #admitsNewcomer(opening: Opening, now: number): boolean {
    return this.newcomerMs(now) === 0 && opening.newcomers.size < NEWCOMERS;
  }

  #judge(
    { id, user }: Tried,
    outcome: Extract<Outcome, { kind: 'deferred' }>,
    isProbe: boolean,
    now: number,
  ): void {
    const asked = outcome.retryAfterMs ?? 0;
    const isPaused = asked > 0;
    const isPoison = (this.#strikes.get(id) ?? 0) > 1;
    this.#users.add(user);
    if (!isPoison) this.#failed.add(id);
    const opens = this.#opening === undefined && (isPaused || this.#failed.size >= OPENING_FAILURES);
    if (outcome.broken === true) this.#state = 'broken';
    else if (isProbe || opens) this.#state = isPaused ? 'paused' : 'down';
    if (opens) this.#open(now, isPaused);
    else if (isProbe) this.#grow(now);
    if (isPaused && this.#opening !== undefined) {
      const until = now + Math.min(asked, this.#options.longestAskedMs);
      this.#opening.askedUntil = Math.max(this.#opening.askedUntil, until);
      this.#pause(until);
    }
  }

  #open(now: number, isPaused: boolean): void {
    const pause = isPaused ? 0 : this.#jittered(FIRST_PAUSE_MS);
    this.#opening = {
      until: now + pause,
      pauses: 0,
      probe: undefined,
      askedUntil: 0,
      newcomerAt: now,
      newcomers: new Set(),
    };
  }

  #grow(now: number): void {
    if (this.#opening === undefined) return;
    const pauses = ++this.#opening.pauses;
    this.#pause(now + this.#jittered(Math.min(FIRST_PAUSE_MS * 2 ** Math.min(pauses, 20), LONGEST_PAUSE_MS)));
  }

  /** Pauses as at first: the sink answers, and soon it may take another item. */
  #shorten(now: number): void {
    if (this.#opening === undefined) return;
    this.#opening.until = Math.max(this.#opening.askedUntil, now + this.#jittered(FIRST_PAUSE_MS));
  }

  #pause(until: number): void {
    if (this.#opening !== undefined) this.#opening.until = Math.max(this.#opening.until, until);
  }

  /** Closes the breaker: the sink takes posts, so what failed before failed while it does. */
  #close(): void {
    for (const id of this.#failed) {
      const strikes = (this.#strikes.get(id) ?? 0) + 1;
      this.#strikes.delete(id); // the oldest is the first to be forgotten
      this.#strikes.set(id, strikes);
    }
    for (const id of this.#strikes.keys()) {
      if (this.#strikes.size <= MOST_POISON) break;
      this.#strikes.delete(id);
    }
    this.#forgetFailures();
    this.#opening = undefined;
    this.#state = 'up';
  }

  #forgetFailures(): void {
    this.#failed.clear();
    this.#users.clear();
  }

  #jittered(ms: number): number {
    return ms * (0.5 + this.#options.random() / 2);
  }
}
