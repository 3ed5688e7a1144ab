/** Looks into the store as a port. Contract and failure as of store.ts. */

import type { MatchRule } from '../mail/disposition.ts';
import type { Authentication } from '../mail/origin.ts';
import type { ItemView, NewItem } from './item.ts';
import type { NoticeView } from './notices.ts';

/** An attempt that was not the last, as the store keeps it; one that posted its item is the item's own end. */
export interface AttemptView {
  readonly attempt: number;
  readonly at: number;
  readonly outcome: 'deferred' | 'failed';
  readonly diagnostic: string;
}

/** The store's knowledge of one item's way: to tell it, not to act on it. */
export interface Trace {
  readonly item: ItemView;
  readonly queueId: string | undefined;
  readonly authentication: Authentication;
  readonly isFlaggedSpam: boolean | undefined;
  /** The rule that found the thread of a reply without a token. */
  readonly matched: MatchRule | undefined;
  readonly hasContent: boolean;
  /** Attempts that ended without a post, oldest first. */
  readonly attempts: readonly AttemptView[];
  /** What the author was told of it, oldest first. */
  readonly notices: readonly NoticeView[];
}

/** A thread whose oldest item waits. */
export interface WaitingThread {
  readonly thread: string;
  readonly items: number;
  readonly oldestReceivedAt: number;
  /** Attempts of the item that is tried most. */
  readonly attempts: number;
  readonly lastDiagnostic: string | undefined;
}

/** The items that came and went since a time. */
export interface Flow {
  readonly received: number;
  readonly posted: number;
  readonly failed: number;
}

/** Looks into the store for people who ask what became of a mail, or what is slow. */
export interface Inspection {
  /**
   * Finds the ways of the items with this id, a beginning of it, this Message-ID or this queue id of Postfix's,
   * oldest first.
   */
  traces(name: string): Promise<readonly Trace[]>;
  /** Finds the item of which an accept would call this one a duplicate: its id. */
  duplicateOf(item: NewItem): Promise<string | undefined>;
  /** Lists the threads that wait longest. */
  waitingThreads(limit: number): Promise<readonly WaitingThread[]>;
  /** Counts the items that came and went since `since`. */
  flow(since: number): Promise<Flow>;
  /** Gives the time of the last item whose sender the site's filter vouched for, if one is kept. */
  lastVouchedFor(): Promise<number | undefined>;
}
