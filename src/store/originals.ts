/**
 * Known originals as a port: what is remembered of the posts that users were notified of. Contract and failure as of
 * store.ts; all that is kept is bounded, and the oldest goes first.
 */

/** The knowledge of one notification: nobody can read its text out of it. */
export interface KnownPost {
  readonly subject: string;
  readonly authorName: string;
  readonly authorAddress: string;
  /** The sketch of its text (src/reply/text/sketch.ts), at most 2 KiB. */
  readonly sketch: Uint8Array;
}

/** A notification to be remembered; times in milliseconds since the epoch. */
export interface NewOriginal extends KnownPost {
  readonly thread: string;
  readonly repliedToAt: number;
  /** Tells texts about one post apart: all users who get the same have one row. */
  readonly digest: Uint8Array;
  /** When its last reply address expires. */
  readonly expiresAt: number;
}

/** How many notifications of a thread are known with a reply: it quotes older ones as well. */
export const MOST_KNOWN = 20;

/** How many notifications of a thread are looked at for the newest texts. */
export const MOST_LOOKED_AT = 400;

/** What a row takes besides its sketch and its words. */
const ROW_BYTES = 128;

/** Gives what a notification takes in the store, at most. */
export function originalBytes(original: NewOriginal): number {
  const { thread, subject, authorName, authorAddress, sketch } = original;
  return (
    ROW_BYTES +
    sketch.byteLength +
    3 * (thread.length + subject.length + authorName.length + authorAddress.length)
  );
}

/** The notifications that are remembered. */
export interface Originals {
  /** Remembers notifications; beyond `keepBytes` in all the oldest are forgotten. */
  rememberOriginals(originals: readonly NewOriginal[], keepBytes: number): Promise<void>;
  /** Finds what is known of a post's notification and of those before it in the thread, the newest first. */
  knownOriginals(thread: string, repliedToAt: number): Promise<readonly KnownPost[]>;
}
