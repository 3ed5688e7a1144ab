/**
 * The queue of replies as a port; the other ports of the store stand beside it in files of their own.
 *
 * Contract (docs/how-it-works.md, The queue): a resolved {@link Queue.accept} means the items are on disk (G1); at most one item
 * per fingerprint and belief (G2); only settle, prune and the operator end an item (G3); a lease that is lost makes the
 * item ready again (G4); items of one thread are leased in the order of arrival (G5). The port speaks no SQL and
 * is asynchronous throughout, so that a store on another host can stand behind it.
 * Failure: expected results are values; a rejected promise is a broken store, and temporary to every caller.
 * All times are integer milliseconds since the epoch.
 */

import type { Digest } from '../mail/fingerprint.ts';
import type { SpamVerdict } from '../mail/spam.ts';
import type { QueueFigures, VerdictCount } from '../observe/figures.ts';
import type { NewNotice } from './notices.ts';

/** The states of an item: the table of docs/how-it-works.md, The queue. */
export const ITEM_STATES = ['ready', 'waiting', 'leased', 'held', 'posted', 'failed'] as const;

/** One state of an item. */
export type ItemState = (typeof ITEM_STATES)[number];

/** What the gate found out about the sender. */
export interface Authentication {
  readonly policy: 'strict' | 'flag' | 'off';
  readonly result: 'pass' | 'fail' | 'none';
}

/**
 * A verified reply about to enter the queue; `hold` names why it waits for the operator. A bounce of a notification
 * takes the same way, waits for nothing in its thread and holds nothing up there; its thread may be empty: unknown.
 */
export interface NewItem {
  readonly id: string;
  readonly user: string;
  /** The user's number: the name may be somebody else's one day. Without one the name is believed. */
  readonly userNumber?: number | undefined;
  readonly thread: string;
  /** What a bounce says of the address; undefined for a reply. */
  readonly bounce?: BounceKind | undefined;
  readonly repliedToAt: number;
  readonly fingerprint: Digest;
  /** The digest of what was written; needed where nobody vouches for the sender, or it is held (src/mail/belief.ts). */
  readonly written?: Digest | undefined;
  readonly messageId: string | undefined;
  /** Postfix's own id of the message, where it is known. */
  readonly queueId?: string | undefined;
  readonly reversePath: string;
  readonly receivedAt: number;
  readonly hold: string | undefined;
  /** What the hold rests on, in words. */
  readonly holdDetail?: string | undefined;
  readonly authentication: Authentication;
  /** The author's address, folded, where it was authenticated: it is remembered for the user. */
  readonly vouchedFor?: string | undefined;
  readonly spam: SpamVerdict | undefined;
}

/** Whether an address is dead, or only did not take one message. */
export type BounceKind = 'hard' | 'soft';

/**
 * What became of one new item; a duplicate carries the id of the item that came first. Of a dead letter a new copy is
 * no duplicate: that item is queued again, under its own id.
 */
export interface Acceptance {
  readonly kind: 'queued' | 'held' | 'duplicate';
  readonly id: string;
}

/**
 * All items of one message committed together, or refused together for want of space; `leased` are those that were
 * leased with it.
 */
export type AcceptResult =
  | {
      readonly kind: 'committed';
      readonly acceptances: readonly Acceptance[];
      readonly leased: readonly LeasedItem[];
    }
  | { readonly kind: 'storage-full'; readonly detail: string };

/** The wish to lease new items with their commit: at most so many, so long. */
export interface ImmediateLease {
  readonly limit: number;
  readonly leaseMs: number;
}

/**
 * The wish for an item that shows whether the sink works: one that has not failed, of none of these users; failing that,
 * unless it is strict, any that has not failed, then what is due longest.
 */
export interface LeaseProbe {
  readonly avoid: readonly string[];
  readonly isStrict: boolean;
}

/** An item claimed for one attempt; `attempts` counts this one and is the proof of the lease at settling. */
export interface LeasedItem {
  readonly id: string;
  readonly user: string;
  readonly userNumber?: number | undefined;
  readonly thread: string;
  /** What a bounce says of the address; undefined for a reply. */
  readonly bounce?: BounceKind | undefined;
  readonly repliedToAt: number;
  readonly messageId: string | undefined;
  /** Postfix's own id of the message, by which its log names it. */
  readonly queueId?: string | undefined;
  readonly reversePath: string;
  readonly receivedAt: number;
  readonly authentication: Authentication;
  readonly spam: SpamVerdict | undefined;
  readonly attempts: number;
  readonly workerDeaths: number;
  readonly bytes: number;
}

/** Attempts that may kill their worker before an item counts as poison (G6). */
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
  /** No attempt was made: the item is as it was before the lease. */
  | { readonly kind: 'returned' };

/** One settlement with the lease that it ends. */
export interface Settle {
  readonly id: string;
  readonly attempts: number;
  readonly settlement: Settlement;
}

/** An item as the operator sees it. */
export interface ItemView {
  readonly id: string;
  readonly state: ItemState;
  readonly user: string;
  readonly thread: string;
  /** Undefined for a reply. */
  readonly bounce: BounceKind | undefined;
  readonly messageId: string | undefined;
  readonly reversePath: string;
  readonly repliedToAt: number;
  readonly receivedAt: number;
  readonly attempts: number;
  readonly dueAt: number | undefined;
  readonly leaseUntil: number | undefined;
  readonly settledAt: number | undefined;
  readonly holdReason: string | undefined;
  readonly spamScore: number | undefined;
  readonly lastDiagnostic: string | undefined;
  readonly bytes: number;
}

/** Which items to list, oldest first. */
export interface ItemFilter {
  readonly state?: ItemState | readonly ItemState[] | undefined;
  readonly user?: string | undefined;
  readonly thread?: string | undefined;
  /** Received since then. */
  readonly since?: number | undefined;
  /** Settled since then. */
  readonly settledSince?: number | undefined;
  /** Only those whose message is there, which a posted one's may not be. */
  readonly hasContent?: true | undefined;
  readonly limit?: number | undefined;
}

/** Items of one state and one age: `age` is the index of the first bound that they were received after. */
export interface AgeCount {
  readonly state: ItemState;
  readonly age: number;
  readonly count: number;
  readonly bytes: number;
}

/** What an operator's action did: the item's new state, or why it does not apply. */
export type OperatorResult =
  | { readonly kind: 'done'; readonly id: string; readonly state: ItemState | 'dropped' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'not-applicable'; readonly state: ItemState }
  /** Its user was removed: nobody may post as whoever has the name now. */
  | { readonly kind: 'no-user'; readonly user: string }
  /** It was posted, and its message is not kept any more. */
  | { readonly kind: 'no-content' }
  /** The reply is there as another item, whose state is undefined once it is gone; this one stays what it `was`. */
  | {
      readonly kind: 'duplicate';
      readonly was: ItemState;
      readonly of: string;
      readonly state: ItemState | undefined;
    };

/** An operator's action on one item. */
export type OperatorAction = 'retry' | 'hold' | 'release' | 'drop';

/**
 * What is known of a sink: it takes posts; it asked to be left alone; it cannot be reached or fails; it is
 * misconfigured, here or on its side.
 */
export type SinkState = 'up' | 'paused' | 'down' | 'broken';

/** A sink's state, since when, and the last answer that supports it. */
export interface SinkStatus {
  readonly state: SinkState;
  readonly sinceAt: number;
  readonly diagnostic: string;
}

/** Items by state, and the receipt time of the oldest one that still waits for its post. */
export interface QueueCounts extends QueueFigures {
  readonly byState: Readonly<Record<ItemState, number>>;
  readonly sink: SinkStatus | undefined;
}

/** Items that are not settled, counted up to {@link MOST_COUNTED}, and what is known of the sink. */
export interface Backlog {
  readonly open: number;
  readonly paused: boolean;
  readonly sink: SinkStatus | undefined;
}

/** A backlog is not counted further than this: the count blocks the main loop. */
export const MOST_COUNTED = 100_000;

/** Bounces counted so far, and when the last one came. */
export interface BounceCounts {
  readonly hard: number;
  readonly soft: number;
  readonly lastAt: number | undefined;
}

/** What retention removes: what was posted, or received, before these times. */
export interface PruneRequest {
  /** The content of items posted before then. */
  readonly contentBefore: number;
  /** The rows of items posted before then, with what is left of their content. */
  readonly rowsBefore: number;
  /** The dedupe rows of messages received before then. */
  readonly dedupeBefore: number;
  /** The rows of notices that ended before then; none by default. */
  readonly noticesBefore?: number | undefined;
  /** Users removed before then, who cannot be restored any more; none by default. */
  readonly usersBefore?: number | undefined;
  /** Unused bytes that the store may keep for its own use; what is more goes back to the file system. */
  readonly keepFreeBytes: number;
}

/** What one step of pruning did; `isDone` when nothing is left for another. */
export interface Pruned {
  readonly contents: number;
  readonly rows: number;
  readonly dedupes: number;
  readonly users: number;
  readonly freedBytes: number;
  readonly isDone: boolean;
}

/** The queue of replies. */
export interface Queue {
  /**
   * Commits one item per recipient of a message; resolves after the commit is on disk. May take `raw`'s memory over.
   * With a wish to lease, items that {@link Queue.lease} would give now are leased by the same commit.
   */
  accept(items: readonly NewItem[], raw: Uint8Array, lease?: ImmediateLease): Promise<AcceptResult>;
  /**
   * Claims due items, at most one per thread, and none while the queue is paused; of a probe only one. Those of users
   * that are gone are held instead.
   */
  lease(request: {
    readonly now: number;
    readonly leaseMs: number;
    readonly limit: number;
    /** The largest message that is wanted; by default any. */
    readonly maxBytes?: number | undefined;
    readonly probe?: LeaseProbe | undefined;
    /** Users of whom nothing is wanted; a probe may be theirs. */
    readonly leftOut?: readonly string[] | undefined;
  }): Promise<readonly LeasedItem[]>;
  /** Writes outcomes; one whose lease was lost meanwhile is ignored. Needs no fsync of its own. */
  settle(settles: readonly Settle[]): Promise<void>;
  /** Makes every leased item ready again whose lease has ended, except those that `inFlight` names. */
  reclaim(now: number, inFlight: readonly string[]): Promise<number>;
  /** Removes a bounded number of what is out of date; open, held and failed items are never touched (G3). */
  prune(request: PruneRequest): Promise<Pruned>;
  /**
   * Moves what lies on the wall clock after that jumped by `byMs`; 0 at a start, where nobody knows whether it did.
   * An item that was ready, or would wait longer than `longestMs`, is due at once.
   */
  retime(change: { readonly now: number; readonly byMs: number; readonly longestMs: number }): Promise<void>;
  /** When the next item becomes due; undefined when none is waiting or the queue is paused. */
  nextDueAt(): Promise<number | undefined>;
  /** The raw message of an item; undefined once it was dropped. */
  content(id: string): Promise<Uint8Array | undefined>;
  /** Items matching a filter. */
  list(filter: ItemFilter): Promise<readonly ItemView[]>;
  /** The ids of all items matching a filter. */
  ids(filter: ItemFilter): Promise<readonly string[]>;
  /** How many items match by state and age; `bounds` are times of receipt, newest first. */
  shape(filter: ItemFilter, bounds: readonly number[]): Promise<readonly AgeCount[]>;
  /** One item by its id. */
  get(id: string): Promise<ItemView | undefined>;
  /** The id of the item of which {@link Queue.accept} would call this one a duplicate. */
  duplicateOf(item: NewItem): Promise<string | undefined>;
  /** Applies an operator's action. */
  operate(action: OperatorAction, id: string, now: number): Promise<OperatorResult>;
  /** Stops or resumes leasing for every daemon on this store. */
  setPaused(paused: boolean): Promise<void>;
  /** Records what is known of the sink; undefined is nothing. */
  setSinkStatus(status: SinkStatus | undefined): Promise<void>;
  /** Adds to the counts of verdicts. Needs no fsync of its own. */
  addVerdicts(counts: readonly VerdictCount[]): Promise<void>;
  /** The counts of verdicts: all, or since the hour of `since`. */
  verdicts(since?: number): Promise<readonly VerdictCount[]>;
  /** Figures for `stats`. */
  counts(): Promise<QueueCounts>;
  /** What a status line tells, at a cost that does not grow with what was posted. */
  backlog(): Promise<Backlog>;
  /** Bounces of notifications to this user, or to all. */
  bounceCounts(user?: string): Promise<BounceCounts>;
}
