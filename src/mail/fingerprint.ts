/**
 * The fingerprint by which a second copy of a reply is known: (user, thread) × Message-ID, or × a digest of
 * what the person wrote where no Message-ID names this one message.
 *
 * Contract: a copy that travelled another way (other trace fields) has the same fingerprint; every part is
 * length-delimited, so no two different inputs run together.
 */
import { createHash, type Hash } from 'node:crypto';
import { type Header, headerValue, headerValues } from './header.ts';
import { isUnique, normaliseMessageId } from './message-id.ts';

/** Fields that the writer's client sets and relays leave alone; the digest covers these and the body. */
const AUTHORED_FIELDS = ['from', 'date', 'subject', 'in-reply-to'];
const SAID_FIELDS = AUTHORED_FIELDS.filter((name) => name !== 'date');

/** The 16-byte fingerprint of a reply by one user to one thread. */
export function fingerprint(userNumber: number, locator: string, header: Header, raw: Uint8Array): Buffer {
  const hash = createHash('sha256');
  add(hash, String(userNumber));
  add(hash, locator);
  const value = headerValue(header, 'message-id');
  const messageId = value === undefined ? undefined : normaliseMessageId(value);
  if (messageId !== undefined && isUnique(messageId)) {
    add(hash, 'message-id');
    add(hash, messageId);
  } else {
    add(hash, 'content');
    addWritten(hash, AUTHORED_FIELDS, header, raw);
  }
  return digestOf(hash);
}

/**
 * The 16-byte digest of what the person says: a forged copy may have the Message-ID, and not this. The Date is no part
 * of it: beside an id it tells no two mails apart, and what sends a mail again may write a new one.
 */
export function writtenDigest(header: Header, raw: Uint8Array): Buffer {
  const hash = createHash('sha256');
  addWritten(hash, SAID_FIELDS, header, raw);
  return digestOf(hash);
}

function addWritten(hash: Hash, fields: readonly string[], header: Header, raw: Uint8Array): void {
  for (const name of fields) add(hash, headerValues(header, name).join('\n'));
  add(hash, raw.subarray(header.bodyOffset));
}

function add(hash: Hash, part: string | Uint8Array): void {
  hash.update(`${Buffer.byteLength(part)}:`).update(part);
}

const digestOf = (hash: Hash): Buffer => hash.digest().subarray(0, 16);
