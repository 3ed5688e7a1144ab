/**
 * The rates: token buckets per user, per address and in all, in the daemon's memory and, behind it, in the store.
 *
 * Contract: `reached` changes nothing, because Postfix probes addresses; `take` takes from every bucket or from none.
 * Messages that nobody vouches for have buckets of their own, as large as the others: whoever holds an address cannot
 * use up what its owner may send.
 * What is taken is saved within {@link SAVE_MS}, and from a bucket that is more than half empty with the message
 * itself, by `saveUrgent` in the tick of an accept. In SQLite both are one transaction. So a crash gives back
 * at most half a bucket, and that only if it was taken just before. In PostgreSQL the save is a transaction of its own that
 * begins with the accept and waits for nothing but the save before it: a crash between the two commits also gives back
 * what was taken with the messages of those milliseconds, or takes for such as were not accepted; and so does a crash of
 * the database, for what it has not written of such saves, which need no fsync.
 * Buckets live on the monotonic clock, so setting the wall clock changes nothing; across a restart see {@link untilFull}.
 * Hosts that share a store exchange what they take with every save, and every {@link SWEEP_MS}: each adds the others' to
 * its own. All of them together go beyond a rate by what the others take between two exchanges, {@link SAVE_MS} under load,
 * and by no more: what was taken beyond it is a debt that flows in before there is another one.
 * Failure: a store that cannot save is told to the log once; the buckets in memory hold meanwhile.
 * Limits: {@link MAX_BUCKETS} in memory; beyond it those that were used longest ago are forgotten.
 */

import { randomInt } from 'node:crypto';
import { type Charged, giveOneBack, hasOne, type Rate, takeOne, untilFull } from '../mail/rate.ts';
import type { Log } from '../observe/log.ts';
import type { Buckets, NamedBucket } from '../store/buckets.ts';
import { errorText } from '../system/error-text.ts';
import { type Limit, limitsOf, type RateLimit, type RateSettings } from './limits.ts';
import { type Bucket, know, takenSince } from './shared-bucket.ts';
import type { End } from './trail.ts';

/** The standing of a message: its user's own as far as the site's filter and policy say, or not. */
export type Standing = 'vouched' | 'unvouched';

/** The options of rates. */
export interface RateOptions {
  /** The rates in force. */
  readonly settings: () => RateSettings;
  readonly buckets: Buckets;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds of a clock that nobody can set. */
  readonly monotonic: () => number;
  readonly maxBuckets?: number;
}

/** Buckets in memory, at about 200 bytes each. */
const MAX_BUCKETS = 131_072;

/** Buckets that one sweep looks at: about a millisecond. */
const SWEEP_BUCKETS = 10_000;

/** How long changes are gathered: many of them are of the same buckets, and a commit of them is never large. */
const SAVE_MS = 100;

/** A look for buckets that are full by now, and for what other hosts have taken. */
const SWEEP_MS = 1000;

/** What stands before the name of a bucket of messages that nobody vouches for. */
const UNVOUCHED = 'unvouched/';

const nameFor = (standing: Standing, name: string): string =>
  standing === 'vouched' ? name : `${UNVOUCHED}${name}`;

/** Lives begin anywhere, so that those of one run are none of another's. */
const FIRST_LIFE = 2 ** 47;

/** Loads the buckets of the time before. */
export async function openRates(options: RateOptions): Promise<Rates> {
  const rates = new Rates(options);
  await rates.load();
  return rates;
}

/** The buckets. */
export class Rates {
  readonly #options: RateOptions;
  #settings: RateSettings;
  #limits: readonly Limit[];
  /** The one used longest ago comes first. */
  readonly #buckets = new Map<string, Bucket>();
  #nextLife = randomInt(FIRST_LIFE);
  readonly #unsaved = new Set<string>();
  readonly #forgotten = new Set<string>();
  #sweep: Iterator<[string, Bucket]> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isUrgent = false;
  #hasFailed = false;
  #hasStopped = false;
  #isHearing = false;
  #saving: Promise<void> = Promise.resolve();

  /** To be made with {@link openRates}. */
  constructor(options: RateOptions) {
    this.#options = options;
    this.#settings = options.settings();
    this.#limits = limitsOf(this.#settings);
  }

  /** Gives the limits in force, which the buckets follow. */
  #inForce(): readonly Limit[] {
    const settings = this.#options.settings();
    if (settings !== this.#settings) this.#follow(settings);
    return this.#limits;
  }

  /** Takes other limits; a bucket keeps what it holds, and is full no later than the new limit has it. */
  #follow(settings: RateSettings): void {
    this.#settings = settings;
    this.#limits = limitsOf(settings);
    const now = this.#options.monotonic();
    for (const [name, bucket] of this.#buckets) {
      const rate = this.#rateOf(name);
      if (rate === undefined) this.#forget(name);
      else if (bucket.fullAt > now + rate.perMs) {
        bucket.fullAt = now + rate.perMs;
        this.#mark(name);
      }
    }
  }

  /** Gives the rate that limits a bucket, if any. */
  #rateOf(name: string): Rate | undefined {
    const bare = name.startsWith(UNVOUCHED) ? name.slice(UNVOUCHED.length) : name;
    return this.#limits.find(({ owns }) => owns(bare))?.rate;
  }

  /** Buckets in memory: those that are not full. */
  get buckets(): number {
    return this.#buckets.size;
  }

  /** Reads what the store holds; what is full by now, or limited no more, is forgotten. */
  async load(): Promise<void> {
    const { buckets, now, monotonic } = this.#options;
    for (const saved of await buckets.loadBuckets()) {
      const rate = this.#rateOf(saved.name);
      const ms = rate === undefined ? 0 : untilFull(saved, now(), rate);
      // Every host has the others' in its own: the emptiest knows most.
      if (ms > 0) {
        const fullAt = Math.max(monotonic() + ms, this.#fullAt(saved.name) ?? 0);
        know(this.#set(saved.name, fullAt), saved);
      } else if (!this.#buckets.has(saved.name)) this.#forgotten.add(saved.name);
    }
    for (const name of this.#buckets.keys()) this.#forgotten.delete(name);
    this.#arm(SAVE_MS);
  }

  /** Saves what is left; to be called after the last reply was judged, before the store closes. */
  async stop(): Promise<void> {
    this.#hasStopped = true;
    clearTimeout(this.#timer);
    this.#save();
    await this.#saving;
  }

  /** Names the limit that one more reply of this kind would go beyond; changes nothing. */
  reached(charged: Charged, standing: Standing = 'vouched'): RateLimit | undefined {
    const now = this.#options.monotonic();
    return this.#bucketsOf(charged, standing).find(
      ({ name, rate }) => !hasOne(this.#fullAt(name) ?? now, now, rate),
    )?.limit;
  }

  /** Takes one from every bucket of a reply, or from none: then the limit that stood against it. */
  take(charged: Charged, standing: Standing = 'vouched'): RateLimit | undefined {
    const reached = this.reached(charged, standing);
    if (reached !== undefined) return reached;
    const now = this.#options.monotonic();
    for (const { name, rate } of this.#bucketsOf(charged, standing)) {
      const before = this.#fullAt(name) ?? now;
      const fullAt = takeOne(before, now, rate);
      this.#touch(name, fullAt, fullAt - Math.max(before, now));
      if (fullAt - now > rate.perMs / 2) this.#isUrgent = true;
    }
    return undefined;
  }

  /** Undoes a `take`: the reply was neither kept nor dropped, and will come again. */
  giveBack(charged: Charged, standing: Standing = 'vouched'): void {
    for (const { name, rate } of this.#bucketsOf(charged, standing)) {
      const before = this.#fullAt(name);
      if (before === undefined) continue;
      const fullAt = giveOneBack(before, rate);
      this.#touch(name, fullAt, fullAt - before);
    }
  }

  /** Names the buckets that a reply is counted in. */
  #bucketsOf(
    charged: Charged,
    standing: Standing,
  ): readonly (Pick<Limit, 'limit' | 'rate'> & { name: string })[] {
    return this.#inForce().flatMap(({ limit, rate, bucketOf }) => {
      const bucket = bucketOf(charged);
      return bucket === undefined ? [] : [{ limit, rate, name: nameFor(standing, bucket) }];
    });
  }

  /** Hands what changed to the store if it includes a bucket that is more than half empty. */
  saveUrgent(): void {
    if (this.#isUrgent) this.#save();
  }

  #save(): void {
    this.#isUrgent = false;
    if (this.#unsaved.size + this.#forgotten.size === 0) return;
    const { buckets, now, monotonic, log } = this.#options;
    const savedAt = now();
    const ahead = savedAt - monotonic();
    const names = [...this.#unsaved];
    const changed = names.flatMap((name) => this.#buckets.get(name) ?? []);
    const change = {
      fullAts: changed.map(({ fullAt }) => Math.ceil(fullAt + ahead)),
      lives: changed.map(({ life }) => life),
      takenMs: changed.map(({ takenMs }) => takenMs),
    };
    const gone = [...this.#forgotten];
    this.#unsaved.clear();
    this.#forgotten.clear();
    this.#saving = buckets.saveBuckets({ savedAt, names, ...change, gone }).then(
      () => {
        this.#hasFailed = false;
      },
      (error: unknown) => {
        if (!this.#hasFailed) log('rates_unsaved', { reason: errorText(error) });
        this.#hasFailed = true;
        for (const name of [...names, ...gone]) this.#mark(name);
      },
    );
  }

  /** Forgets some of the buckets that are full; every bucket has its turn. */
  sweep(): void {
    this.#inForce();
    const now = this.#options.monotonic();
    for (let looked = 0; looked < SWEEP_BUCKETS; looked++) {
      this.#sweep ??= this.#buckets.entries();
      const next = this.#sweep.next();
      if (next.done === true) {
        this.#sweep = undefined;
        return;
      }
      const [name, { fullAt }] = next.value;
      if (fullAt <= now) this.#forget(name);
    }
  }

  /** Saves what changed, and hears what other hosts did. */
  async exchange(): Promise<void> {
    this.#save();
    await Promise.all([this.#saving, this.#hear()]);
  }

  /** Hears from the store what other hosts have taken; what fails is heard the next time. */
  async #hear(): Promise<void> {
    if (this.#isHearing || this.#inForce().length === 0) return;
    this.#isHearing = true;
    try {
      for (const row of await this.#options.buckets.othersBuckets()) this.#add(row);
    } catch {
      // A store that fails is told by what is saved.
    } finally {
      this.#isHearing = false;
    }
  }

  /** Adds what another host has taken since it was last heard. */
  #add(row: NamedBucket): void {
    const { name } = row;
    if (this.#rateOf(name) === undefined) return;
    const now = this.#options.monotonic();
    const bucket = this.#buckets.get(name);
    const addedMs = takenSince(bucket, row, this.#options.now());
    const before = bucket?.fullAt ?? now;
    if (bucket === undefined && addedMs <= 0) return;
    know(this.#set(name, (addedMs > 0 ? Math.max(before, now) : before) + addedMs), row);
  }

  #fullAt(name: string): number | undefined {
    return this.#buckets.get(name)?.fullAt;
  }

  #touch(name: string, fullAt: number, takenMs: number): void {
    const bucket = this.#buckets.get(name);
    if (bucket !== undefined) {
      this.#buckets.delete(name); // so that it is the one used last
      this.#buckets.set(name, bucket);
    }
    this.#set(name, fullAt).takenMs += takenMs;
    this.#mark(name);
  }

  #set(name: string, fullAt: number): Bucket {
    const known = this.#buckets.get(name);
    if (known !== undefined) {
      known.fullAt = fullAt;
      return known;
    }
    const bucket = { fullAt, life: this.#nextLife++, takenMs: 0 };
    this.#buckets.set(name, bucket);
    const most = this.#options.maxBuckets ?? MAX_BUCKETS;
    if (this.#buckets.size <= most) return bucket;
    // Many at once: a Map's first entry is found slowly behind ones that were removed.
    const kept = Math.floor(most * (1 - 1 / 64));
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= kept) break;
      this.#forget(oldest);
    }
    return bucket;
  }

  #forget(name: string): void {
    this.#buckets.delete(name);
    this.#mark(name);
  }

  /** Looks after the buckets some time from now, and again and again. */
  #arm(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#hasStopped) return;
    this.#timer = setTimeout(() => {
      this.sweep();
      void this.exchange();
      this.#arm(SWEEP_MS);
    }, ms).unref();
  }

  /** Marks a bucket as one to be saved or forgotten. */
  #mark(name: string): void {
    if (this.#unsaved.size + this.#forgotten.size === 0) this.#arm(SAVE_MS);
    const [to, from] = this.#buckets.has(name)
      ? [this.#unsaved, this.#forgotten]
      : [this.#forgotten, this.#unsaved];
    to.add(name);
    from.delete(name);
  }
}

/** Ends a way at a limit: the sender comes again later. */
export function rateLimited(limit: RateLimit): End {
  return { kind: 'end', disposition: { verdict: 'deferred', reason: 'rate-limited', detail: limit } };
}
