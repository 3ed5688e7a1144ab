// Messages as mail programs write them, octet by octet under the test's control (RFC 5322).

import { randomUUID } from 'node:crypto';

/** A reply to be written. */
export interface ReplyMessage {
  /** The To address; the envelope is the test's own business. */
  readonly to: string;
  readonly from?: string;
  readonly subject?: string;
  /** Without angle brackets; default a new one. */
  readonly messageId?: string;
  /** The notification's Message-ID, as minted. */
  readonly inReplyTo?: string;
  /** Further header lines, without line ends. */
  readonly headers?: readonly string[];
  /** Lines end in LF here and in CR LF in the message. */
  readonly body?: string;
}

/** Writes a message with a text body. */
export function replyMessage(message: ReplyMessage): string {
  const lines = [
    `From: Alice Example <${message.from ?? 'alice@example.com'}>`,
    `To: ${message.to}`,
    `Subject: ${message.subject ?? 'Re: a question'}`,
    `Message-ID: <${message.messageId ?? newMessageId()}>`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    ...(message.inReplyTo === undefined ? [] : [`In-Reply-To: ${bracketed(message.inReplyTo)}`]),
    'MIME-Version: 1.0',
    ...(message.headers ?? ['Content-Type: text/plain; charset=utf-8', 'Content-Transfer-Encoding: 8bit']),
    '',
    ...(message.body ?? 'It works now.\n').split('\n'),
  ];
  return lines.join('\r\n');
}

/** Writes a message with a text body and one attachment in base64. */
export function replyWithAttachment(message: ReplyMessage, filename: string, content: Buffer): string {
  const boundary = 'part-of-a-test';
  const lines = content.toString('base64').replaceAll(/.{76}/g, '$&\n');
  return replyMessage({
    ...message,
    headers: [`Content-Type: multipart/mixed; boundary="${boundary}"`],
    body: [
      `--${boundary}`,
      'Content-Type: text/plain; charset=utf-8',
      '',
      message.body ?? 'See the file.',
      `--${boundary}`,
      `Content-Type: application/octet-stream; name="${filename}"`,
      `Content-Disposition: attachment; filename="${filename}"`,
      'Content-Transfer-Encoding: base64',
      '',
      lines,
      `--${boundary}--`,
      '',
    ].join('\n'),
  });
}

/** A Message-ID without angle brackets that nobody else has. */
export function newMessageId(): string {
  return `${randomUUID()}@client.example.com`;
}

function bracketed(id: string): string {
  return id.startsWith('<') ? id : `<${id}>`;
}
