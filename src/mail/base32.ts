/**
 * RFC 4648 §6 base32, lower case and without padding: the alphabet of reply tokens.
 *
 * Contract: decoding is strict. Exactly the canonical encoding of some bytes is accepted (case folded, no
 * padding, no other character, unused trailing bits zero), so that one value has one spelling.
 */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const VALUE_OF = new Int8Array(128).fill(-1);
for (let value = 0; value < ALPHABET.length; value++) {
  VALUE_OF[ALPHABET.charCodeAt(value)] = value;
  VALUE_OF[ALPHABET.toUpperCase().charCodeAt(value)] = value;
}

/** Encodes bytes as lower-case base32 without padding. */
export function encodeBase32(bytes: Uint8Array): string {
  let text = '';
  let bits = 0;
  let buffer = 0;
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0x1fff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET.charAt((buffer >>> bits) & 31);
    }
  }
  if (bits > 0) text += ALPHABET.charAt((buffer << (5 - bits)) & 31);
  return text;
}

/** Decodes base32 of either case; `undefined` when the text is not the canonical encoding of whole bytes. */
export function decodeBase32(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array((text.length * 5) >>> 3);
  let bits = 0;
  let buffer = 0;
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    const value = VALUE_OF[text.charCodeAt(index)] ?? -1;
    if (value < 0) return undefined;
    buffer = ((buffer << 5) | value) & 0x1fff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[length++] = (buffer >>> bits) & 0xff;
    }
  }
  const leftover = buffer & ((1 << bits) - 1);
  return bits >= 5 || leftover !== 0 ? undefined : bytes;
}
