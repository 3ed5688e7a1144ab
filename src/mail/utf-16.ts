/**
 * UTF-16, and byte order marks.
 *
 * Contract: `decodeUtf16` gives the text of what is UTF-16 by its mark, by its zeros, or by a label that the bytes do not
 * contradict, and of UTF-8 with a mark; `undefined` for all else. A byte left over at the end is cut. Never throws.
 * Standards: RFC 2781 §3.3, §4.3; Unicode §23.8.
 */
import { decodeLoosely, decodeStrictly } from './charset-name.ts';

const SAMPLE_BYTES = 4096;

/** Decodes what is UTF-16, or has a byte order mark. */
export function decodeUtf16(bytes: Uint8Array, name: string | undefined): string | undefined {
  const marked = byteOrderMark(bytes);
  if (marked === 'utf-8') return decodeStrictly(bytes, marked);
  if (marked !== undefined) return decodeStrictly(even(bytes), marked) ?? decodeDeclared(bytes, name, marked);
  const shown = orderOfZeros(bytes);
  if (shown !== undefined) return decodeLoosely(even(bytes), shown);
  return name?.startsWith('utf-16') === true ? decodeDeclared(bytes, name, name) : undefined;
}

function byteOrderMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return undefined;
}

/**
 * Decodes by the label. Single bytes for blanks and line ends show that somebody on the way made UTF-8 of the text.
 */
function decodeDeclared(bytes: Uint8Array, name: string | undefined, order: string): string | undefined {
  if (name?.startsWith('utf-16') !== true) return undefined;
  const isOther = !bytes.includes(0) && decodeStrictly(bytes, 'utf-8') !== undefined;
  if (isOther && (bytes.includes(0x20) || bytes.includes(0x0a) || bytes.length % 2 === 1)) return undefined;
  return decodeLoosely(even(bytes), order);
}

function even(bytes: Uint8Array): Uint8Array {
  return bytes.length % 2 === 0 ? bytes : bytes.subarray(0, -1);
}

/** Finds the byte order in which a zero stands beside nearly every letter of ASCII, on the one side. */
function orderOfZeros(bytes: Uint8Array): 'utf-16le' | 'utf-16be' | undefined {
  if (!bytes.includes(0)) return undefined;
  const end = Math.min(bytes.length, SAMPLE_BYTES) & ~1;
  let high = 0;
  let low = 0;
  for (let at = 0; at < end; at += 2) {
    if (bytes[at] === 0) high++;
    if (bytes[at + 1] === 0) low++;
  }
  const [more, fewer] = high > low ? [high, low] : [low, high];
  // A third of the pairs: digits, blanks and line ends are zeros beside them in every language.
  if (more < 3 || more * 6 < end || fewer * 20 > more) return undefined;
  return high > low ? 'utf-16be' : 'utf-16le';
}
