/**
 * The mail server that takes what mailgw sends, by SMTP: as a rule the Postfix of this host; the only importer of
 * nodemailer.
 *
 * Contract: a mail is written as it stands in outgoing.ts, the same octets at every attempt, to its one recipient.
 * Several connections are kept open for a while and used again; one is opened for each mail.
 * Failure: a recipient or a mail that is refused for good is `failed`, all else `deferred`; nothing is thrown. A refusal
 * of anything else may be a setting that is put right. Dead before its answer, the server may have taken the mail.
 * Standards: RFC 5321 §4.5.5 (the null reverse-path), RFC 2047, RFC 2045.
 * Limits: no TLS and no authentication: it is the Postfix of this host.
 */
import { connect } from 'node:net';
import type { SendMailOptions, Transporter } from 'nodemailer';
import type { Endpoint } from '../config/kinds.ts';
import type { OutgoingMail } from '../mail/outgoing.ts';
import { quotedLine } from '../sinks/answer.ts';
import { errorText } from '../system/error-text.ts';

/** The outcome of an attempt to send. */
export interface SendOutcome {
  readonly kind: 'sent' | 'deferred' | 'failed';
  readonly diagnostic: string;
  /** Whether nobody answered: what else waits would fare no better now. */
  readonly isDown?: boolean | undefined;
}

/** A file that goes along. */
export interface EnclosedFile {
  readonly name: string;
  readonly contentType: string;
  readonly content: Uint8Array;
}

/** The mail server. */
export interface MailServer {
  /** Sends a mail; `signal` aborts when its time is over. */
  send(mail: OutgoingMail, signal: AbortSignal, file?: EnclosedFile): Promise<SendOutcome>;
  /** Closes the connections that are idle, and the others after their mail. */
  close(): void;
}

/** The options of a mail server. */
export interface MailServerOptions {
  readonly place: Endpoint;
  /** Connections at a time. */
  readonly connections: number;
  /** The commands at which a 5yz means this mail and not the server as a whole. */
  readonly finalAt: readonly ('RCPT TO' | 'DATA')[];
}

/** The longest silence of the server. */
const SILENCE_MS = 30_000;

/** How long a connection is kept for the next mail: Postfix's own smtp(8) keeps one for 2 s and more. */
const IDLE_MS = 5000;

/** Opens what sends through a mail server; connects, and loads nodemailer, with the first mail. */
export function openMailServer(options: MailServerOptions): MailServer {
  let opened: Promise<Transporter> | undefined;
  return {
    send: async (mail, signal, file) => {
      try {
        opened ??= openTransport(options);
        const transport = await opened;
        const { response } = await transport.sendMail({ ...written(mail, file), signal });
        return { kind: 'sent', diagnostic: withoutAddresses(response ?? '') };
      } catch (error) {
        return outcomeOf(error, options.finalAt);
      }
    },
    close: () => {
      opened?.then(
        (transport) => {
          transport.close();
        },
        () => undefined,
      );
    },
  };
}

async function openTransport({ place, connections }: MailServerOptions): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  const options = {
    ...('path' in place ? { getSocket: socketAt(place.path) } : place),
    secure: false,
    ignoreTLS: true,
    connectionTimeout: SILENCE_MS,
    greetingTimeout: SILENCE_MS,
    socketTimeout: SILENCE_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
  if (connections === 1) return createTransport(options);
  // A connection that was closed before an octet of the mail went out is made anew at once, and once.
  const pool = { pool: true, maxConnections: connections, maxRequeues: 1, idleTimeout: IDLE_MS } as const;
  return createTransport({ ...options, ...pool });
}

type GetSocket = (
  options: unknown,
  done: (error: Error | null, socket?: { connection: ReturnType<typeof connect> }) => void,
) => void;

/** Connects to a Unix socket, as nodemailer asks for it. */
function socketAt(path: string): GetSocket {
  return (_options, done) => {
    const connection = connect(path);
    const failed = (error: Error): void => {
      done(Object.assign(error, { code: 'ECONNECTION', command: 'CONN' }));
    };
    connection.once('error', failed);
    connection.once('connect', () => {
      connection.removeListener('error', failed);
      done(null, { connection });
    });
  };
}

/** Writes a mail as nodemailer takes it. */
function written(mail: OutgoingMail, file: EnclosedFile | undefined): SendMailOptions {
  const { id, envelope, from, replyTo, inReplyTo, references } = mail;
  return {
    envelope: { from: envelope.from === '' ? false : envelope.from, to: [envelope.to] },
    from,
    to: { address: envelope.to, name: '' },
    ...(replyTo === undefined ? {} : { replyTo: { address: replyTo, name: '' } }),
    subject: mail.subject,
    date: new Date(mail.date),
    messageId: `<${mail.messageId}>`,
    ...(inReplyTo === undefined ? {} : { inReplyTo: `<${inReplyTo}>` }),
    ...(references.length === 0 ? {} : { references: references.map((each) => `<${each}>`) }),
    headers: mail.fields.map(([key, value]) => ({ key, value })),
    xMailer: false,
    text: mail.text,
    ...(mail.html === undefined ? {} : { html: mail.html }),
    textEncoding: 'quoted-printable',
    baseBoundary: id,
    attachments:
      file === undefined
        ? []
        : [{ filename: file.name, contentType: file.contentType, content: Buffer.from(file.content) }],
  };
}

function outcomeOf(error: unknown, finalAt: MailServerOptions['finalAt']): SendOutcome {
  const diagnostic = withoutAddresses(errorText(error));
  const { command, responseCode } = (error instanceof Error ? error : {}) as {
    command?: unknown;
    responseCode?: unknown;
  };
  if (typeof responseCode !== 'number') {
    return { kind: 'deferred', diagnostic, ...(command === 'CONN' && { isDown: true }) };
  }
  const isFinal = responseCode >= 500 && finalAt.some((each) => each === command);
  return { kind: isFinal ? 'failed' : 'deferred', diagnostic };
}

/** Servers repeat the recipient in their replies, and addresses are not logged. */
function withoutAddresses(text: string): string {
  return quotedLine(text.replace(/[^\s<>]+@[^\s<>]+/g, '…'));
}
