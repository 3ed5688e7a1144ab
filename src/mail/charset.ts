/**
 * Bytes to text as a person would read them: by what the bytes show, then by what the sender declared.
 *
 * Contract: never throws, whatever the label and the bytes. Escape sequences of ISO-2022 and valid UTF-8 are believed
 * before a label; a label before a guess; a guess before windows-1252, which fits everything. Text of which some lines
 * are UTF-8 and some are not is read line by line. U+FFFD stands only for bytes that no charset in question reads: a
 * character that was cut. Linear in the size.
 * Standards: RFC 2045 §5.2, RFC 2781 §3.3; labels by the WHATWG Encoding Standard (node has all of ICU). Charsets
 * that it leaves out (UTF-7, code pages of DOS) are mailparser's to decode, in parse.ts.
 */
import { isAscii } from 'node:buffer';
import { guessCharset, guessLatin, isScattered, isWithinWords } from './charset-guess.ts';
import { charsetKind } from './charset-kind.ts';
import { charsetName, decodeLoosely, decodeStrictly, isKnown } from './charset-name.ts';
import { decodeHz, decodeIso2022, hasEscapes } from './iso-2022.ts';
import { fitsOneLanguage, isFlawless, isReadableAsLatin, latinCharset } from './latin-languages.ts';
import { isRatherUtf8, oddity } from './utf-8-evidence.ts';
import { decodeUtf16 } from './utf-16.ts';
import { decodeAscii, decodeWindows1252 } from './windows-1252.ts';

/** The share of replacement characters, one in this many, up to which a charset is believed. */
const BELIEVABLE_DAMAGE = 50;

const HZ = /^hz(-gb-?2312)?$/;

/** Tells whether the charset of a label may be one that node lacks, in part or as a whole. */
export function mayBeForeign(label: string): boolean {
  const name = charsetName(label);
  if (name === undefined || HZ.test(name) || name.startsWith('iso-2022')) return false;
  return !isKnown(name) || name === 'euc-kr';
}

/** Names the charset in which mailparser must decode; `undefined` where node can, or where the bytes show another. */
export function foreignCharset(bytes: Uint8Array, label: string): string | undefined {
  const name = charsetName(label);
  if (name === undefined || !mayBeForeign(label) || hasEscapes(bytes)) return undefined;
  if (!isAscii(bytes) && decodeStrictly(bytes, 'utf-8') !== undefined) return undefined;
  if (name !== 'euc-kr') return name;
  // Node has the 2,350 syllables of KS X 1001 alone; Windows writes 8,822 more under the same label.
  return decodeCleanly(bytes, name) === undefined ? 'cp949' : undefined;
}

/** Tells whether the label names a charset and every byte fits it. */
export function fitsCharset(bytes: Uint8Array, label: string): boolean {
  const name = charsetName(label);
  return name !== undefined && decodeCleanly(bytes, name) !== undefined;
}

/** Decodes `bytes`; `declared` is the label the sender gave, if any. */
export function decodeText(bytes: Uint8Array, declared?: string): string {
  const name = declared === undefined ? undefined : charsetName(declared);
  const wide = decodeUtf16(bytes, name);
  if (wide !== undefined) return wide;
  const label = name === undefined || name.startsWith('utf-16') ? undefined : name;
  if (isAscii(bytes)) {
    if (hasEscapes(bytes) || label?.startsWith('iso-2022') === true) return decodeIso2022(bytes);
    return label !== undefined && HZ.test(label) ? decodeHz(bytes) : decodeAscii(bytes);
  }
  const believed = label !== undefined && isKnown(label) && !label.startsWith('iso-2022') ? label : undefined;
  const utf8 = hasEscapes(bytes) ? undefined : decodeStrictly(bytes, 'utf-8');
  if (utf8 !== undefined && isUtf8(bytes, utf8, believed)) return utf8;
  return decodeMixed(bytes, believed);
}

function isUtf8(bytes: Uint8Array, text: string, label: string | undefined): boolean {
  return (
    label === undefined || label === 'utf-8' || isRatherUtf8(bytes, text, label, decodeCleanly(bytes, label))
  );
}

/** Decodes bytes that all fit, none of which stands for a character that nobody sends. */
function decodeCleanly(bytes: Uint8Array, name: string): string | undefined {
  const text = decodeStrictly(bytes, name);
  if (text === undefined || charsetKind(name) !== 'east-asian') return text;
  return /[\x80-\x9f\ue000-\uf8ff]/.test(text) ? undefined : text;
}

/** Decodes lines that are UTF-8 or ISO-2022 by themselves, and all others in one charset. */
function decodeMixed(bytes: Uint8Array, label: string | undefined): string {
  const lines = splitLines(bytes).map((line) => ({ line, text: decodeAlone(line, label) }));
  const others = lines.filter(({ text }) => text === undefined).map(({ line }) => line);
  if (others.length === lines.length) return decodeOther(bytes, label);
  const name = charsetOfOthers(Buffer.concat(others), label);
  return lines
    .map(({ line, text }) => text ?? decodeDamagedUtf8(line, label) ?? decodeBy(line, name))
    .join('');
}

/** Splits bytes into lines with their ends. */
function splitLines(bytes: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0x0a, at);
    const next = end === -1 ? bytes.length : end + 1;
    lines.push(bytes.subarray(at, next));
    at = next;
  }
  return lines;
}

/** Decodes a line that needs no label: ASCII, ISO-2022, or UTF-8. */
function decodeAlone(line: Uint8Array, label: string | undefined): string | undefined {
  if (isAscii(line)) return hasEscapes(line) ? decodeIso2022(line) : decodeWindows1252(line);
  const text = decodeStrictly(line, 'utf-8');
  return text !== undefined && isUtf8(line, text, label) ? text : undefined;
}

/** Decodes text with hardly any UTF-8 in it. */
function decodeOther(bytes: Uint8Array, label: string | undefined): string {
  return decodeDamagedUtf8(bytes, label) ?? decodeBy(bytes, charsetOfOthers(bytes, label));
}

/** Decodes UTF-8 with a few stray bytes, where the label does not speak against it. */
function decodeDamagedUtf8(bytes: Uint8Array, label: string | undefined): string | undefined {
  if (label !== undefined && label !== 'utf-8' && decodeCleanly(bytes, label) !== undefined) return undefined;
  const text = decodeDamaged(bytes, 'utf-8');
  return text === undefined || FAR.test(text) ? text : decodeWithLatin(bytes);
}

/** Letters that windows-1252 lacks: beside them one of its own would be no better than U+FFFD. */
const FAR = /(?![\u2000-\u20cf\u2122\ufffd\ufe00-\ufe0f])[\u0250-\uffff]/;

/** Decodes UTF-8 whose stray bytes are windows-1252; a character that the end cuts off is left out. */
function decodeWithLatin(bytes: Uint8Array): string {
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < bytes.length; ) {
    const size = sequenceSize(bytes, at);
    if (size === 0 || at + size > bytes.length) {
      const tail = at + size > bytes.length ? bytes.length : at + 1;
      const lone = size === 0 ? decodeWindows1252(bytes.subarray(at, tail)) : '\ufffd';
      pieces.push(decodeLoosely(bytes.subarray(from, at), 'utf-8'), lone);
      from = tail;
    }
    at = Math.max(at + size, from);
  }
  return pieces.join('') + decodeLoosely(bytes.subarray(from), 'utf-8');
}

/** Counts the bytes of the sequence at `at`, as far as there are bytes; 0 where none is. */
function sequenceSize(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number;
  const size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  for (let next = at + 1; next < Math.min(at + size, bytes.length); next++) {
    if (((bytes[next] as number) & 0xc0) !== 0x80) return 0;
  }
  return size;
}

const WESTERN = /^(windows-1252|iso-8859-15)$/;

/** Names the charset of bytes that are no UTF-8: the declared one, or another that fits far better. */
function charsetOfOthers(bytes: Uint8Array, label: string | undefined): string {
  const named = label === undefined || label === 'utf-8' || isLatinUnder(bytes, label) ? undefined : label;
  const fits = named !== undefined && decodeCleanly(bytes, named) !== undefined;
  const declared = fits ? withItsControls(bytes, named) : undefined;
  if (declared !== undefined && isRightLatin(bytes, declared)) return declared;
  const guessed = guessCharset(bytes, declared);
  if (guessed !== undefined) return guessed;
  if (declared !== undefined && !WESTERN.test(declared)) return latinUnder(bytes, declared) ?? declared;
  if (declared === undefined && named !== undefined && decodeDamaged(bytes, named) !== undefined)
    return named;
  const looks = guessLatin(decodeWindows1252(bytes), declared !== undefined);
  // A label gives way to letters that look like another's only if all of them are those of one language.
  if (looks !== undefined && (declared === undefined || isFlawless(bytes, looks))) return looks;
  const western = declared ?? 'windows-1252';
  return latinCharset(bytes, western) ?? western;
}

/** Tells whether a text by its label is in Latin letters, and in a language that has them all. */
function isRightLatin(bytes: Uint8Array, label: string): boolean {
  if (charsetKind(label) !== 'latin' || !isScattered(bytes)) return false;
  return fitsOneLanguage(bytes, label);
}

/** Names the Latin charset of a text under the label of another. */
function latinUnder(bytes: Uint8Array, label: string): string | undefined {
  return /^(windows-125[047]|iso-8859-(2|13))$/.test(label) ? latinCharset(bytes, label) : undefined;
}

/** Tells whether a text is in letters of Latin under the label of a charset without its accents. */
function isLatinUnder(bytes: Uint8Array, label: string): boolean {
  switch (charsetKind(label)) {
    case 'latin':
      return false;
    case 'east-asian':
      // The second byte of a character is a letter of ASCII often enough in two of them.
      return isWithinWords(bytes) && (!/^(big5|shift_jis)$/.test(label) || isReadableAsLatin(bytes));
    default:
      return isScattered(bytes) && oddity(decodeLoosely(bytes, label)) > oddity(decodeWindows1252(bytes));
  }
}

/**
 * Names the charset of Windows where one of ISO's is declared and characters are used that only the former has. Names
 * the one of Ukraine where letters are used for which Russia's has frames.
 */
function withItsControls(bytes: Uint8Array, label: string): string {
  if (label === 'koi8-r') return FRAME_IN_WORD.test(decodeLoosely(bytes, label)) ? 'koi8-u' : label;
  const windows = WINDOWS[label];
  return windows !== undefined && bytes.some((byte) => byte >= 0x80 && byte < 0xa0) ? windows : label;
}

const FRAME_IN_WORD = /(?<=[а-яё])[╓╕╖╜╢╤╥╫](?=[а-яё])/i;

const WINDOWS: Readonly<Record<string, string>> = {
  'iso-8859-2': 'windows-1250',
  'iso-8859-4': 'windows-1257',
  'iso-8859-6': 'windows-1256',
  'iso-8859-7': 'windows-1253',
  'iso-8859-8': 'windows-1255',
  'iso-8859-8-i': 'windows-1255',
  'iso-8859-13': 'windows-1257',
  'iso-8859-15': 'windows-1252',
};

/** Decodes by a charset; where that leaves holes, by windows-1252 unless they are few. */
function decodeBy(bytes: Uint8Array, name: string): string {
  return decodeStrictly(bytes, name) ?? decodeDamaged(bytes, name) ?? decodeWindows1252(bytes);
}

/** Decodes a text that has a few replacement characters; `undefined` when there are too many of them. */
function decodeDamaged(bytes: Uint8Array, name: string): string | undefined {
  const text = decodeLoosely(bytes, name);
  let replaced = 0;
  let foreign = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0xfffd) replaced++;
    else if (code > 0x7f) foreign++;
  }
  // Replacements must be few beside the text, and fewer than the characters that did decode.
  return replaced * BELIEVABLE_DAMAGE <= text.length && replaced <= foreign ? text : undefined;
}

// White space, and what takes no ink: joiners, fillers, soft hyphens, the empty Braille pattern.
const INK =
  /[^\s\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]/;

/** Tells whether a reader would see nothing. */
export function isBlankText(text: string): boolean {
  return !INK.test(text);
}
