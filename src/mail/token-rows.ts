/**
 * Where in a text a token could stand: rows of characters that can be a token's, or markup and line ends within it.
 *
 * Contract: what is outside the rows is no part of a token, however it is written (token-mask.ts reads the rows).
 * Limits: linear; of ordinary prose a word in fifty characters is read.
 */
import { TOKEN_CHARS } from './address.ts';

/** A link, or a bracket by itself, that begins or ends within a token. */
export const LINK = /!?\[|\](?:\([^\s()]{0,300}\))?/y;
const LINKS = new RegExp(LINK, 'g');

/** What a character can be, so that no pattern is tried where it cannot match; a digit counts as a letter. */
export const KIND = { letter: 1, glue: 2, wrap: 4, encoded: 8, other: 16 } as const;

/** The kinds of a character that may stand in a token or unseen, as markup, encoded or wrapped, between its own. */
const KINDS = new Uint8Array(128);
for (const [characters, kind] of [
  ['abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789', KIND.letter],
  ['*_~`\\<', KIND.glue],
  ['\r\n', KIND.wrap],
  ['%', KIND.encoded],
  ['=', KIND.wrap | KIND.encoded],
  ['&', KIND.glue | KIND.encoded],
  ['#;>/', KIND.other],
] as const) {
  for (const character of characters) KINDS[character.charCodeAt(0)] = kind;
}

/** Tells what a character can be in a token's stretch of text; 0 where it ends one. */
export function kindAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code === 0x20 || code === 0x09) {
    const next = text.charCodeAt(at + 1);
    // Beside a line end or a quote mark, or before the end of a tag.
    return isWrapping(text.charCodeAt(at - 1)) || isWrapping(next) || next === 0x2f ? KIND.wrap : 0;
  }
  if (code < 128) return KINDS[code] ?? 0;
  const isUnseen =
    code === 0xad ||
    code === 0x34f ||
    (code >= 0x200b && code <= 0x2064) ||
    (code >= 0xfe00 && code <= 0xfe0f);
  return isUnseen ? KIND.glue : 0;
}

const isWrapping = (code: number): boolean =>
  code === 0x0a || code === 0x0d || code === 0x3e || code === 0x20 || code === 0x09;

/** Finds where the row of such characters ends that begins at a place. */
function endOfRow(text: string, from: number): number {
  let at = from;
  while (at < text.length && kindAt(text, at) !== 0) at++;
  return at;
}

/** Finds where the row of such characters starts that ends at a place; looks no further than `least`. */
function startOfRow(text: string, to: number, least: number): number {
  let at = to;
  while (at > least && kindAt(text, at - 1) !== 0) at -= 1;
  return at;
}

/** A stretch of a text, from a place to another. */
export type Row = readonly [from: number, to: number];

/**
 * Finds the rows of such characters that are as long as a token. It looks at the place where one would end first, so
 * that of ordinary prose a word in fifty characters is read.
 */
export function longRows(text: string): Row[] {
  const rows: Row[] = [];
  for (let start = 0; start + TOKEN_CHARS <= text.length; ) {
    const from = startOfRow(text, start + TOKEN_CHARS, start);
    if (from > start) {
      start = from;
      continue;
    }
    const end = endOfRow(text, start + TOKEN_CHARS);
    rows.push([start, end]);
    start = end + 1;
  }
  return rows;
}

/** Finds the rows that links are part of; the text of a link counts, its target does not. */
export function linkedRows(text: string): Row[] {
  const rows: Row[] = [];
  let [from, to, apart] = [0, 0, 0];
  const close = (): void => {
    if (to - from - apart >= TOKEN_CHARS) rows.push([from, to]);
  };
  for (const { index, 0: link } of text.matchAll(LINKS)) {
    if (index !== to) {
      close();
      from = startOfRow(text, index, to);
      apart = 0;
    }
    apart += link.length;
    to = endOfRow(text, index + link.length);
  }
  close();
  return rows;
}
