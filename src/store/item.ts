/** An item as the ports have it: a reply, or a bounce of a notification, as it enters, is leased and is looked at. */
import type { MatchRule } from '../mail/disposition.ts';
import type { Digest } from '../mail/fingerprint.ts';
import type { ReplyOrigin } from '../mail/origin.ts';
import type { ItemDigest } from './digests.ts';

/** The states of an item: the table of docs/how-it-works.md, The queue. */
export const ITEM_STATES = ['ready', 'waiting', 'leased', 'held', 'posted', 'failed'] as const;

/** One state of an item. */
export type ItemState = (typeof ITEM_STATES)[number];

/** The kind of a bounce: the address is dead, or only did not take one message. */
export type BounceKind = 'hard' | 'soft';

/** The origin of an item: written when it enters, and the same ever after. */
export interface ItemOrigin extends ReplyOrigin {
  /** The user's number: the name may be somebody else's one day. Without one the name is believed. */
  readonly userNumber?: number | undefined;
  /** What a bounce says of the address; undefined for a reply. */
  readonly bounce?: BounceKind | undefined;
  /** Postfix's own id of the message, by which its log names it; undefined where it is not known. */
  readonly queueId?: string | undefined;
  readonly reversePath: string;
}

/**
 * A verified reply about to enter the queue; `hold` names why it waits for the operator. A bounce of a notification
 * takes the same way, waits for nothing in its thread and holds nothing up there; its thread may be empty: unknown.
 */
export interface NewItem extends ItemOrigin {
  /** The thread's number, where its address says it: whatever its locator is by then, the item goes there. */
  readonly threadNumber?: number | undefined;
  readonly fingerprint: Digest;
  /** The digest of what was written; needed where nobody vouches for the sender, or it is held (src/mail/belief.ts). */
  readonly written?: Digest | undefined;
  readonly hold: string | undefined;
  /** What the hold rests on, in words. */
  readonly holdDetail?: string | undefined;
  /** The author's address, folded, where it was authenticated: it is remembered for the user. */
  readonly vouchedFor?: string | undefined;
  /** The rule that found the thread of a reply without a token. */
  readonly matched?: MatchRule | undefined;
}

/** An item claimed for one attempt; `attempts` counts this one and is the proof of the lease at settling. */
export interface LeasedItem extends ItemOrigin {
  readonly attempts: number;
  readonly workerDeaths: number;
  readonly bytes: number;
  /** Of a reply to a digest, or a part of one. */
  readonly digest?: ItemDigest | undefined;
  /** The message, where it was asked for and came along. */
  readonly raw?: Uint8Array | undefined;
}

/** An item as the operator sees it. */
export interface ItemView extends Omit<ItemOrigin, 'userNumber' | 'queueId' | 'authentication' | 'spam'> {
  readonly state: ItemState;
  readonly attempts: number;
  readonly dueAt: number | undefined;
  readonly leaseUntil: number | undefined;
  readonly settledAt: number | undefined;
  readonly holdReason: string | undefined;
  readonly spamScore: number | undefined;
  readonly lastDiagnostic: string | undefined;
  readonly bytes: number;
  /** The lane of its sink; undefined where a site has one sink. */
  readonly lane: string | undefined;
}

/** The messages of items. */
export interface Contents {
  /** Reads the raw message of an item; undefined once it was dropped. */
  content(id: string): Promise<Uint8Array | undefined>;
}
