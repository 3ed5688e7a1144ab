/**
 * The dispatcher: leases items, has them parsed, delivers the posts and settles the outcomes.
 *
 * Contract: every leased item is settled, whatever its attempt does; at most `concurrency` attempts run, of one
 * thread one (the queue sees to that); an attempt has one deadline in total. It polls the queue for work that
 * other processes made, and is woken for work that the gate made.
 * While the sink is down or misconfigured the breaker holds the items back, one probe at a time: the others keep their
 * attempts and stay due. What is known of the sink is written to the queue, for `stats`.
 * Failure: an unknown error in an attempt is deferred; a broken store is logged and tried again, never given up: an
 * attempt counts as under way until its outcome is written, so that what cannot be recorded is not repeated either.
 * Limits: retries follow the schedule, to its maximum age; then the item is a dead letter.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { decideRetry, type RetrySchedule } from '../mail/retry.ts';
import type { LeasedItem, NewNotice, Queue, Settle, Settlement } from '../queue/queue.ts';
import { MAX_WORKER_DEATHS } from '../queue/queue.ts';
import type { ParsedReply, ParseOutcome, Post, ReplyParser } from '../reply/post.ts';
import { type AttemptOutcome, unposted } from './attempt.ts';
import { Bell } from './bell.ts';
import type { ReadBounce } from './bounce-event.ts';
import { Breaker, LONGEST_PAUSE_MS } from './breaker.ts';
import type { DraftNotice } from './notice-draft.ts';
import type { Outcome, Sink } from './sink.ts';

/** What the dispatcher works with; times in milliseconds. */
export interface DispatcherOptions {
  readonly queue: Pick<
    Queue,
    'lease' | 'settle' | 'content' | 'nextDueAt' | 'reclaim' | 'retime' | 'setSinkStatus'
  >;
  readonly parser: Pick<ReplyParser, 'parse'>;
  readonly sink: Sink;
  /** Reads the bounce of an item; without it bounces go no further. */
  readonly readBounce?: ReadBounce | undefined;
  /** Drafts the notice about an ended attempt; without it nobody is told. */
  readonly draftNotice?: DraftNotice | undefined;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly concurrency: number;
  readonly attemptTimeoutMs: number;
  readonly retry: RetrySchedule;
  /** The longest time without a look at the queue. */
  readonly pollMs: number;
}

/** Added to an attempt's deadline for its lease: parsing, reading and settling. */
const LEASE_MARGIN_MS = 60_000;

/** How far the wall clock may be off the monotonic one before it counts as set. */
const CLOCK_JUMP_MS = 2000;

/** How often leases are looked for that no attempt of ours holds. */
const RECLAIM_MS = 60_000;

/** The dispatcher; its life: `start`, any number of `wake`, `stop`. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #bell = new Bell();
  readonly #settleBell = new Bell();
  readonly #inFlight = new Map<string, Promise<void>>();
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #reclaimedAt: number;
  /** The wall clock less the monotonic one; unknown before the first look. */
  #clockOffset: number | undefined;
  #settles: Settle[] = [];
  #settling: Promise<void> | undefined;
  readonly #breaker: Breaker;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#reclaimedAt = options.monotonic();
    this.#breaker = new Breaker({ random: options.random, longestAskedMs: options.retry.longestMs });
  }

  /** Starts dispatching. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Says that there may be work. */
  wake(): void {
    this.#bell.ring();
  }

  /** Stops leasing, lets attempts under way finish within the time, and settles what has an outcome. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    this.#bell.ring();
    this.#settleBell.ring();
    await this.#loop;
    const timer = new AbortController();
    const timeout = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#inFlight.values()), timeout]);
    timer.abort();
    await this.#settling;
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const waitMs = await this.#lookForWork();
      await this.#bell.wait(waitMs);
    }
  }

  /** Begins what is due; gives the time until the next look. */
  async #lookForWork(): Promise<number> {
    const { queue, concurrency, now, monotonic, log, pollMs } = this.#options;
    try {
      await this.#followClock();
      await this.#reclaim();
      const room = Math.min(concurrency - this.#inFlight.size, this.#breaker.room(monotonic()));
      if (room <= 0) return Math.min(this.#breaker.pauseMs(monotonic()) || pollMs, pollMs);
      const dueAt = await queue.nextDueAt();
      if (dueAt === undefined) return pollMs;
      if (dueAt > now()) return Math.min(dueAt - now(), pollMs);
      const leaseMs = this.#options.attemptTimeoutMs + LEASE_MARGIN_MS;
      const leased = await queue.lease({ now: now(), leaseMs, limit: room });
      for (const item of leased) this.#begin(item);
      return leased.length === 0 ? pollMs : 0;
    } catch (error) {
      log('dispatch_failed', { reason: describe(error) });
      return pollMs;
    }
  }

  /** Due times lie on the wall clock: when that is set they move with it, so that neither a storm nor a pause follows. */
  async #followClock(): Promise<void> {
    const { queue, now, monotonic, retry, log } = this.#options;
    const offset = now() - monotonic();
    const byMs = Math.round(offset - (this.#clockOffset ?? offset));
    if (this.#clockOffset !== undefined && Math.abs(byMs) < CLOCK_JUMP_MS) return;
    await queue.retime({ now: now(), byMs, longestMs: retry.longestMs });
    this.#clockOffset = offset;
    if (byMs !== 0) log('clock_jumped', { by_ms: byMs });
  }

  async #reclaim(): Promise<void> {
    const { monotonic, now, queue } = this.#options;
    if (monotonic() - this.#reclaimedAt < RECLAIM_MS) return;
    this.#reclaimedAt = monotonic();
    await queue.reclaim(now(), [...this.#inFlight.keys()]);
  }

  #begin(item: LeasedItem): void {
    this.#breaker.begin(item.id, this.#options.monotonic());
    const attempt = this.#attempt(item).finally(() => {
      this.#inFlight.delete(item.id);
      this.#bell.ring();
    });
    this.#inFlight.set(item.id, attempt);
  }

  /** The boundary of an attempt: whatever is thrown inside is deferred. */
  async #attempt(item: LeasedItem): Promise<void> {
    const { log, now } = this.#options;
    const startedAt = performance.now();
    let outcome: AttemptOutcome;
    let by: AttemptOutcome['by'] = 'us';
    let reply: ParsedReply | undefined;
    try {
      const prepared = item.bounce === undefined ? await this.#prepare(item) : await this.#tell(item);
      by = undefined;
      reply = 'kind' in prepared ? prepared.reply : prepared;
      outcome = 'kind' in prepared ? prepared : await this.#deliver(item, prepared);
    } catch (error) {
      outcome = { kind: 'deferred', diagnostic: `internal: ${describe(error)}`, by };
      log('attempt_failed', { id: item.id, reason: describe(error) });
    }
    this.#watchSink(item.id, outcome);
    const settlement = this.#settlementOf(item, outcome);
    log('attempt', {
      id: item.id,
      outcome: settlement.kind,
      reason: outcome.reason,
      attempts: item.attempts,
      diagnostic: outcome.diagnostic,
      user: item.user,
      thread: item.thread,
      next_at: settlement.kind === 'deferred' ? new Date(settlement.dueAt).toISOString() : undefined,
      ms: Math.round(performance.now() - startedAt),
      queued_ms: now() - item.receivedAt,
    });
    const notice = await this.#notice(item, settlement, outcome, reply);
    const told = notice === undefined ? settlement : { ...settlement, notice };
    await this.#settle({ id: item.id, attempts: item.attempts, settlement: told });
  }

  /** The notice that enters the store with the settlement; one that cannot be drafted holds nothing up. */
  async #notice(
    item: LeasedItem,
    settlement: Settlement,
    outcome: AttemptOutcome,
    reply: ParsedReply | undefined,
  ): Promise<NewNotice | undefined> {
    const { draftNotice, log } = this.#options;
    if (draftNotice === undefined || settlement.kind === 'deferred') return undefined;
    try {
      return await draftNotice({ item, settlement, outcome, reply });
    } catch (error) {
      log('attempt_failed', { id: item.id, reason: `no notice: ${describe(error)}` });
      return undefined;
    }
  }

  /** The post of an item, or what becomes of one that gives none. */
  async #prepare(item: LeasedItem): Promise<Post | AttemptOutcome> {
    const { queue, parser } = this.#options;
    const raw = await queue.content(item.id);
    if (raw === undefined)
      return { kind: 'failed', diagnostic: 'the content is gone from the store', by: 'us' };
    const parsed = await parser.parse(raw);
    return parsed.kind === 'parsed' ? toPost(item, parsed) : unposted(parsed);
  }

  /** Tells the sink of a bounce. */
  async #tell(item: LeasedItem): Promise<AttemptOutcome> {
    const { queue, sink, readBounce, attemptTimeoutMs } = this.#options;
    const raw = await queue.content(item.id);
    const bounce = raw === undefined ? undefined : await readBounce?.(item, raw);
    if (bounce === undefined) return { kind: 'failed', diagnostic: 'no bounce can be read', by: 'us' };
    if (sink.bounced === undefined)
      return { kind: 'posted', diagnostic: 'the sink does not want to know of bounces', by: 'us' };
    return sink.bounced(bounce, AbortSignal.timeout(attemptTimeoutMs));
  }

  async #deliver(item: LeasedItem, post: Post): Promise<Outcome> {
    const { sink, attemptTimeoutMs } = this.#options;
    const deadline = AbortSignal.timeout(attemptTimeoutMs);
    if (item.attempts > 1 && (await sink.exists?.(post, deadline)) === true) {
      return { kind: 'posted', diagnostic: 'was on the platform already' };
    }
    return sink.deliver(post, deadline);
  }

  #settlementOf(item: LeasedItem, outcome: AttemptOutcome): Settlement {
    const { log, now, random } = this.#options;
    const at = now();
    if (outcome.kind !== 'deferred') return { kind: outcome.kind, diagnostic: outcome.diagnostic, at };
    if (outcome.workerDied === true && item.workerDeaths + 1 >= MAX_WORKER_DEATHS) {
      const diagnostic = `poison: ${outcome.diagnostic}`;
      log('poison', { id: item.id, attempts: item.attempts, diagnostic });
      return { kind: 'failed', at, diagnostic };
    }
    const failure = { ...item, retryAfterMs: outcome.retryAfterMs };
    const decision = decideRetry(this.#scheduleFor(outcome), failure, at, random());
    const { diagnostic } = outcome;
    if (decision.kind === 'too-old') return { kind: 'failed', at, diagnostic: `given up: ${diagnostic}` };
    return {
      kind: 'deferred',
      at,
      dueAt: decision.dueAt,
      diagnostic,
      workerDied: outcome.workerDied === true,
    };
  }

  /**
   * Behind an open breaker an item's own wait need not grow: probes are few, and the item is to be there when the sink
   * is back.
   */
  #scheduleFor(outcome: AttemptOutcome): RetrySchedule {
    const { retry } = this.#options;
    if (outcome.by === 'us' || !this.#breaker.isOpen) return retry;
    const asked = outcome.kind === 'deferred' ? (outcome.retryAfterMs ?? 0) : 0;
    return { ...retry, longestMs: Math.min(retry.longestMs, Math.max(LONGEST_PAUSE_MS, asked)) };
  }

  #watchSink(id: string, outcome: AttemptOutcome): void {
    const { log, monotonic, now, queue } = this.#options;
    const before = this.#breaker.state;
    this.#breaker.end(id, outcome.by === 'us' ? undefined : outcome, monotonic());
    const { state } = this.#breaker;
    if (state === before) return;
    const { diagnostic } = outcome;
    if (state === 'up') log('sink_recovered');
    else log(`sink_${state}`, { diagnostic });
    queue.setSinkStatus({ state, sinceAt: now(), diagnostic }).catch((error: unknown) => {
      log('dispatch_failed', { reason: describe(error) });
    });
  }

  /** Outcomes that come in while others are written travel together. */
  #settle(settle: Settle): Promise<void> {
    this.#settles.push(settle);
    this.#settling ??= this.#writeSettles();
    return this.#settling;
  }

  async #writeSettles(): Promise<void> {
    while (this.#settles.length > 0) {
      const settles = this.#settles;
      this.#settles = [];
      try {
        await this.#options.queue.settle(settles);
      } catch (error) {
        this.#options.log('dispatch_failed', { reason: describe(error), outcomes: settles.length });
        // Given up only at the end: then the leases are void with the next start, and the attempts are repeated.
        if (this.#isStopping) break;
        this.#settles.unshift(...settles);
        await this.#settleBell.wait(this.#options.pollMs);
      }
    }
    // In the same turn as the last look at the list: an outcome that came in between would wait for the next one.
    this.#settling = undefined;
  }
}

/** The fields of an item that its post repeats. */
type PostOrigin = Pick<
  LeasedItem,
  'id' | 'user' | 'thread' | 'repliedToAt' | 'messageId' | 'receivedAt' | 'authentication' | 'spam'
>;

/** The post of an item, from what was parsed of its message. */
export function toPost(item: PostOrigin, parsed: Extract<ParseOutcome, { kind: 'parsed' }>): Post {
  const { id, user, thread, repliedToAt, messageId, receivedAt, authentication, spam } = item;
  return { ...parsed.reply, id, user, thread, repliedToAt, messageId, receivedAt, authentication, spam };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
