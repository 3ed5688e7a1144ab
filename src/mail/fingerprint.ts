/**
 * The fingerprint by which a second copy of a reply is known: (user, thread) × Message-ID, or × a digest of
 * what the person wrote where there is no Message-ID.
 *
 * Contract: a copy that travelled another way (other trace fields) has the same fingerprint; every part is
 * length-delimited, so no two different inputs run together.
 */
import { createHash } from 'node:crypto';
import { type Header, headerValue, headerValues } from './header.ts';
import { normaliseMessageId } from './message-id.ts';

/** Fields that the writer's client sets and relays leave alone; the digest covers these and the body. */
const AUTHORED_FIELDS = ['from', 'date', 'subject', 'in-reply-to'];

/** The 16-byte fingerprint of a reply by one user to one thread. */
export function fingerprint(userNumber: number, locator: string, header: Header, raw: Uint8Array): Buffer {
  const hash = createHash('sha256');
  const add = (part: string | Uint8Array) => {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  };
  add(String(userNumber));
  add(locator);
  const value = headerValue(header, 'message-id');
  const messageId = value === undefined ? undefined : normaliseMessageId(value);
  if (messageId !== undefined) {
    add('message-id');
    add(messageId);
  } else {
    add('content');
    for (const name of AUTHORED_FIELDS) add(headerValues(header, name).join('\n'));
    add(raw.subarray(header.bodyOffset));
  }
  return hash.digest().subarray(0, 16);
}
