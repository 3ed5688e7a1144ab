/** The id of a queue item: 24 characters that sort by time; it is the idempotency key of every attempt. */
import { hash } from 'node:crypto';

const ALPHABET = '0123456789abcdefghijklmnopqrstuv';

/** Random bytes that an id takes. */
export const ITEM_ID_RANDOM_BYTES = 9;

/** Builds an id from a time (ms since the epoch, 48 bits) and {@link ITEM_ID_RANDOM_BYTES} random bytes. */
export function formatItemId(now: number, random: Uint8Array): string {
  const bytes = Buffer.alloc(6 + ITEM_ID_RANDOM_BYTES);
  bytes.writeUIntBE(now, 0, 6);
  bytes.set(random, 6);
  let id = '';
  // RFC 4648 §7: this alphabet keeps the order of the bytes in the order of the text.
  for (let offset = 0; offset < bytes.length; offset += 5) {
    const high = bytes.readUIntBE(offset, 2);
    const low = bytes.readUIntBE(offset + 2, 3);
    id +=
      digit(high >>> 11) +
      digit(high >>> 6) +
      digit(high >>> 1) +
      digit(((high & 1) << 4) | (low >>> 20)) +
      digit(low >>> 15) +
      digit(low >>> 10) +
      digit(low >>> 5) +
      digit(low);
  }
  return id;
}

/** Characters of an id that its time fills. */
const TIME_CHARS = 10;
const ID_CHARS = 24;

/** Derives the id of one part of a reply to a digest: the same each time, and beside that of the reply. */
export function partItemId(id: string, post: number): string {
  const bytes = hash('sha256', `mailgw part ${post} of ${id}`, 'buffer');
  const rest = Array.from(bytes.subarray(0, ID_CHARS - TIME_CHARS), digit).join('');
  return id.slice(0, TIME_CHARS) + rest;
}

function digit(value: number): string {
  return ALPHABET.charAt(value & 31);
}
