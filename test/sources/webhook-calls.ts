// Calls of mail providers in their documented form, signed with keys of ours.
//
// Contract: names of fields and headers, content types and what is signed are those of the providers' documentation, which
// the modules of src/sources/webhook name; the values are ours. Each call is what a proxy would hand on.

import { createHmac, generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto';
import { newMessageId } from '../support/message.ts';

/** A call: a request as it goes over the wire. */
export interface WireCall {
  readonly method?: string;
  readonly path: string;
  /** Names and values in their order; a name may come twice. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** What a call brings. */
export interface CallMail {
  readonly raw: Buffer;
  readonly to: readonly string[];
  readonly from?: string;
  /** What SendGrid says of signatures; of SPF it says `pass`. */
  readonly dkim?: string;
}

/** A signing secret as Resend and `raw` have it. */
export const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

/** A key as Mailgun has it. */
export const newKey = (): string => randomBytes(16).toString('hex');

/** Keys as SendGrid has them. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo in base64. */
  readonly publicText: string;
}

/** Makes a pair of keys. */
export function newKeyPair(namedCurve = 'P-256'): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return { privateKey, publicText: publicKey.export({ format: 'der', type: 'spki' }).toString('base64') };
}

/** Writes a form as multipart/form-data; a value may be octets. */
export function multipart(
  parts: readonly (readonly [name: string, value: string | Buffer])[],
  boundary = 'xYzZY',
): Pick<WireCall, 'fields' | 'body'> {
  const pieces = parts.flatMap(([name, value]) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`),
    Buffer.from(value),
    Buffer.from('\r\n'),
  ]);
  return {
    fields: [['content-type', `multipart/form-data; boundary=${boundary}`]],
    body: Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

/** Writes a form as application/x-www-form-urlencoded, octet by octet. */
export function urlencoded(
  pairs: readonly (readonly [name: string, value: string | Buffer])[],
): Pick<WireCall, 'fields' | 'body'> {
  const escape = (value: string | Buffer): string =>
    [...Buffer.from(value)]
      .map((octet) => {
        const letter = String.fromCharCode(octet);
        if (letter === ' ') return '+';
        return /[A-Za-z0-9._-]/.test(letter) ? letter : `%${octet.toString(16).padStart(2, '0')}`;
      })
      .join('');
  return {
    fields: [['content-type', 'application/x-www-form-urlencoded']],
    body: Buffer.from(pairs.map(([name, value]) => `${name}=${escape(value)}`).join('&')),
  };
}

/** What Mailgun signs. */
export interface MailgunSigned {
  readonly timestamp: string;
  readonly token: string;
  readonly signature: string;
}

/** Signs as Mailgun does; `at` in milliseconds. */
export function signMailgun(key: string, at: number, token = randomBytes(25).toString('hex')): MailgunSigned {
  const timestamp = String(Math.floor(at / 1000));
  return {
    timestamp,
    token,
    signature: createHmac('sha256', key).update(`${timestamp}${token}`).digest('hex'),
  };
}

/** A call of Mailgun's, to a URL that ends in "mime". */
export function mailgunCall(
  path: string,
  mail: CallMail,
  signed: MailgunSigned,
  write: typeof multipart | typeof urlencoded = multipart,
): WireCall {
  const form = write([
    ['recipient', mail.to.join(',')],
    ['sender', mail.from ?? 'alice@example.com'],
    ['from', 'Alice <alice@example.com>'],
    ['subject', 'Re: a question'],
    ['body-mime', mail.raw],
    ['timestamp', signed.timestamp],
    ['token', signed.token],
    ['signature', signed.signature],
  ]);
  return { path, ...form };
}

/** The fields of SendGrid's form with the raw message. */
export function sendgridForm(mail: CallMail): Pick<WireCall, 'fields' | 'body'> {
  return multipart([
    ['dkim', mail.dkim ?? '{@example.com : pass}'],
    ['email', mail.raw],
    ['to', mail.to.join(', ')],
    ['from', 'Alice <alice@example.com>'],
    ['sender_ip', '192.0.2.7'],
    ['envelope', JSON.stringify({ to: mail.to, from: mail.from ?? 'alice@example.com' })],
    ['subject', 'Re: a question'],
    ['charsets', JSON.stringify({ to: 'UTF-8', subject: 'UTF-8', from: 'UTF-8' })],
    ['SPF', 'pass'],
  ]);
}

/** Signs a form as SendGrid's security policy does. */
export function signSendgrid(
  path: string,
  form: Pick<WireCall, 'fields' | 'body'>,
  key: KeyObject,
  at: number,
): WireCall {
  const timestamp = String(Math.floor(at / 1000));
  const signature = sign('sha256', Buffer.concat([Buffer.from(timestamp), form.body]), key);
  return {
    path,
    body: form.body,
    fields: [
      ...form.fields,
      ['x-twilio-email-event-webhook-signature', signature.toString('base64')],
      ['x-twilio-email-event-webhook-timestamp', timestamp],
    ],
  };
}

/** The JSON of Postmark's inbound webhook with the raw message. */
export function postmarkEvent(mail: CallMail, id: string = randomUUID()): Record<string, unknown> {
  return {
    FromName: 'Alice',
    MessageStream: 'inbound',
    From: 'alice@example.com',
    FromFull: { Email: 'alice@example.com', Name: 'Alice', MailboxHash: '' },
    To: mail.to[0],
    ToFull: mail.to.map((each) => ({ Email: each, Name: '', MailboxHash: '' })),
    Cc: '',
    CcFull: [],
    Bcc: mail.to.slice(1).join(', '),
    BccFull: mail.to.slice(1).map((each) => ({ Email: each, Name: '', MailboxHash: '' })),
    OriginalRecipient: mail.to[0],
    Subject: 'Re: a question',
    MessageID: id,
    ReplyTo: '',
    MailboxHash: '',
    Date: 'Fri, 20 Nov 2026 09:14:00 +0000',
    TextBody: 'It works now.',
    HtmlBody: '',
    StrippedTextReply: 'It works now.',
    RawEmail: mail.raw.toString('utf8'),
    Tag: '',
    Headers: [{ Name: 'X-Spam-Status', Value: 'No' }],
    Attachments: [],
  };
}

/** A call of Postmark's, whose URL has the password. */
export function postmarkCall(path: string, event: unknown, password: string): WireCall {
  return {
    path,
    fields: [
      ['content-type', 'application/json; charset=utf-8'],
      ['authorization', `Basic ${Buffer.from(password).toString('base64')}`],
      ['user-agent', 'Postmark'],
    ],
    body: Buffer.from(JSON.stringify(event)),
  };
}

/** The signature of Standard Webhooks. */
export function standardSignature(secret: string, id: string, timestamp: string, body: Buffer): string {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`;
}

/** Signs a body as Standard Webhooks says; `prefix` is "webhook" or "svix". */
export function signStandard(
  call: WireCall,
  secret: string,
  at: number,
  { prefix = 'webhook', id = `msg_${newMessageId().split('@')[0]?.replaceAll('-', '')}` } = {},
): WireCall {
  const timestamp = String(Math.floor(at / 1000));
  return {
    ...call,
    fields: [
      ...call.fields,
      [`${prefix}-id`, id],
      [`${prefix}-timestamp`, timestamp],
      [`${prefix}-signature`, standardSignature(secret, id, timestamp, call.body)],
    ],
  };
}

/** Raw mail with its envelope, unsigned. */
export function rawCall(path: string, mail: CallMail): WireCall {
  return {
    path,
    fields: [
      ['content-type', 'message/rfc822'],
      ['x-mailgw-envelope-from', mail.from ?? 'alice@example.com'],
      ...mail.to.map((each) => ['x-mailgw-envelope-to', each] as const),
    ],
    body: mail.raw,
  };
}

/** The event of Resend, unsigned: it says which mail there is, and not what is in it. */
export function resendEvent(path: string, emailId: string, mail: Pick<CallMail, 'to'>): WireCall {
  const event = {
    type: 'email.received',
    created_at: '2026-11-20T09:14:05.317Z',
    data: {
      email_id: emailId,
      created_at: '2026-11-20T09:14:04.947Z',
      from: 'Alice <alice@example.com>',
      to: mail.to,
      cc: [],
      bcc: [],
      received_for: mail.to,
      message_id: '<111-222-333@mail.example.com>',
      subject: 'Re: a question',
      attachments: [],
    },
  };
  return { path, fields: [['content-type', 'application/json']], body: Buffer.from(JSON.stringify(event)) };
}

/** Gives a call with a field of another value, or without it. */
export function withField(call: WireCall, name: string, value: string | undefined): WireCall {
  const fields = call.fields.flatMap((field) =>
    field[0] !== name ? [field] : value === undefined ? [] : [[name, value] as const],
  );
  return { ...call, fields };
}

/** The value of a call's field. */
export function fieldOf(call: WireCall, name: string): string {
  return call.fields.find((field) => field[0] === name)?.[1] ?? '';
}
