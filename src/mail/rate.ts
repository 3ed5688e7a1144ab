/**
 * Token buckets: so many replies in a time span, refilled all the time.
 *
 * A bucket's whole state is the time at which it is full again; taking one moves that time by one interval, and there
 * is one to take while it lies no further ahead than the span. A bucket that nobody used for a span is full, and
 * then nothing about it needs to be kept.
 * Contract: all times are milliseconds of one clock that is never set back; which one is the caller's affair.
 */
import type { Token } from './token.ts';

/** A number of replies in a time span. */
export interface Rate {
  readonly count: number;
  readonly perMs: number;
}

/** Sums of fractions must not cost the last one of a bucket. */
const TOLERANCE_MS = 0.001;

/** Gives the time after which one more has flowed in. */
function intervalMs({ count, perMs }: Rate): number {
  return perMs / count;
}

/** Gives the time at which a bucket is full again after one more was taken. */
export function takeOne(fullAt: number, now: number, rate: Rate): number {
  return Math.max(fullAt, now) + intervalMs(rate);
}

/** Gives the time at which a bucket is full again after one was given back. */
export function giveOneBack(fullAt: number, rate: Rate): number {
  return fullAt - intervalMs(rate);
}

/** Tells whether there is one to take. */
export function hasOne(fullAt: number, now: number, rate: Rate): boolean {
  return takeOne(fullAt, now, rate) - now <= rate.perMs + TOLERANCE_MS;
}

/** Counts those that there are to take. */
export function leftIn(fullAt: number, now: number, rate: Rate): number {
  const missing = Math.max(0, fullAt - now - TOLERANCE_MS) / intervalMs(rate);
  return Math.max(0, Math.floor(rate.count - missing));
}

/** A bucket as the store keeps it, in times of the wall clock. */
export interface SavedBucket {
  readonly fullAt: number;
  readonly savedAt: number;
}

/**
 * Milliseconds until a saved bucket is full. Since the wall clock may have been set: time that seems to have run
 * backwards counts as none, so that nobody waits longer than the bucket said when it was saved.
 */
export function untilFull({ fullAt, savedAt }: SavedBucket, now: number, rate: Rate): number {
  return Math.min(rate.perMs, Math.max(0, fullAt - Math.max(now, savedAt)));
}

/** The bucket of all replies. */
export const TOTAL_BUCKET = 'total';

/** What a reply is counted by: its token, or its user alone where it has none. */
export type Charged = Token | { readonly form: 'matched'; readonly userNumber: number };

/** Names the bucket of a user. */
export function userBucket(userNumber: number): string {
  return `user/${userNumber}`;
}

/** Bytes of a token that say which address it is: what stands before the MACs. */
const IDENTITY_BYTES = { sealed: 15, bound: 10 } as const;

/**
 * Names the bucket of an address by its token without the MACs. The name proves nothing to anybody. A bound token
 * whose last bytes were changed, which RCPT cannot see, gets no bucket of its own.
 * A reply without a token is to no address that is one person's.
 */
export function addressBucket(token: Charged): string | undefined {
  if (token.form === 'matched') return undefined;
  return `address/${token.bytes.toString('base64url', 0, IDENTITY_BYTES[token.form])}`;
}
