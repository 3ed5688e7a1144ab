/**
 * The fingerprint by which a second copy of a reply is known: (user, thread) × Message-ID, or × a digest of
 * what the person wrote where no Message-ID names this one message.
 *
 * Contract: a copy that travelled another way (other trace fields) has the same fingerprint; every part is
 * length-delimited, so no two different inputs run together.
 */
import { createHash, hash } from 'node:crypto';
import { type Header, headerValue, headerValues } from './header.ts';
import { isUnique, normaliseMessageId } from './message-id.ts';

/** Fields that the writer's client sets and relays leave alone; the digest covers these and the body. */
const AUTHORED_FIELDS = ['from', 'date', 'subject', 'in-reply-to'];
const SAID_FIELDS = AUTHORED_FIELDS.filter((name) => name !== 'date');

const DIGEST_BYTES = 16;

/** Parts, each after its length in octets. */
const delimited = (parts: readonly string[]): string =>
  parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');

/** The 16-byte fingerprint of a reply by one user to one thread. */
export function fingerprint(userNumber: number, locator: string, header: Header, raw: Uint8Array): Buffer {
  const value = headerValue(header, 'message-id');
  const messageId = value === undefined ? undefined : normaliseMessageId(value);
  const reply = [String(userNumber), locator];
  if (messageId === undefined || !isUnique(messageId))
    return written([...reply, 'content'], AUTHORED_FIELDS, header, raw);
  // In one call: of so short a text making a Hash would be most of the time, and so would a buffer of Node's.
  const digest = hash('sha256', delimited([...reply, 'message-id', messageId]), 'binary');
  return Buffer.from(digest.slice(0, DIGEST_BYTES), 'latin1');
}

/**
 * The 16-byte digest of what the person says: a forged copy may have the Message-ID, and not this. The Date is no part
 * of it: beside an id it tells no two mails apart, and what sends a mail again may write a new one.
 */
export function writtenDigest(header: Header, raw: Uint8Array): Buffer {
  return written([], SAID_FIELDS, header, raw);
}

/** The digest of some parts, of fields and of the body. */
function written(
  parts: readonly string[],
  fields: readonly string[],
  header: Header,
  raw: Uint8Array,
): Buffer {
  const body = raw.subarray(header.bodyOffset);
  const values = fields.map((name) => headerValues(header, name).join('\n'));
  const before = `${delimited([...parts, ...values])}${body.byteLength}:`;
  return createHash('sha256').update(before).update(body).digest().subarray(0, DIGEST_BYTES);
}
