/**
 * A case: one claim on its way through the gate, with the message that it came with.
 *
 * Contract: rules take a case and give a value or an end; what they saw goes into its trail. A message's header is
 * scanned once, however many recipients it has.
 */
import { bounded } from '../mail/bounded.ts';
import type { Disposition } from '../mail/disposition.ts';
import { plainLine } from '../mail/encoded-word.ts';
import { type Header, type HeaderScan, headerValue, scanHeader } from '../mail/header.ts';
import { senderOf } from '../mail/mailbox.ts';
import { normaliseMessageId } from '../mail/message-id.ts';
import { postfixQueueId } from '../mail/received.ts';
import type { Claim } from './recipient.ts';
import type { GateRules, SourceRules } from './rules.ts';
import type { Trail } from './trail.ts';

/** A transaction's sender: the reverse-path without brackets, `''` for the null one. */
export interface Envelope {
  readonly reversePath: string;
  /** What its source judges by in place of the site's rules; undefined where the site's Postfix delivered it. */
  readonly rules?: SourceRules | undefined;
}

/** A message with its header, scanned. */
export interface Message {
  readonly envelope: Envelope;
  readonly raw: Uint8Array;
  readonly scan: HeaderScan;
  readonly messageId: string | undefined;
  readonly queueId: string | undefined;
}

/** One claim on its way. */
export interface Case {
  readonly gate: GateRules;
  readonly message: Message;
  readonly header: Header;
  readonly claim: Claim;
  readonly trail: Trail;
}

/** Scans a message. */
export function messageOf(envelope: Envelope, raw: Uint8Array): Message {
  const scan = scanHeader(raw);
  if (!scan.ok) return { envelope, raw, scan, messageId: undefined, queueId: undefined };
  const { header } = scan;
  return { envelope, raw, scan, messageId: messageIdOf(header), queueId: postfixQueueId(header) };
}

/** What a message is called, where it says so. */
export interface MessageNames {
  readonly messageId?: string | undefined;
  /** Postfix's own id of it, by which its log names it. */
  readonly queueId?: string | undefined;
  /** The domain of its author; of what is refused or discarded, where one author can be told. */
  readonly fromDomain?: string | undefined;
}

/** Gives what a message is called, and, where nothing becomes of it, the domain that it says it comes from. */
export function namesOf({ messageId, queueId, scan }: Message, { verdict }: Disposition): MessageNames {
  if (!scan.ok || verdict === 'accepted' || verdict === 'deferred') return { messageId, queueId };
  const sender = senderOf(scan.header);
  return { messageId, queueId, ...(sender.ok && { fromDomain: sender.mailbox.domain }) };
}

const VISIBLE = /^[!-~]*$/;

/** Gives the message's id in a form that may be shown: people look for it in logs, and the platform gets it. */
function messageIdOf(header: Header): string | undefined {
  const id = normaliseMessageId(headerValue(header, 'message-id') ?? '');
  if (id === undefined) return undefined;
  return bounded(VISIBLE.test(id) ? id : plainLine(id)) || undefined;
}
