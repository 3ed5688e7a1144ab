/** The rates' token buckets as a port. Contract and failure as of store.ts. */
import type { SavedBucket } from '../mail/rate.ts';

/** The token buckets of the rates, by name; mail/rate.ts says what their times mean. */
export interface Buckets {
  /** Reads all buckets that are kept. */
  loadBuckets(): Promise<readonly (SavedBucket & { readonly name: string })[]>;
  /** Reads one bucket; undefined when it is full. */
  bucket(name: string): Promise<SavedBucket | undefined>;
  /** Writes the buckets `names` and removes those of `gone`. Needs no fsync; of one tick with an accept, one commit. */
  saveBuckets(change: BucketChange): Promise<void>;
}

/** Buckets that changed: `fullAts` in the order of `names`. */
export interface BucketChange {
  readonly savedAt: number;
  readonly names: readonly string[];
  readonly fullAts: readonly number[];
  readonly gone: readonly string[];
}
