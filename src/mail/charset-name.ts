/**
 * Charsets by their labels, and decoding that tells whether the bytes fit.
 *
 * Contract: never throws; a label that nobody knows gives `undefined`. Superset for subset where mail means it:
 * gb18030 for gb2312, windows-1252 for Latin-1.
 * Standards: WHATWG Encoding §4.2 (labels), RFC 2781 §4.3. Limits: 200 labels are remembered, the latest.
 */
import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { decodeWindows1252 } from './windows-1252.ts';

/** Names that mail gives to other charsets. A map, for the label is a stranger's, and an object has names of its own. */
const LOOSE_NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'utf-16': 'utf-16be', // RFC 2781 §4.3: big-endian unless a byte order mark says otherwise
    cp932: 'shift_jis',
    'windows-31j': 'shift_jis',
    cp51932: 'euc-jp',
    'eucjp-ms': 'euc-jp',
    gb2312: 'gb18030',
    'gb_2312-80': 'gb18030',
    'gb2312-80': 'gb18030',
    'gb-2312': 'gb18030',
    'euc-cn': 'gb18030',
    gbk: 'gb18030',
    'x-gbk': 'gb18030',
    cp936: 'gb18030',
    'windows-936': 'gb18030',
    cp949: 'euc-kr',
    ks_c_5601: 'euc-kr',
    cp950: 'big5',
    'big5-hkscs': 'big5',
    'utf-8-sig': 'utf-8',
    utf8mb4: 'utf-8',
  }),
);

/** Labels that say nothing: ASCII is the WHATWG's name for windows-1252, which fits every byte and would hide UTF-8. */
const SAYS_NOTHING =
  /^$|^(us-)?ascii$|^ansi_x3|^iso646-us$|^646$|^(x-)?unknown(-8bit)?$|^(8|7)bit$|^default$|^(x-)?binary$/;

/** Labels that are remembered, and how long they may be: a sender can invent others without end. */
const MOST_LABELS = 200;
const LONGEST_LABEL = 60;

/** Remembers what a label gave, in place of the oldest where there are too many. */
function remember<T>(known: Map<string, T>, label: string, value: T): T {
  if (label.length > LONGEST_LABEL) return value;
  const [oldest] = known.keys();
  if (known.size >= MOST_LABELS && oldest !== undefined) known.delete(oldest);
  known.set(label, value);
  return value;
}

const decoders = new Map<string, TextDecoder | undefined>();

/** Opens a decoder that throws on bytes which do not fit; `undefined` for a label that node does not know. */
function strictDecoder(name: string): TextDecoder | undefined {
  if (decoders.has(name)) return decoders.get(name);
  let decoder: TextDecoder | undefined;
  try {
    decoder = new TextDecoder(name, { fatal: true });
  } catch {
    decoder = undefined; // an unknown label is ordinary
  }
  return remember(decoders, name, decoder);
}

const names = new Map<string, string | undefined>();

/** Gives the name of the charset that a label means; `undefined` for a label that says nothing. */
export function charsetName(label: string): string | undefined {
  if (names.has(label)) return names.get(label);
  return remember(names, label, nameOf(label));
}

function nameOf(label: string): string | undefined {
  const name = label
    .trim()
    .toLowerCase()
    .replace(/^["']|["']$/g, '');
  if (SAYS_NOTHING.test(name)) return undefined;
  const loose = LOOSE_NAMES.get(name) ?? name.replace(/^(?:cp-?|ansi-?)(125\d|866|874)$/, 'windows-$1');
  if (loose === 'windows-866') return 'ibm866';
  const encoding = strictDecoder(loose)?.encoding;
  return encoding === undefined ? loose : encoding === 'gbk' ? 'gb18030' : encoding;
}

/** Tells whether node can decode the charset of this name. */
export function isKnown(name: string): boolean {
  return strictDecoder(name) !== undefined;
}

/** Decodes bytes that all fit; `undefined` otherwise. */
export function decodeStrictly(bytes: Uint8Array, name: string): string | undefined {
  const decoder = strictDecoder(name);
  if (decoder === undefined) return undefined;
  if (name === 'windows-1252') return decodeWindows1252(bytes);
  // An exception for every line of another charset took seconds.
  if (name === 'utf-8' && !isUtf8(bytes)) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // bytes that do not fit
  }
}

const UTF_8 = new TextDecoder();

/** Decodes bytes, with U+FFFD for those that do not fit. */
export function decodeLoosely(bytes: Uint8Array, name: string): string {
  if (name === 'windows-1252' || !isKnown(name)) return decodeWindows1252(bytes);
  return name === 'utf-8' ? UTF_8.decode(bytes) : new TextDecoder(name).decode(bytes);
}
