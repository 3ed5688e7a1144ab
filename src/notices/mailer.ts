/**
 * One notice as a message.
 *
 * Contract: the null reverse-path, so that nothing ever answers it by protocol; Auto-Submitted, X-Loop and
 * X-Auto-Response-Suppress, so that nobody should by custom, and we never do. Message-ID and Date are the notice's own
 * on every attempt, by which a repetition is known as one. It goes to one address, as the directory spells it.
 * Failure: as of mail-server.ts; of refusals that of the recipient is final.
 * Standards: RFC 3834 §3 and §5, RFC 5322 §3.6.4, RFC 5321 §4.5.5.
 * Limits: of a reply that goes along the first 1 MiB.
 */
import type { Endpoint } from '../config/kinds.ts';
import { ORIGINAL_NAME } from '../mail/notice.ts';
import type { OutgoingMail } from '../mail/outgoing.ts';
import { type EnclosedFile, openMailServer, type SendOutcome } from '../outbound/mail-server.ts';

/** The settings that every notice of a site has in common. */
export interface MailerOptions {
  readonly place: Endpoint;
  readonly from: { readonly address: string; readonly name: string };
  /** The domain of our Message-IDs. */
  readonly domain: string;
  /** The value of X-Loop, by which our gate knows its own. */
  readonly loopToken: string;
}

/** A notice to be sent. */
export interface NoticeMail {
  readonly id: string;
  readonly to: string;
  readonly createdAt: number;
  readonly subject: string;
  readonly text: string;
  /** Without brackets. */
  readonly inReplyTo: string | undefined;
  readonly references: readonly string[];
  /** The reply that goes along as a file. */
  readonly original: Uint8Array | undefined;
}

/** Sends a notice; `signal` aborts when its time is over. */
export type SendNotice = (mail: NoticeMail, signal: AbortSignal) => Promise<SendOutcome>;

/** Most bytes of a reply that go along: what people type comes first. */
const MAX_ORIGINAL_BYTES = 1024 * 1024;

/** Gives the function that sends notices. */
export function createSendNotice(options: MailerOptions): SendNotice {
  const server = openMailServer({ place: options.place, connections: 1, finalAt: ['RCPT TO'] });
  return (mail, signal) => server.send(composeNotice(options, mail), signal, fileOf(mail));
}

function composeNotice({ from, domain, loopToken }: MailerOptions, mail: NoticeMail): OutgoingMail {
  const { id, to, subject, text, inReplyTo, references } = mail;
  return {
    id,
    envelope: { from: '', to },
    from,
    subject,
    date: mail.createdAt,
    messageId: `${id}@${domain}`,
    inReplyTo,
    references:
      inReplyTo === undefined ? references : [...references.filter((each) => each !== inReplyTo), inReplyTo],
    fields: [
      ['Auto-Submitted', 'auto-replied'],
      ['X-Loop', loopToken],
      ['X-Auto-Response-Suppress', 'All'],
    ],
    text,
  };
}

/** Gives the reply as a file: not message/rfc822, which may not be encoded (RFC 2046 §5.2.1), and lines may be long. */
function fileOf({ original }: NoticeMail): EnclosedFile | undefined {
  if (original === undefined) return undefined;
  const content = original.subarray(0, MAX_ORIGINAL_BYTES);
  return { name: ORIGINAL_NAME, contentType: 'application/octet-stream', content };
}
