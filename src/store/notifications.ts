/** Notifications that mailgw sends, as a port: from the request to Postfix. Contract and failure as of store.ts. */
import type { OutgoingMail } from '../mail/outgoing.ts';
import type { NewNotified } from './notified.ts';
import type { SendRequest, SendSettlement } from './sending.ts';

/** A notification about to enter the store. */
export interface NewNotification {
  readonly id: string;
  readonly user: string;
  readonly userNumber: number;
  readonly thread: string;
  readonly repliedToAt: number;
  /** Without brackets. */
  readonly messageId: string;
  /** The platform's key of the request: at most one notification has it. */
  readonly idempotencyKey: string | undefined;
  /** The digest of the request, by which a repetition is told from another request under the same key. */
  readonly request: Uint8Array;
  readonly createdAt: number;
  readonly mail: OutgoingMail;
  /** Remembered with it, where replies without a token are matched. */
  readonly notified?: NewNotified | undefined;
}

/** The notification that has an Idempotency-Key already. */
export type EarlierNotification = Pick<NewNotification, 'id' | 'messageId' | 'repliedToAt'>;

/** The answer to an addition. */
export type NotificationAddition =
  | { readonly kind: 'added' }
  /** The same request came before under this key. */
  | { readonly kind: 'repeated'; readonly earlier: EarlierNotification }
  /** Another request came before under this key. */
  | { readonly kind: 'conflict'; readonly earlier: EarlierNotification };

/** A notification claimed for one attempt; `attempts` counts this one and is the proof of the claim at settling. */
export interface LeasedNotification
  extends Pick<NewNotification, 'id' | 'user' | 'userNumber' | 'thread' | 'createdAt' | 'mail'> {
  readonly attempts: number;
}

/** A notification as the operator and the platform see it. */
export interface NotificationView {
  readonly id: string;
  readonly state: 'waiting' | 'sent' | 'failed';
  readonly user: string;
  readonly thread: string;
  readonly repliedToAt: number;
  readonly messageId: string;
  readonly createdAt: number;
  readonly attempts: number;
  readonly dueAt: number | undefined;
  readonly settledAt: number | undefined;
  readonly lastDiagnostic: string | undefined;
}

/** A selection of notifications. */
export interface NotificationFilter {
  readonly thread?: string | undefined;
  /** With a thread: only those whose id sorts below this one, which come in the order of their ids. */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** The notifications that were sent or wait for it. The mail itself is removed when they end. */
export interface Notifications {
  /** Adds a notification, at most one for an Idempotency-Key: the insert itself is the test. */
  addNotification(notification: NewNotification): Promise<NotificationAddition>;
  /** Claims the notifications that are due longest, at most `limit` of them. */
  leaseNotifications(
    request: SendRequest & { readonly limit: number },
  ): Promise<readonly LeasedNotification[]>;
  /** Writes an outcome; one whose claim was lost meanwhile is ignored. */
  settleNotification(id: string, attempts: number, settlement: SendSettlement): Promise<void>;
  /** Gives the time at which the next notification becomes due; undefined when none waits. */
  nextNotificationAt(): Promise<number | undefined>;
  /** Finds a notification by its id. */
  notification(id: string): Promise<NotificationView | undefined>;
  /** Lists notifications, newest first. */
  listNotifications(filter: NotificationFilter): Promise<readonly NotificationView[]>;
}
