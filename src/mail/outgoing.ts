/**
 * A mail of ours as it is to be written: what stands in its envelope, its header and its body, nothing encoded yet.
 *
 * Contract: the same value makes the same octets at every attempt; its date and Message-ID are its own.
 * Standards: RFC 5322 §3.6, RFC 2046 §5.1.4 (the plain text stands before its HTML).
 */

/** A mail to one recipient. */
export interface OutgoingMail {
  /** The name that its boundaries are made of. */
  readonly id: string;
  /** The reverse-path, empty for the null one, and the one recipient. */
  readonly envelope: { readonly from: string; readonly to: string };
  readonly from: { readonly name: string; readonly address: string };
  readonly replyTo?: string | undefined;
  readonly subject: string;
  /** Milliseconds since the epoch. */
  readonly date: number;
  /** Without brackets, as the two that follow. */
  readonly messageId: string;
  readonly inReplyTo?: string | undefined;
  readonly references: readonly string[];
  /** The other fields, in order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly text: string;
  readonly html?: string | undefined;
}
