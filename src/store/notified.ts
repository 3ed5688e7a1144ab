/**
 * Who was notified, as a port: which mail went to which user about which post, so that a reply without a token finds its
 * thread. Contract and failure as of store.ts; a user who is removed is forgotten at once, and the rows are bounded.
 */

/** Rows that are kept; beyond them those go first that expire first. One takes some 300 bytes. */
export const MOST_NOTIFIED = 1_000_000;

/** A notification of one user; times in milliseconds since the epoch. */
export interface NewNotified {
  /** Normalised (mail/message-id.ts), without brackets. */
  readonly messageId: string;
  readonly userNumber: number;
  /** The locator of its day. */
  readonly thread: string;
  readonly repliedToAt: number;
  /** The key of its Subject (mail/subject-key.ts); empty where it has none, or nobody knows it. */
  readonly subjectKey: Uint8Array;
  readonly sentAt: number;
  /** When nobody may answer it any more. */
  readonly expiresAt: number;
}

/** A notification that a reply may be to. */
export type NotifiedPost = Pick<NewNotified, 'messageId' | 'thread' | 'repliedToAt' | 'sentAt'>;

/** The notifications of one user that a mail names, and those that it names and only others were sent. */
export interface NamedNotified {
  /** In the order in which they were named. */
  readonly own: readonly NotifiedPost[];
  readonly others: readonly NotifiedPost[];
}

/** Those who were notified. */
export interface Notified {
  /** Remembers notifications; of one user and one Message-ID the last counts. */
  rememberNotified(notified: readonly NewNotified[]): Promise<void>;
  /** Finds what these Message-IDs, normalised, were to a user, and to others. */
  notifiedByIds(userNumber: number, messageIds: readonly string[]): Promise<NamedNotified>;
  /** Finds what a user was sent since then under this key of a Subject, the newest of each thread first. */
  notifiedBySubject(
    userNumber: number,
    subjectKey: Uint8Array,
    since: number,
  ): Promise<readonly NotifiedPost[]>;
}
