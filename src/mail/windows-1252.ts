/**
 * windows-1252 by our own table: the TextDecoder of Node 20 takes it for Latin-1, and so every curly quote for a
 * control character.
 *
 * Contract: pure; a byte that the charset leaves free stays the control character of the same number.
 * Standards: WHATWG Encoding §9 (labels such as iso-8859-1 and us-ascii mean windows-1252 too).
 */

/** 0x80 to 0x9f, which windows-1252 has and Latin-1 has not. */
const UPPER_CONTROLS = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/** Restores text in which some decoder took windows-1252 for Latin-1: nobody sends C1 controls. */
export function restoreWindows1252(text: string): string {
  return text.replace(/[\x80-\x9f]/g, (control) => UPPER_CONTROLS[control.charCodeAt(0) - 0x80] ?? control);
}

/** Decodes bytes of ASCII, or any others as the code points of the same numbers. */
export function decodeAscii(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Decodes `bytes`; every byte is a character. */
export function decodeWindows1252(bytes: Uint8Array): string {
  return restoreWindows1252(decodeAscii(bytes));
}
