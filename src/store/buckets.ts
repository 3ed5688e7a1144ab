/** The rates' token buckets as a port. Contract and failure as of store.ts. */
import type { SavedBucket } from '../mail/rate.ts';

/** A bucket as a host last saved it. */
export interface NamedBucket extends SavedBucket {
  readonly name: string;
  /** Who saved it: where several hosts share a store, each has its own view of a bucket; empty where there is one. */
  readonly host: string;
  /** The number of this life of the bucket at its host, which began with nothing taken. */
  readonly life: number;
  /** The time that this host has taken from the bucket in that life, in milliseconds. */
  readonly takenMs: number;
}

/** The token buckets of the rates, by name; mail/rate.ts says what their times mean. */
export interface Buckets {
  /** Reads all buckets that are kept. */
  loadBuckets(): Promise<readonly NamedBucket[]>;
  /** Reads one bucket; undefined when it is full. */
  bucket(name: string): Promise<SavedBucket | undefined>;
  /**
   * Writes the buckets `names` as this host has them, and removes those of `gone`. Needs no fsync; of one tick with an
   * accept, one commit in a store of one host.
   */
  saveBuckets(change: BucketChange): Promise<void>;
  /** Reads what other hosts have saved since it was last asked, or since the buckets were loaded; some of it perhaps again. */
  othersBuckets(): Promise<readonly NamedBucket[]>;
}

/** Buckets that changed: the other lists in the order of `names`. */
export interface BucketChange {
  readonly savedAt: number;
  readonly names: readonly string[];
  readonly fullAts: readonly number[];
  readonly lives: readonly number[];
  readonly takenMs: readonly number[];
  readonly gone: readonly string[];
}
