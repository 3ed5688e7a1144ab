/**
 * Bytes to text, honestly: what the sender declared, else UTF-8, else windows-1252.
 *
 * Contract: never throws, whatever the label and the bytes. A declared charset counts when every byte fits it;
 * where some do not, UTF-8 is tried; where that fails too, the declared charset is kept if the damage is a few
 * characters only (a cut line, a flipped bit), and windows-1252, which fits everything, is last.
 * Standards: RFC 2045 §5.2, RFC 2781 §3.3; labels by the WHATWG Encoding Standard (node has all of ICU). Charsets
 * that it leaves out (UTF-7, code pages of DOS) are mailparser's to decode, in parse.ts.
 */
import { TextDecoder } from 'node:util';
import { decodeWindows1252 } from '../mail/windows-1252.ts';

/** The share of replacement characters, one in this many, up to which a declared charset is believed. */
const BELIEVABLE_DAMAGE = 50;

const LOOSE_NAMES: Readonly<Record<string, string>> = {
  'utf-16': 'utf-16be', // RFC 2781 §4.3: big-endian unless a byte order mark says otherwise
  'iso-2022-kr': 'euc-kr',
  cp932: 'shift_jis',
  'windows-31j': 'shift_jis',
  cp936: 'gbk',
  cp949: 'euc-kr',
  ks_c_5601: 'euc-kr',
  'big5-hkscs': 'big5',
};

const decoders = new Map<string, TextDecoder | undefined>();

/** A decoder that throws on bytes which do not fit; `undefined` for a label that node does not know. */
function strictDecoder(label: string): TextDecoder | undefined {
  if (decoders.has(label)) return decoders.get(label);
  let decoder: TextDecoder | undefined;
  try {
    decoder = new TextDecoder(label, { fatal: true });
  } catch {
    decoder = undefined; // an unknown label is ordinary
  }
  // A sender can invent labels without end: the memory of them must have one.
  if (decoders.size < 200) decoders.set(label, decoder);
  return decoder;
}

function canonical(label: string): string {
  const name = label
    .trim()
    .toLowerCase()
    .replace(/^["']|["']$/g, '');
  const loose = LOOSE_NAMES[name] ?? name.replace(/^cp-?(125\d|866|874)$/, 'windows-$1');
  return loose === 'windows-866' ? 'ibm866' : loose;
}

/** Whether node can decode this charset itself. */
export function knowsCharset(label: string): boolean {
  return strictDecoder(canonical(label)) !== undefined;
}

/** Decodes `bytes`; `declared` is the label the sender gave, if any. */
export function decodeText(bytes: Uint8Array, declared?: string): string {
  const marked = byteOrderMark(bytes);
  if (marked !== undefined) return new TextDecoder(marked).decode(bytes);
  const label = declared === undefined ? undefined : canonical(declared);
  // ASCII is the WHATWG's name for windows-1252, which fits every byte and would hide UTF-8.
  const believed = label === undefined || /^(us-)?ascii$|^ansi_x3/.test(label) ? undefined : label;
  // Its bytes are ASCII and so valid UTF-8, which would show the escape sequences.
  if (believed === 'iso-2022-jp') return new TextDecoder(believed).decode(bytes);
  return (
    (believed === undefined ? undefined : decodeStrictly(bytes, believed)) ??
    decodeStrictly(bytes, 'utf-8') ??
    (believed === undefined ? undefined : decodeDamaged(bytes, believed)) ??
    decodeDamaged(bytes, 'utf-8') ??
    decodeWindows1252(bytes)
  );
}

function decodeStrictly(bytes: Uint8Array, label: string): string | undefined {
  const decoder = strictDecoder(label);
  if (decoder === undefined) return undefined;
  if (decoder.encoding === 'windows-1252') return decodeWindows1252(bytes);
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // bytes that do not fit
  }
}

/** The text with a few replacement characters, or `undefined` when there are too many of them. */
function decodeDamaged(bytes: Uint8Array, label: string): string | undefined {
  if (strictDecoder(label) === undefined) return undefined;
  const text = new TextDecoder(label).decode(bytes);
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

function byteOrderMark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'utf-8';
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  return undefined;
}

// White space, and what takes no ink: joiners, fillers, soft hyphens, the empty Braille pattern.
const INK =
  /[^\s\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u2060-\u2064\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]/;

/** Whether a reader would see nothing. */
export function isBlankText(text: string): boolean {
  return !INK.test(text);
}
