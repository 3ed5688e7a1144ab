/** Leases as a port: items claimed for an attempt, and what becomes of them. Contract and failure as of store.ts. */
import type { LeasedItem } from './item.ts';
import type { NewNotice } from './notices.ts';

/**
 * The wish for an item that shows whether the sink works: one that has not failed, of none of these users; failing that,
 * unless it is strict, any that has not failed, then what is due longest.
 */
export interface LeaseProbe {
  readonly avoid: readonly string[];
  readonly isStrict: boolean;
}

/** The wish for items: which ones, and for how long. */
export interface LeaseRequest {
  readonly now: number;
  readonly leaseMs: number;
  readonly limit: number;
  /** The largest message that is wanted; by default any. */
  readonly maxBytes?: number | undefined;
  readonly probe?: LeaseProbe | undefined;
  /** Users of whom nothing is wanted; a probe may be theirs. */
  readonly leftOut?: readonly string[] | undefined;
  /** The lane whose items are wanted; of all where undefined. */
  readonly lane?: string | undefined;
  /** Messages below this size may come along, where another question would cost more than that; by default none. */
  readonly alongBytes?: number | undefined;
}

/** The attempts of an item that may kill their worker; with the last of them it is poison (G6). */
export const MAX_WORKER_DEATHS = 3;

/**
 * The outcome of an attempt as the queue records it; `workerDied` counts towards poison (G6). A `notice` enters the
 * store with the outcome that it is about, or not at all.
 */
export type Settlement =
  | { readonly kind: 'posted'; readonly at: number; readonly notice?: NewNotice | undefined }
  | {
      readonly kind: 'deferred';
      readonly at: number;
      readonly dueAt: number;
      readonly diagnostic: string;
      readonly workerDied: boolean;
    }
  | {
      readonly kind: 'failed';
      readonly at: number;
      readonly diagnostic: string;
      readonly notice?: NewNotice | undefined;
    }
  | Split
  /** No attempt was made: the item is as it was before the lease. */
  | { readonly kind: 'returned' };

/** A reply to a digest that ends as its parts, each an item of its own in the thread of the post that it answers. */
export interface Split {
  readonly kind: 'split';
  readonly at: number;
  readonly diagnostic: string;
  readonly parts: readonly SplitPart[];
}

/** A part of a reply to a digest: the place of the post in the digest, and where the post is. */
export interface SplitPart {
  readonly post: number;
  readonly thread: string;
  readonly repliedToAt: number;
}

/** Tells whether an attempt made poison of its item; `workerDeaths` counts the workers killed before it. */
export function isPoison(workerDeaths: number, workerDied: boolean): boolean {
  return workerDied && workerDeaths + 1 >= MAX_WORKER_DEATHS;
}

/** Gives the settlement of poison. */
export function poisoned(at: number, diagnostic: string): Extract<Settlement, { kind: 'failed' }> {
  return { kind: 'failed', at, diagnostic: `poison: ${diagnostic}` };
}

/** One settlement with the lease that it ends. */
export interface Settle {
  readonly id: string;
  readonly attempts: number;
  readonly settlement: Settlement;
}

/** A change of the wall clock; 0 at a start, where nobody knows whether it jumped. */
export interface ClockChange {
  readonly now: number;
  readonly byMs: number;
  readonly longestMs: number;
}

/** The items that are due, and those that somebody works on. */
export interface Leases {
  /**
   * Claims due items, at most one per thread, and none while the queue is paused; of a probe only one. Those of users
   * that are gone are held instead.
   */
  lease(request: LeaseRequest): Promise<readonly LeasedItem[]>;
  /**
   * Writes outcomes; one whose lease was lost meanwhile is ignored. Needs no fsync of its own. Tells whether their threads may
   * have something to do before long: an item behind one that ended, or one that did not end.
   */
  settle(settles: readonly Settle[]): Promise<boolean>;
  /** Makes every leased item ready again whose lease has ended, except those that `inFlight` names. */
  reclaim(now: number, inFlight: readonly string[]): Promise<number>;
  /**
   * Moves what lies on the wall clock after that jumped by `byMs`. An item that was ready, or would wait longer than
   * `longestMs`, is due at once.
   */
  retime(change: ClockChange): Promise<void>;
  /** Gives the time at which the next item of a lane, or of all, becomes due; undefined when none waits, or the queue is paused. */
  nextDueAt(lane?: string): Promise<number | undefined>;
}
