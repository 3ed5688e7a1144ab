/**
 * The dispatcher: leases items, has them parsed, delivers the posts and settles the outcomes.
 *
 * Contract: every leased item is settled, whatever its attempt does; at most `concurrency` attempts run, of one thread one
 * (the queue sees to that); an attempt has one deadline in total. It polls the queue for what other processes made; what
 * the gate makes is leased by the commit that stores it. A few items are leased ahead, so that an attempt that ends never
 * waits for the store; of a store that other hosts share they go back where those count on this one no more.
 * While the sink is down or misconfigured the breaker holds the items back, one probe at a time: the others keep their
 * attempts and stay due. While it hangs for some users, those have their share of the slots (shares.ts).
 * Failure: an unknown error in an attempt is deferred; a broken store is logged and tried again, never given up: an item
 * stays leased until that is written, or others hold this host for dead. Limits: retries end with the maximum age.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { NO_LANE } from '../mail/lane.ts';
import { Outage } from '../observe/outage.ts';
import type { AcceptResult } from '../store/acceptance.ts';
import type { NewItem } from '../store/item.ts';
import { Bell } from '../system/bell.ts';
import { errorText } from '../system/error-text.ts';
import { thisMoment } from '../system/moment.ts';
import { attempt, type Leased } from './attempt.ts';
import type { Admission } from './breaker.ts';
import {
  type DispatcherOptions,
  type Fellowship,
  laneOf,
  leaseMsOf,
  type Wish,
} from './dispatcher-options.ts';
import { endAttempt } from './ending.ts';
import { Outlook } from './outlook.ts';
import { type Ended, returned, Settler } from './settler.ts';
import { Shares } from './shares.ts';
import { SinkWatch } from './sink-watch.ts';
import { UnderWay, wantedBytes } from './under-way.ts';
import { WallClock } from './wall-clock.ts';

/** Messages up to this size wait in memory for their attempt; larger ones are read from the store when it begins. */
const AT_HAND_BYTES = 32 * 1024;

/** How often leases are looked for that no attempt of ours holds. */
const RECLAIM_MS = 60_000;

/** The dispatcher; its life: `start`, any number of `wake` and `renew`, `stop`. */
export class Dispatcher {
  readonly #inForce: () => DispatcherOptions;
  readonly #bell = new Bell();
  readonly #inFlight = new Map<string, Promise<void>>();
  /** Items whose attempt has ended and whose outcome is not in the store yet: they are nobody else's. */
  readonly #unwritten = new Set<string>();
  /** Leased ahead; at most as many as may be in flight. */
  readonly #ahead: Leased[] = [];
  readonly #underWay = new UnderWay();
  readonly #shares = new Shares();
  readonly #outlook: Outlook;
  /** Leases that a commit under way may bring. */
  #expected = 0;
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #reclaimedAt: number;
  #watch: SinkWatch;
  readonly #clock: WallClock;
  readonly #settler: Settler;
  readonly #outage: Outage;
  readonly #claimedByAll: () => readonly string[];

  /** Takes what gives the options in force; of these the queue, the log and the clocks stay the same. */
  constructor(inForce: () => DispatcherOptions, fellowship?: Fellowship) {
    const options = inForce();
    this.#claimedByAll = fellowship?.claimed ?? (() => this.claimed);
    this.#inForce = inForce;
    this.#outlook = new Outlook(inForce);
    this.#reclaimedAt = options.monotonic();
    this.#watch = watchOf(options);
    const clock = fellowship?.clock ?? new WallClock(options);
    this.#clock = clock;
    this.#outage = new Outage(options.log, 'dispatch_failed');
    this.#settler = new Settler({
      ...options,
      movedMs: () => clock.movedMs,
      onDue: () => {
        this.wake();
      },
    });
  }

  get #options(): DispatcherOptions {
    return this.#inForce();
  }

  /** Lists the leased items that this dispatcher answers for. */
  get claimed(): readonly string[] {
    return [...this.#inFlight.keys(), ...this.#unwritten, ...this.#ahead.map(({ item }) => item.id)];
  }

  /** Starts dispatching. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Says that there may be work. */
  wake(): void {
    this.#outlook.news();
    this.#bell.ring();
  }

  /**
   * Looks anew, now that another sink and other settings are in force, and resolves when the attempts under way, which
   * may use the old ones, are over. Nothing is known of the new sink: what the old one's breaker held back is tried.
   */
  async renew(): Promise<void> {
    this.#watch = watchOf(this.#options);
    this.#watch.forget();
    this.#shares.forget();
    if (this.#options.lane !== undefined) this.#giveBack(this.#ahead.splice(0)); // they may be another's now
    this.#outlook.late();
    this.#bell.ring();
    await Promise.allSettled(this.#inFlight.values());
  }

  /** Says that items come that are not to be leased with their commit. */
  late(): void {
    this.#outlook.late();
  }

  /** Ends for good: leases nothing more, and resolves when what is under way is settled. */
  async retire(): Promise<void> {
    this.#isStopping = true;
    await this.renew();
    await this.#loop;
    this.#giveBack(this.#ahead.splice(0));
    await this.#settler.settled();
  }

  /**
   * Wishes to lease new items with their commit, as far as they need not wait for others; undefined is none. What became
   * of them is to be told to {@link arrived}.
   */
  expect(items: readonly NewItem[], bytes: number): Wish | undefined {
    const { leftOut } = this.#shares;
    const isShared = leftOut.size > 0 && items.some(({ user }) => leftOut.has(user));
    const limit = isShared ? 0 : Math.min(this.#roomForNew(bytes), items.length);
    if (limit === 0 && !items.every(({ user }) => leftOut.has(user))) this.#outlook.late();
    this.#expected += limit;
    if (limit === 0) return undefined;
    return { limit, leaseMs: leaseMsOf(this.#options), askedAt: thisMoment(), ...laneOf(this.#options) };
  }

  /** Begins what was leased with the commit of new items; without a result there was no commit. */
  arrived(wish: Wish | undefined, raw: Uint8Array, result: AcceptResult | undefined): void {
    this.#expected -= wish?.limit ?? 0;
    if (result?.kind !== 'committed') return;
    // Unless the store has taken its memory over, which leaves nothing of it here.
    const isAtHand = raw.byteLength > 0 && raw.byteLength < AT_HAND_BYTES;
    const { askedAt } = wish ?? {};
    for (const item of result.leased) this.#take({ item, raw: isAtHand ? raw : undefined, askedAt });
    // In a turn of its own: the reply to the client comes first.
    if (result.leased.length > 0) setImmediate(this.#beginAhead);
    if (result.leased.length < result.acceptances.length) this.wake();
  }

  /** Takes a leased item; one whose thread has gone to another lane meanwhile goes back. */
  #take(leased: Leased): void {
    if (this.#options.owns?.(leased.item.thread) === false) this.#giveBack([leased]);
    else this.#ahead.push(leased);
  }

  /** Counts the new items that may begin now: none while there are others that came before them. */
  #roomForNew(bytes: number): number {
    if (bytes > (wantedBytes(this.#ahead) ?? bytes)) return 0;
    return this.#outlook.isBehind() || this.#isStopping || this.#watch.breaker.isOpen ? 0 : this.#room();
  }

  /** Counts the items that may still be leased while the breaker is closed. */
  #room(): number {
    const { concurrency, isPresent } = this.#options;
    return isPresent?.() === false ? 0 : Math.max(0, 2 * concurrency - this.#leased());
  }

  #leased(): number {
    return this.#inFlight.size + this.#ahead.length + this.#expected;
  }

  /**
   * Says what is to be leased now. Each look costs a batch of the store, so a few are not worth one while many are at
   * hand.
   */
  #wanted(): Admission {
    const { concurrency, monotonic } = this.#options;
    const { breaker } = this.#watch;
    const room = this.#room();
    if (!breaker.isOpen) return { limit: room * 2 < concurrency ? 0 : room };
    return this.#leased() < concurrency && this.#ahead.length === 0
      ? breaker.admission(monotonic())
      : { limit: 0 };
  }

  /** Stops leasing, lets attempts under way finish within the time, and settles what has an outcome. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true;
    this.#bell.ring();
    this.#settler.stop();
    await this.#loop;
    this.#giveBack(this.#ahead.splice(0));
    const timer = new AbortController();
    const timeout = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined);
    await Promise.race([Promise.all(this.#inFlight.values()), timeout]);
    timer.abort();
    await this.#settler.settled();
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const waitMs = await this.#lookForWork();
      await this.#bell.wait(waitMs);
    }
  }

  /** Begins what is due; gives the time until the next look. */
  async #lookForWork(): Promise<number> {
    const { monotonic, retry, pollMs } = this.#options;
    try {
      await this.#clock.follow(retry.longestMs);
      await this.#reclaim();
      this.#giveBackHeld();
      const { limit, probe } = this.#wanted();
      if (limit === 0) return Math.min(this.#watch.breaker.heldMs(monotonic()) ?? pollMs, pollMs);
      // Where it is known that something is due, the question when would be one too many.
      const isKnown = this.#outlook.isBehind() && probe === undefined;
      const emptyMs = isKnown ? 0 : await this.#outlook.emptyMs();
      const leased = emptyMs > 0 ? [] : await this.#lease(limit, probe);
      this.#outage.worked();
      if (emptyMs > 0) return Math.min(emptyMs, pollMs);
      for (const each of leased) this.#take(each);
      this.#beginAhead();
      if (leased.length > 0 || (isKnown && !this.#outlook.isBehind())) return 0;
      this.#watch.breaker.missNewcomer(monotonic());
      return Math.min(this.#watch.breaker.pauseMs(monotonic()) || pollMs, pollMs);
    } catch (error) {
      this.#outage.failed({ reason: errorText(error) });
      return pollMs;
    }
  }

  async #lease(limit: number, probe: Admission['probe']): Promise<readonly Leased[]> {
    const { queue, now } = this.#options;
    const leftOut = probe === undefined ? [...this.#shares.leftOut] : [];
    const maxBytes = wantedBytes(this.#ahead);
    const askedAt = thisMoment();
    this.#expected += limit;
    const leased = await queue
      .lease({
        now: now(),
        leaseMs: leaseMsOf(this.#options),
        limit,
        maxBytes,
        probe,
        leftOut,
        alongBytes: AT_HAND_BYTES,
        ...laneOf(this.#options),
      })
      .finally(() => {
        this.#expected -= limit;
      });
    const isBack = leftOut.some((user) => !this.#shares.leftOut.has(user));
    const isMore = probe !== undefined || leased.length === limit || isBack;
    this.#outlook.leased(isMore, leftOut.length > 0);
    return leased.map(({ raw, ...item }) => ({ item, raw, askedAt }));
  }

  async #reclaim(): Promise<void> {
    const { monotonic, now, queue } = this.#options;
    if (monotonic() - this.#reclaimedAt < RECLAIM_MS) return;
    this.#reclaimedAt = monotonic();
    if ((await queue.reclaim(now(), this.#claimedByAll())) > 0) this.#outlook.news();
  }

  readonly #beginAhead = (): void => {
    const { concurrency, maxBufferedBytes, isPresent } = this.#options;
    if (this.#isStopping || isPresent?.() === false) this.#giveBack(this.#ahead.splice(0));
    while (this.#inFlight.size < concurrency) {
      const next = this.#underWay.takeNext(this.#ahead, maxBufferedBytes, this.#mayBegin);
      if (next === undefined) break;
      this.#begin(next);
    }
    this.#giveBack(this.#underWay.takeSurplus(this.#ahead));
    this.#giveBackHeld();
  };

  /** Tells whether an item may begin; what an open breaker lets in is shared out by the breaker. */
  readonly #mayBegin = ({ item }: Leased): boolean => {
    const { concurrency, monotonic } = this.#options;
    const free = concurrency - this.#inFlight.size;
    return this.#watch.breaker.isOpen || this.#shares.mayBegin(item.user, concurrency, free, monotonic());
  };

  /** Gives back what would wait here for a user's own attempts that do not end, so that others can be leased. */
  #giveBackHeld(): void {
    if (this.#ahead.length === 0 || this.#watch.breaker.isOpen) return;
    const { concurrency, monotonic } = this.#options;
    const free = concurrency - this.#inFlight.size;
    this.#giveBack(this.#shares.takeHeld(this.#ahead, concurrency, free, monotonic()));
  }

  #begin(leased: Leased): void {
    const { id, user } = leased.item;
    const watch = this.#watch;
    const beganAt = this.#options.monotonic();
    this.#underWay.begin(leased);
    this.#shares.begin(user, beganAt);
    watch.breaker.begin(leased.item, beganAt);
    const ended = this.#attempt(leased, watch).then(({ settle, movedMs }) => {
      this.#inFlight.delete(id);
      this.#underWay.end(leased);
      if (this.#shares.end(user, beganAt, this.#options.monotonic())) this.#outlook.late();
      this.#unwritten.add(id);
      void this.#settler.settle(settle, movedMs).then(() => {
        this.#unwritten.delete(id);
      });
      this.#beginAhead();
      this.#bell.ring();
    });
    this.#inFlight.set(id, ended);
  }

  /** Gives back what no attempt was made of. */
  #giveBack(unbegun: readonly Leased[]): void {
    for (const { item } of unbegun) void this.#settler.settle(returned(item), this.#clock.movedMs);
  }

  async #attempt(leased: Leased, watch: SinkWatch): Promise<Ended> {
    const { item } = leased;
    const startedAt = performance.now();
    const made = await attempt(this.#options, leased);
    // It may have been the sink before this one.
    if (watch === this.#watch && this.#options.lane !== NO_LANE) watch.ended(item, made);
    const { breaker } = this.#watch;
    if (breaker.isOpen) this.#giveBack(this.#ahead.splice(0));
    const { movedMs } = this.#clock;
    if (made.cause === 'not-ours') return { settle: returned(item), movedMs };
    const circumstances = { dueFrom: this.#clock.now(), breaker, tookMs: performance.now() - startedAt };
    return { settle: await endAttempt(this.#options, item, made, circumstances), movedMs };
  }
}

function watchOf(options: DispatcherOptions): SinkWatch {
  return new SinkWatch(options, options.retry.longestMs);
}
