/**
 * Footers at the end of a stretch of text: of lists, of lawyers, a name under a rule.
 *
 * Contract: a footer is last. Paragraphs are taken from the end upwards, until one is none.
 * Limits: at most 40 lines from the end are looked at.
 */
import type { Line } from './lines.ts';
import { isShort } from './signature.ts';
import type { Sign } from './signs.ts';
import { countWords, isRule } from './view.ts';
import { LEGAL, SCANNED, SCANNER_LINK, SPEAKS_OF_MAIL } from './words.ts';

const MAX_TAIL = 40;
const MAX_NAME_LINES = 4;
const MAX_NOTE_WORDS = 25;
const MAX_NOTE_LINES = 4;
const POINTER = /https?:\/\/|www\.|\S@\S+\.\S/;
const STRAY = /^\s{0,8}(?:[-_=~*—–#+]\s?){2,}\s*$|^\s{0,8}[—–ᐧ]\s*$/u;

/** The beginning of a footer, and what speaks for it. */
export interface Footer {
  readonly start: number;
  readonly signs: readonly Sign[];
}

const indexOfLast = (
  lines: readonly Line[],
  from: number,
  to: number,
  wanted: (line: Line) => boolean,
): number => {
  for (let at = to - 1; at >= from; at -= 1) {
    const line = lines[at];
    if (line !== undefined && wanted(line)) return at;
  }
  return from - 1;
};

/**
 * Matches a rule, and right under it a few lines that point somewhere, as lists have them, or a name and no sentence.
 */
function underRule(lines: readonly Line[], from: number, to: number, whole: boolean): Footer | undefined {
  for (let at = to - 1; at >= from; at -= 1) {
    if (lines[at - 1]?.kind === 'text') continue;
    const text = lines[at]?.text ?? '';
    if (!/^\s{0,3}(?:_{2,}|-{5,}|={20,})\s*$/.test(text)) continue;
    if (!whole && lines.slice(from, at).every((line) => line.kind === 'blank')) return undefined;
    const signs = signsUnder(lines.slice(at + 1, to), text.trim());
    if (signs.length > 0) return { start: at, signs: ['rule', ...signs, 'last'] };
  }
  return undefined;
}

function signsUnder(under: readonly Line[], rule: string): Sign[] {
  const [width, mark] = [rule.length, rule.charAt(0)];
  const below = under.filter((line) => line.kind !== 'blank');
  if (under[0]?.kind !== 'text' || below.length === 0 || below.length > 8) return [];
  if (mark === '=' && under.slice(0, -1).some(({ kind }) => kind === 'blank')) return [];
  if (below.length >= 2 && width >= 20 && below.some((line) => POINTER.test(line.text))) return ['link'];
  const first = below[0]?.text.trim() ?? '';
  const isName =
    /^\p{Lu}[\p{L}.'’-]*(?:\s+[\p{L}.'’-]+){0,4}(?:,.{1,40})?$/u.test(first) && below.every(isShort);
  // `=` and `-` above and below a line frame a heading.
  if (under.some(({ text }) => /^\s{0,3}(?:-{5,}|={5,})\s*$/.test(text))) return [];
  if (width >= 5 && isName && below.length <= MAX_NAME_LINES) return ['short-lines'];
  return width < 5 && isListPointer(below) ? ['link', 'short-lines'] : [];
}

/** Tells whether lines are a list's pointer: "You received this…", and where to go. */
const isListPointer = (below: readonly Line[]): boolean =>
  below.length >= 2 && below.some((line) => /^\s*(?:<?https?:\/\/\S+>?|\S+@\S+\.\S+)$/.test(line.text));

interface Paragraph {
  readonly from: number;
  readonly to: number;
}

/** Finds the last paragraph of lines `from` to `to`. */
function lastParagraph(lines: readonly Line[], from: number, to: number): Paragraph | undefined {
  let end = to;
  while (end > from && lines[end - 1]?.kind === 'blank') end -= 1;
  if (end === from) return undefined;
  let start = end;
  while (start > from && lines[start - 1]?.kind !== 'blank') start -= 1;
  return { from: start, to: end };
}

/** The lines of a paragraph as one. */
const textOf = (lines: readonly Line[], { from, to }: Paragraph): string =>
  lines
    .slice(from, to)
    .map((line) => line.text)
    .join(' ');

const FIRST_PERSON =
  /(?:^|[\s(])(?:i|my|me|ich|mein\p{L}*|mir|mich|je|mon|ma|moi|yo|mi|io|mio|ik|mijn|jag|min|jeg|ja|mój|я|мой|мне)(?=[\s,.'’)])/iu;
const FIRST_SENTENCE = 160;

/** Speaks as lawyers do of the mail itself: confidential and one more, or three of five, from its first sentence on. */
function speaksLegally(text: string): boolean {
  if (text.length < 100 || FIRST_PERSON.test(text) || !SPEAKS_OF_MAIL.test(text)) return false;
  const found = LEGAL.filter((form) => form.test(text)).length;
  const confidential = LEGAL[0]?.test(text) === true;
  if (found < (confidential ? 2 : 3)) return false;
  const opening = text.slice(0, FIRST_SENTENCE);
  return LEGAL.some((form) => form.test(opening)) || SPEAKS_OF_MAIL.test(text.slice(0, 60));
}

const isHeading = (text: string): boolean =>
  isRule(text) ||
  (text.length < 60 &&
    (/^[^\p{Ll}]+$|:$/u.test(text.trim()) || /^\s*(?:legal |e-?mail )?disclaimer$/i.test(text)));

/**
 * Tells whether a scanner speaks of the mail in a paragraph. Below a legal one it is part of the footer; alone it may
 * be typed.
 */
const isScanNote = (text: string): boolean =>
  SCANNED.test(text) && SPEAKS_OF_MAIL.test(text.slice(0, 60)) && !FIRST_PERSON.test(text);

/** Tells whether a paragraph speaks as lawyers do; above one that does, a word of theirs about the mail is enough. */
const isLegal = (text: string, isAboveOne: boolean): boolean =>
  speaksLegally(text) || (isAboveOne && SPEAKS_OF_MAIL.test(text) && LEGAL.some((form) => form.test(text)));

/** Matches the last paragraphs that speak as lawyers do, with the rule or heading above them. */
function legalFooter(lines: readonly Line[], from: number, to: number, whole: boolean): Footer | undefined {
  let top = from;
  while (!whole && top < to && lines[top]?.kind === 'blank') top += 1;
  // Tells whether a paragraph stands below what was typed: unless all may be one, the first paragraph is no footer.
  const isBelow = (one: Paragraph): boolean => whole || one.from > top;
  let first: Paragraph | undefined;
  let next = lastParagraph(lines, from, to);
  if (next === undefined || !isBelow(next)) return undefined;
  if (isScanNote(textOf(lines, next))) next = lastParagraph(lines, from, next.from);
  while (next !== undefined && isBelow(next) && isLegal(textOf(lines, next), first !== undefined)) {
    first = next;
    next = lastParagraph(lines, from, first.from);
  }
  if (first === undefined) return undefined;
  return next !== undefined && isBelow(next) && isHeading(textOf(lines, next))
    ? { start: next.from, signs: ['legal-words', 'last', 'heading'] }
    : { start: first.from, signs: ['legal-words', 'last'] };
}

/** Matches what a scanner adds as a paragraph of its own: "Virus-free", and its link. */
function scanNote(lines: readonly Line[], from: number, to: number, whole: boolean): Footer | undefined {
  let end = to;
  while (end > from && lines[end - 1]?.kind === 'blank') end -= 1;
  let start = end;
  let linked = false;
  while (start > from && end - start < MAX_NOTE_LINES && lines[start - 1]?.kind === 'text') {
    start -= 1;
    const text = lines[start]?.text ?? '';
    linked ||= text.includes('//') || text.includes('www.');
  }
  if (!linked || (start === from && !whole)) return undefined;
  const text = textOf(lines, { from: start, to: end });
  const found = SCANNER_LINK.test(text) && SCANNED.test(text) && countWords(text) <= MAX_NOTE_WORDS;
  return found && lines[start - 1]?.kind !== 'text' ? { start, signs: ['link', 'last'] } : undefined;
}

/** Matches `-Anna Example` as a paragraph of its own at the very end. */
function dashName(lines: readonly Line[], from: number, to: number): Footer | undefined {
  let last = to - 1;
  while (last > from && lines[last]?.kind === 'blank') last -= 1;
  if (last <= from || lines[last - 1]?.kind !== 'blank') return undefined;
  const isName = /^-\p{Lu}\p{Ll}+(?:\s\p{Lu}\p{Ll}+){1,2}$/u.test(lines[last]?.text ?? '');
  return isName ? { start: last, signs: ['name', 'last'] } : undefined;
}

/** Matches a separator with nothing under it, left behind by what was below. */
function strayRule(lines: readonly Line[], from: number, to: number): Footer | undefined {
  let start = to;
  for (let at = to - 1; at > from; at -= 1) {
    const line = lines[at];
    if (line === undefined || (line.kind !== 'blank' && !STRAY.test(line.text))) break;
    if (line.kind !== 'blank') start = at;
  }
  // Right under text it underlines a heading or closes a table.
  if (lines[start - 1]?.kind === 'text') return undefined;
  return start === to ? undefined : { start, signs: ['rule', 'last'] };
}

/** The kinds of footers, the last in the text first. */
const FOOTERS = [scanNote, underRule, legalFooter, strayRule, dashName];

/**
 * Finds the footer that runs to the end of the text of lines `from` to `to`, if there is one. `whole` says that all
 * of it may be a footer, since something was typed before.
 */
export function findFooter(
  lines: readonly Line[],
  from: number,
  to: number,
  whole: boolean,
): Footer | undefined {
  const tail = Math.max(from, to - MAX_TAIL);
  const start = Math.max(tail, indexOfLast(lines, tail, to, ({ kind }) => kind === 'code') + 1);
  let found: Footer | undefined;
  for (const find of FOOTERS) {
    const more = find(lines, start, found?.start ?? to, whole || start > from);
    if (more !== undefined) found = { start: more.start, signs: [...more.signs, ...(found?.signs ?? [])] };
  }
  return found;
}
