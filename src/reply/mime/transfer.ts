/**
 * Content-Transfer-Encoding undone.
 *
 * Contract: never throws, and damage costs as little as it can: bytes outside the base64 alphabet are skipped,
 * padding in the middle starts anew, a broken quoted-printable escape stays as it is written, text that was
 * declared base64 and plainly is none comes back as it stands. Unknown encodings count as 8bit.
 * Standards: RFC 2045 §6; uuencode as POSIX has it. Linear.
 */

/** Decodes a part's body; the result may share memory with `body`. */
export function decodeTransfer(body: Buffer, encoding: string): Buffer {
  switch (encoding) {
    case 'base64':
    case 'b':
      return decodeBase64(body);
    case 'quoted-printable':
    case 'q':
      return decodeQuotedPrintable(body);
    case 'x-uuencode':
    case 'uuencode':
    case 'x-uue':
      return decodeUuencode(body);
    default:
      return body;
  }
}

const EQUALS = 0x3d;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

/** From this size on base64 is decoded piece by piece: a text of all of it would cost its size again. */
const LARGE_BYTES = 1024 * 1024;

/** Characters of one piece: small enough that young collections take the texts away. */
const PIECE_BYTES = 16 * 1024;

function decodeBase64(body: Buffer): Buffer {
  if (body.length >= LARGE_BYTES && looksLikeBase64(body.toString('latin1', 0, 4096))) {
    return decodeLargeBase64(body.subarray(0, footerStart(body)));
  }
  const encoded = withoutFooter(body.toString('latin1').trim());
  if (!looksLikeBase64(encoded)) return body;
  // Node stops at the first padding; text that was joined from several encodings goes on after it.
  const padding = encoded.indexOf('=');
  const more = padding !== -1 && encoded.length - padding > 2;
  return more ? decodeJoinedBase64(Buffer.from(encoded, 'latin1')) : Buffer.from(encoded, 'base64');
}

function decodeLargeBase64(encoded: Buffer): Buffer {
  const padding = encoded.indexOf(EQUALS);
  if (padding !== -1 && encoded.length - padding > 2) return decodeJoinedBase64(encoded);
  const out = Buffer.allocUnsafeSlow(Math.ceil((encoded.length * 3) / 4));
  let length = 0;
  let rest = '';
  for (let at = 0; at < encoded.length; at += PIECE_BYTES) {
    const piece = rest + encoded.toString('latin1', at, at + PIECE_BYTES).replace(/[^A-Za-z0-9+/_-]+/g, '');
    // Only whole groups of four, so that no bits are lost between two pieces.
    const whole = at + PIECE_BYTES < encoded.length ? piece.length - (piece.length % 4) : piece.length;
    length += out.write(piece.slice(0, whole), length, 'base64');
    rest = piece.slice(whole);
  }
  return out.subarray(0, length);
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const SIX_BITS = Int16Array.from({ length: 256 }, (_, byte) => ALPHABET.indexOf(String.fromCharCode(byte)));

/**
 * Decodes runs of base64 one by one. Padding ends a run, and the bits that are left of it; the next run starts clean.
 */
function decodeJoinedBase64(encoded: Buffer): Buffer {
  const out = Buffer.allocUnsafeSlow(Math.ceil((encoded.length * 3) / 4));
  let length = 0;
  let bits = 0;
  let count = 0;
  for (const byte of encoded) {
    const six = SIX_BITS[byte] as number;
    if (six === -1) {
      if (byte === EQUALS) count = 0;
      continue;
    }
    bits = ((bits << 6) | six) & 0xfff;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out[length++] = bits >> count;
  }
  return out.subarray(0, length);
}

/** Finds where the base64 ends: before a plain text below it, looked for in the last bytes, and before blanks. */
function footerStart(body: Buffer): number {
  const from = Math.max(0, body.length - MAX_FOOTER_BYTES);
  return from + withoutFooter(body.toString('latin1', from).trimEnd()).length;
}

/** Bytes that a footer below a large file may have. */
const MAX_FOOTER_BYTES = 16 * 1024;

/** Lists and virus scanners append their footer as plain text below the base64. */
function withoutFooter(text: string): string {
  const blank = /\n\r?\n/.exec(text);
  if (blank === null) return text;
  const rest = text.slice(blank.index).trim();
  return looksLikeBase64(rest) ? text : text.slice(0, blank.index);
}

/** Tells whether the alphabet makes up nearly all of it, and no line has blanks between words. */
function looksLikeBase64(text: string): boolean {
  const sample = text.slice(0, 4096);
  const foreign = sample.match(/[^A-Za-z0-9+/=\s-]/g)?.length ?? 0;
  const words = sample.includes(' ') ? (sample.match(/[^\s] +[^\s]/g)?.length ?? 0) : 0;
  return foreign * 10 <= sample.length && words * 20 <= sample.length;
}

function decodeQuotedPrintable(body: Buffer): Buffer {
  const out = Buffer.allocUnsafe(body.length);
  let length = 0;
  let at = 0;
  while (at < body.length) {
    const byte = body[at] as number;
    if (byte === EQUALS) {
      const softEnd = softBreakEnd(body, at + 1);
      const value = softEnd === -1 ? hexPair(body[at + 1], body[at + 2]) : -1;
      if (softEnd === -1 && value === -1) out[length++] = byte;
      else if (value !== -1) out[length++] = value;
      at = softEnd !== -1 ? softEnd : value !== -1 ? at + 3 : at + 1;
    } else {
      // Blanks at the end of a line were added on the way (RFC 2045 §6.7 rule 3).
      const next = byte === SPACE || byte === TAB ? blanksEnd(body, at) : at;
      if (next > at && (next === body.length || body[next] === LF || body[next] === CR)) {
        at = next;
      } else {
        const stop = Math.max(next, at + 1);
        while (at < stop) out[length++] = body[at++] as number;
      }
    }
  }
  return out.subarray(0, length);
}

/** Finds where a soft line break that follows the `=` before `from` ends; -1 when there is none. */
function softBreakEnd(body: Buffer, from: number): number {
  const at = blanksEnd(body, from);
  if (at === body.length) return at;
  if (body[at] === LF) return at + 1;
  if (body[at] === CR) return body[at + 1] === LF ? at + 2 : at + 1;
  return -1;
}

function blanksEnd(body: Buffer, from: number): number {
  let at = from;
  while (body[at] === SPACE || body[at] === TAB) at++;
  return at;
}

function hexPair(high: number | undefined, low: number | undefined): number {
  const value = hexDigit(high) * 16 + hexDigit(low);
  return value >= 0 ? value : -1;
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1000;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1000;
}

const UU_BEGIN = /(?:^|\n)begin(?:-base64)? [0-7]{3,4} [^\n]*\n/;

function decodeUuencode(body: Buffer): Buffer {
  const begin = UU_BEGIN.exec(body.toString('latin1', 0, 4096));
  if (begin === null) return body;
  const out = Buffer.allocUnsafe(body.length);
  let length = 0;
  let at = begin.index + begin[0].length;
  while (at < body.length) {
    const lf = body.indexOf(LF, at);
    const end = lf === -1 ? body.length : lf;
    if (body.toString('latin1', at, at + 3) === 'end') break;
    length = uuLine(body, at, body[end - 1] === CR ? end - 1 : end, out, length);
    at = end + 1;
  }
  return out.subarray(0, length);
}

/** Decodes one line to `out` and gives the new length: four characters make three bytes, missing ones count as 0. */
function uuLine(body: Buffer, from: number, to: number, out: Buffer, length: number): number {
  if (from >= to) return length;
  // The count is the sender's word: never more than the line holds.
  const stop = length + Math.min(uuSix(body[from]), Math.ceil(((to - from - 1) * 3) / 4));
  let written = length;
  for (let at = from + 1; written < stop; at += 4) {
    let bits = 0;
    for (let index = at; index < at + 4; index++) bits = (bits << 6) | (index < to ? uuSix(body[index]) : 0);
    for (const shift of [16, 8, 0]) if (written < stop) out[written++] = bits >> shift;
  }
  return written;
}

function uuSix(byte: number | undefined): number {
  return ((byte ?? SPACE) - SPACE) & 63;
}
