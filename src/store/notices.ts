/** The notices as a port: mail to users about their own replies, on its way. Contract and failure as of store.ts. */
import type { NoticeDraft, NoticeKind } from '../mail/notice.ts';
import type { SendRequest, SendSettlement } from './sending.ts';

/** A notice about to enter the store: at most one per user, kind and day of `createdAt` in UTC (G7). */
export interface NewNotice {
  readonly id: string;
  readonly user: string;
  /** The user's number: the name may be somebody else's by then. Without one the name is believed. */
  readonly userNumber?: number | undefined;
  readonly kind: NoticeKind;
  /** The item that it is about, whose message goes along; undefined when there is none. */
  readonly itemId: string | undefined;
  readonly createdAt: number;
  readonly draft: NoticeDraft;
  /** The reply itself, where no item keeps it. */
  readonly original?: Uint8Array | undefined;
  /**
   * The address, folded, that must have passed for the user before. Then the day of the limit is any 24 hours, because
   * somebody else may be the cause.
   */
  readonly ifPassed?: string | undefined;
}

/** A notice claimed for one attempt; `attempts` counts this one and is the proof of the claim at settling. */
export interface LeasedNotice extends NewNotice {
  readonly attempts: number;
}

/** A notice as the operator sees it. */
export interface NoticeView {
  readonly id: string;
  readonly state: 'waiting' | 'sent' | 'failed';
  readonly user: string;
  readonly kind: NoticeKind;
  readonly itemId: string | undefined;
  readonly createdAt: number;
  readonly attempts: number;
  readonly dueAt: number | undefined;
  readonly settledAt: number | undefined;
  readonly lastDiagnostic: string | undefined;
}

/** The notices that wait to be sent. What they hold of a reply is removed when they end. */
export interface Notices {
  /** Adds a notice; false when the user had one of its kind that day, or is not to have it: the insert itself is the test. */
  addNotice(notice: NewNotice): Promise<boolean>;
  /** Claims the notice that is due longest. */
  leaseNotice(request: SendRequest): Promise<LeasedNotice | undefined>;
  /** Writes an outcome; one whose claim was lost meanwhile is ignored. */
  settleNotice(id: string, attempts: number, settlement: SendSettlement): Promise<void>;
  /** Gives the time at which the next notice becomes due; undefined when none waits. */
  nextNoticeAt(): Promise<number | undefined>;
  /** Lists the newest notices, newest first. */
  listNotices(limit: number): Promise<readonly NoticeView[]>;
}
