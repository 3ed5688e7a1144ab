/**
 * The sender: sends mail that waits in the store, several at a time; notices and notifications go this way.
 *
 * Contract: a mail is claimed, sent, and its outcome settled: sent, put off with a growing wait, or given up. Sending is
 * at least once: one whose outcome was not settled, because the daemon was killed, is sent again under the same
 * Message-ID. It looks once per `pollMs`; where nothing waits, that is one read of an empty index.
 * Failure: whatever is thrown puts the mail off; a broken store is logged and tried again. Where nobody answers at the
 * mail server, the next mail waits for `pollMs`.
 */
import { decideRetry, type RetrySchedule } from '../mail/retry.ts';
import type { Log } from '../observe/log.ts';
import { Outage } from '../observe/outage.ts';
import type { SendRequest, SendSettlement } from '../store/sending.ts';
import { Bell } from '../system/bell.ts';
import { errorText } from '../system/error-text.ts';
import type { SendOutcome } from './mail-server.ts';

/** A claimed mail; `attempts` counts this one. */
export interface Letter {
  readonly id: string;
  readonly createdAt: number;
  readonly attempts: number;
}

/** The mail that waits: where it comes from, and what an attempt is. */
export interface Waiting<L extends Letter> {
  /** When a mail is tried again, and for how long. */
  readonly retry: RetrySchedule;
  /** Most attempts at a time. */
  readonly atOnce: number;
  /** Gives the time at which the next mail becomes due; undefined when none waits. */
  nextAt(): Promise<number | undefined>;
  /** Claims what is due, at most `limit`. */
  lease(request: SendRequest & { readonly limit: number }): Promise<readonly L[]>;
  /** Sends a mail, or says why it may not be sent any more. */
  send(letter: L, signal: AbortSignal): Promise<SendOutcome>;
  /** Tells what became of an attempt, and stores it. */
  settle(letter: L, settlement: SendSettlement): Promise<void>;
}

/** The options of a sender. */
export interface SenderOptions {
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Gives a number in [0, 1). */
  readonly random: () => number;
  /** The longest time without a look at the store. */
  readonly pollMs: number;
}

/** Time for one mail to be sent. */
const SEND_MS = 120_000;

/** A claim outlives its attempt. */
const LEASE_MS = SEND_MS + 60_000;

/** Time for the attempts under way when the daemon stops: one that is cut off after its data may come twice. */
const LAST_MS = 2000;

/** A sender; its life: `start`, any number of `wake`, `stop`. */
export class Sender<L extends Letter> {
  readonly #waiting: Waiting<L>;
  readonly #options: SenderOptions;
  readonly #bell = new Bell();
  readonly #aborting = new AbortController();
  readonly #underWay = new Set<Promise<void>>();
  readonly #outage: Outage;
  #isStopping = false;
  #loop: Promise<void> | undefined;

  constructor(waiting: Waiting<L>, options: SenderOptions) {
    this.#waiting = waiting;
    this.#options = options;
    this.#outage = new Outage(options.log, 'dispatch_failed');
  }

  /** Starts sending. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Says that there may be a mail. */
  wake(): void {
    this.#bell.ring();
  }

  /** Begins no more attempts, and soon ends those that are under way; these are repeated after the next start. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#bell.ring();
    const timer = setTimeout(() => {
      this.#aborting.abort();
    }, LAST_MS);
    await this.#loop;
    await Promise.all(this.#underWay);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      await this.#beginDue();
      await this.#bell.wait(this.#options.pollMs);
    }
  }

  /** Begins attempts at what is due, where at least half of them are free: one claim is one commit. */
  async #beginDue(): Promise<void> {
    const waiting = this.#waiting;
    const { retry, atOnce } = waiting;
    const free = atOnce - this.#underWay.size;
    if (free < atOnce / 2) return;
    const { now } = this.#options;
    try {
      const at = await waiting.nextAt();
      this.#outage.worked();
      if (at === undefined || (at > now() && at <= now() + retry.longestMs)) return;
      const request = { now: now(), leaseMs: LEASE_MS, longestMs: retry.longestMs, limit: free };
      for (const letter of await waiting.lease(request)) this.#begin(letter);
    } catch (error) {
      this.#outage.failed({ reason: errorText(error) });
    }
  }

  #begin(letter: L): void {
    const attempt = this.#attempt(letter).then((outcome) => {
      this.#underWay.delete(attempt);
      if (outcome?.isDown !== true) this.#bell.ring(); // else the next look is the poll's
    });
    this.#underWay.add(attempt);
  }

  /** Sends one mail and settles its outcome; never rejects. */
  async #attempt(letter: L): Promise<SendOutcome | undefined> {
    try {
      const outcome = await this.#send(letter);
      if (this.#aborting.signal.aborted && outcome.kind === 'deferred') return undefined;
      await this.#waiting.settle(letter, this.#settlementOf(letter, outcome));
      return outcome;
    } catch (error) {
      this.#options.log('dispatch_failed', { reason: errorText(error) });
      return undefined;
    }
  }

  /** Bounds an attempt: whatever is thrown inside puts the mail off. */
  async #send(letter: L): Promise<SendOutcome> {
    try {
      const signal = AbortSignal.any([AbortSignal.timeout(SEND_MS), this.#aborting.signal]);
      return await this.#waiting.send(letter, signal);
    } catch (error) {
      return { kind: 'deferred', diagnostic: `internal: ${errorText(error)}` };
    }
  }

  #settlementOf({ attempts, createdAt }: L, { kind, diagnostic }: SendOutcome): SendSettlement {
    const { now, random } = this.#options;
    const at = now();
    if (kind !== 'deferred') return { kind, at, diagnostic };
    const failure = { attempts, receivedAt: createdAt };
    const decision = decideRetry(this.#waiting.retry, failure, at, random());
    return decision.kind === 'too-old'
      ? { kind: 'failed', at, diagnostic: `given up: ${diagnostic}` }
      : { kind: 'deferred', dueAt: decision.dueAt, diagnostic };
  }
}
