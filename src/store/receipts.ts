/**
 * Receipts as a port: what a source has written together with what became of a message, so that neither a crash nor a
 * repetition parts the two. Contract and failure as of store.ts.
 */

/** The place of a message in a mailbox: a UID, good for as long as the folder has this UIDVALIDITY (RFC 9051 §2.3.1.1). */
export interface MailboxPlace {
  /** The name of its `[[imap]]`. */
  readonly source: string;
  readonly uidValidity: number;
  readonly uid: number;
}

/** The receipt of a message in a mailbox. */
export interface MailboxReceipt extends MailboxPlace {
  readonly kind: 'mailbox';
  /** The UID up to which everything is settled or noted, with this message; undefined leaves it as it is. */
  readonly highWater: number | undefined;
  /** Whether the message has still to be marked, moved or deleted in its folder. */
  readonly owesCourtesy: boolean;
  readonly at: number;
}

/** The receipt of a provider's call. */
export interface CallReceipt {
  readonly kind: 'call';
  /** The name of its `[[webhook]]`. */
  readonly source: string;
  /** The provider's own id of the call; of Mailgun the token, which it signs in place of the message. */
  readonly call: string;
  /** The digest of the message, by which a repetition is told from another message under an id that was used. */
  readonly digest: Uint8Array;
  readonly at: number;
}

/** A receipt. */
export type Receipt = MailboxReceipt | CallReceipt;

/** The fate of a call: new, the same that came before, or another message under an id that was used. */
export type CallFate = 'new' | 'repeated' | 'replayed';

/** The receipts of messages that no item is made of; those of items are committed with them. */
export interface Receipts {
  /** Notes that a message of a mailbox is settled; a crash may lose it, which repeats a look at the message. */
  passMessage(receipt: MailboxReceipt): Promise<void>;
  /** Notes a call; on disk when it resolves. */
  passCall(receipt: CallReceipt): Promise<CallFate>;
}
