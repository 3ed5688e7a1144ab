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

/** Joins parts, each after its length in octets. */
const delimited = (parts: readonly string[]): string =>
  parts.map((part) => `${Buffer.byteLength(part)}:${part}`).join('');

/**
 * Sixteen octets as text, one a character: Node hands that over, and from thread to thread, in a third of a buffer's
 * time, and a short buffer would take a whole page of its pool along.
 */
export type Digest = string;

const digestOf = (text: string): Digest => hash('sha256', text, 'binary').slice(0, DIGEST_BYTES);

/** Takes the fingerprint of a reply by one user to one thread. */
export function fingerprint(userNumber: number, locator: string, header: Header, raw: Uint8Array): Digest {
  const value = headerValue(header, 'message-id');
  const messageId = value === undefined ? undefined : normaliseMessageId(value);
  const reply = [String(userNumber), locator];
  if (messageId !== undefined && isUnique(messageId))
    return digestOf(delimited([...reply, 'message-id', messageId]));
  const body = raw.subarray(header.bodyOffset);
  const before = `${delimited([...reply, 'content', ...valuesOf(header, AUTHORED_FIELDS)])}${body.byteLength}:`;
  return createHash('sha256').update(before).update(body).digest('binary').slice(0, DIGEST_BYTES);
}

/**
 * Takes the digest of what the person says. A forged copy may have the Message-ID, and not this. The Date stays out
 * of it: beside an id it tells no two mails apart, and a program that sends a mail again may write a new one.
 */
export function writtenDigest(header: Header, raw: Uint8Array): Digest {
  const body = hash('sha256', raw.subarray(header.bodyOffset), 'binary');
  return digestOf(delimited(valuesOf(header, SAID_FIELDS)) + body);
}

const valuesOf = (header: Header, names: readonly string[]): string[] =>
  names.map((name) => headerValues(header, name).join('\n'));
