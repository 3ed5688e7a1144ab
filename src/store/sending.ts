/** What the mail that we send has in common, notices and notifications: the claim for an attempt, and its outcome. */

/** A claim on mail that is due. */
export interface SendRequest {
  readonly now: number;
  /** Until when it is nobody else's; then it is due again, whatever became of its claimant. */
  readonly leaseMs: number;
  /** The longest wait there is: mail that would wait longer is due, because a clock was set back. */
  readonly longestMs: number;
}

/** The outcome of an attempt to send a mail, as it is stored. */
export type SendSettlement =
  | { readonly kind: 'sent'; readonly at: number; readonly diagnostic: string }
  | { readonly kind: 'deferred'; readonly dueAt: number; readonly diagnostic: string }
  | { readonly kind: 'failed'; readonly at: number; readonly diagnostic: string };
