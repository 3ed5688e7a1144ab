/**
 * One notice as a message, handed to the local Postfix by SMTP; the only importer of nodemailer.
 *
 * Contract: the null reverse-path, so that nothing ever answers it by protocol; Auto-Submitted, X-Loop and
 * X-Auto-Response-Suppress, so that nobody should by custom, and we never do. Message-ID and Date are the notice's own
 * on every attempt, by which a repetition is known as one. It goes to one address, as the directory spells it.
 * Failure: a recipient that is refused for good is `failed`, all else `deferred`; nothing is thrown.
 * Standards: RFC 3834 §3 and §5, RFC 5322 §3.6.4, RFC 5321 §4.5.5.
 * Limits: no TLS and no authentication: it is the Postfix of this host. Of a reply that goes along the first 1 MiB.
 */
import type { SendMailOptions, Transporter } from 'nodemailer';
import { ORIGINAL_NAME } from '../mail/notice.ts';
import { quotedLine } from '../sinks/answer.ts';
import { errorText } from '../system/error-text.ts';

/** The settings that every notice of a site has in common. */
export interface MailerOptions {
  readonly host: string;
  readonly port: number;
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

/** The outcome of an attempt. */
export interface SendOutcome {
  readonly kind: 'sent' | 'deferred' | 'failed';
  readonly diagnostic: string;
}

/** Sends a notice; `signal` aborts when its time is over. */
export type SendNotice = (mail: NoticeMail, signal: AbortSignal) => Promise<SendOutcome>;

/** The longest silence of the server. */
const SILENCE_MS = 30_000;

/** Most bytes of a reply that go along: what people type comes first. */
const MAX_ORIGINAL_BYTES = 1024 * 1024;

/** Loads nodemailer with the first notice: the daemon's start does without it. */
async function openTransport({ host, port }: MailerOptions): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  return createTransport({
    host,
    port,
    secure: false,
    ignoreTLS: true,
    connectionTimeout: SILENCE_MS,
    greetingTimeout: SILENCE_MS,
    socketTimeout: SILENCE_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** Gives the function that sends notices. */
export function createSendNotice(options: MailerOptions): SendNotice {
  let opened: Transporter | undefined;
  return async (mail, signal) => {
    try {
      opened ??= await openTransport(options);
      const transport = opened;
      const { response } = await transport.sendMail({ ...composeNotice(options, mail), signal });
      return { kind: 'sent', diagnostic: withoutAddresses(response ?? '') };
    } catch (error) {
      return {
        kind: isRefusal(error) ? 'failed' : 'deferred',
        diagnostic: withoutAddresses(errorText(error)),
      };
    }
  };
}

function composeNotice({ from, domain, loopToken }: MailerOptions, mail: NoticeMail): SendMailOptions {
  const { id, to, inReplyTo, references, original } = mail;
  const thread =
    inReplyTo === undefined ? references : [...references.filter((each) => each !== inReplyTo), inReplyTo];
  return {
    envelope: { from: false, to: [to] },
    from,
    to: { address: to, name: '' },
    subject: mail.subject,
    date: new Date(mail.createdAt),
    messageId: `<${id}@${domain}>`,
    ...(inReplyTo === undefined ? {} : { inReplyTo: `<${inReplyTo}>` }),
    ...(thread.length === 0 ? {} : { references: thread.map((each) => `<${each}>`) }),
    headers: {
      'Auto-Submitted': 'auto-replied',
      'X-Loop': loopToken,
      'X-Auto-Response-Suppress': 'All',
    },
    xMailer: false,
    text: mail.text,
    textEncoding: 'quoted-printable',
    // Not message/rfc822, which may not be encoded (RFC 2046 §5.2.1), and its lines may be of any length.
    attachments:
      original === undefined
        ? []
        : [
            {
              filename: ORIGINAL_NAME,
              contentType: 'application/octet-stream',
              content: Buffer.from(original.subarray(0, MAX_ORIGINAL_BYTES)),
            },
          ],
  };
}

/**
 * Tells whether the server refuses this recipient for good; a refusal of anything else may be a setting that is put
 * right.
 */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { command, responseCode } = error as Error & { command?: unknown; responseCode?: unknown };
  return command === 'RCPT TO' && typeof responseCode === 'number' && responseCode >= 500;
}

/** Servers repeat the recipient in their replies, and addresses are not logged. */
function withoutAddresses(text: string): string {
  return quotedLine(text.replace(/[^\s<>]+@[^\s<>]+/g, '…'));
}
