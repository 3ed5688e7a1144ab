/**
 * A bucket in memory, which other hosts may share.
 *
 * Contract: each host saves what it has taken from a bucket in all since that was full; the others add what they do not know
 * yet. So nothing is counted twice that is read twice, and what was missed comes with the next change.
 */
import type { NamedBucket } from '../store/buckets.ts';

/** A bucket that is not full. */
export interface Bucket {
  /** When it is full again, by the monotonic clock. */
  fullAt: number;
  /** What was taken here since it was full, and the number of that life: others tell by it what is new. */
  readonly life: number;
  takenMs: number;
  /** What is known of others' lives of it, by host; undefined before the first. */
  others?: Map<string, Pick<NamedBucket, 'life' | 'takenMs'>>;
}

/** Gives the time that another host has taken since it was last heard; below 0 where it gave back. */
export function takenSince(bucket: Bucket | undefined, row: NamedBucket, now: number): number {
  const known = bucket?.others?.get(row.host);
  const newMs = known?.life === row.life ? row.takenMs - known.takenMs : row.takenMs;
  // No more than is missing there: the rest has flowed in since.
  return Math.min(newMs, Math.max(0, row.fullAt - Math.max(row.savedAt, now)));
}

/** Notes what is known of another host's bucket. */
export function know(bucket: Bucket, { host, life, takenMs }: NamedBucket): void {
  if (host === '') return; // nobody shares it
  bucket.others ??= new Map();
  bucket.others.set(host, { life, takenMs });
}
