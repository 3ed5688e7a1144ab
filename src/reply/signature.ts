/**
 * What is added under a reply without being typed: signatures, the line of a telephone, footers.
 *
 * Contract: `isDelimiter` and `isMobileLine` judge a line; `footerStart` finds, in the last lines of a stretch of
 * text, where a list footer, a legal footer or a bare `-Name` begins. A closing typed by hand stays.
 * Limits: at most 40 lines from the end are looked at.
 */
import { isRule } from './intro.ts';
import type { Line } from './lines.ts';
import { DEVICE, GET_APP, LEGAL, SENT } from './words.ts';

const MAX_TAIL = 40;

/** The delimiter of RFC 3676 §4.3; one that lost its trailing space needs a blank line above. */
export function isDelimiter(line: Line, above: Line | undefined): boolean {
  if (line.kind !== 'text' || !line.text.startsWith('--') || !/^--\s{0,3}$/.test(line.text)) return false;
  return above === undefined || above.kind !== 'text' || /^--[ \u00a0]/.test(line.raw);
}

const CLAUSE_END = /[<([,;:!?]|https?:|\.(?:\s|$)/;
/** "Get Outlook for Android" in a language that words.ts does not know. */
const APP_INVITATION = /^\p{Lu}\S+ Outlook \S{2,5} (?:iOS|Android)$/u;
/** A script in which the verb may be of two words, or none is set apart. */
const UNSPACED = /[\u0080-\uffff]/;
const PERSON = /^(?:i|ich|je|yo|io|ik|я)$/i;
const ARABIC_VOWELS = /[\u064b-\u0652]/g;
const PROPER = /^(?:[\p{Lu}\d]|for$|pour$|für$)/u;

/** The line without what wraps it, up to the first link, bracket or end of clause. */
function firstClause(text: string): string {
  const bare = text
    .trim()
    .replace(/^[<([*_\s]+|[>)\]*_\s]+$/g, '')
    .replace(/\[([^\]]{1,40})\]\([^)]*\)?/g, '$1');
  const end = bare.search(CLAUSE_END);
  return (end === -1 ? bare : bare.slice(0, end)).trim();
}

/** "Sent from my Wiko RIDGE": a preposition, then nothing but names. */
function namesOnly(words: readonly string[]): boolean {
  if (!/^(?:from|via|with|using|by)$/i.test(words[1] ?? '')) return false;
  const names = words.slice(/^(?:my|a|the)$/i.test(words[2] ?? '') ? 3 : 2);
  return names.length > 0 && names.length <= 6 && names.every((word) => PROPER.test(word));
}

/**
 * Whether the line is what a telephone or an application adds of itself: a participle of "sent" at one end of
 * the first clause, and a device or a name in it.
 */
export function isMobileLine(line: Line): boolean {
  if (line.kind !== 'text' || line.text.length > 200) return false;
  if (!SENT.test(line.text.slice(0, 16)) && !DEVICE.test(line.text)) return false;
  const clause = firstClause(line.text.replace(ARABIC_VOWELS, ''));
  if (clause.length < 4 || clause.length > 100) return false;
  const words = clause.split(/\s+/);
  if (words.length > 12) return false;
  if (GET_APP.test(clause))
    return words.length <= 7 && /outlook|mail/i.test(clause) && /\bios\b|\bios\w*https|android/i.test(clause);
  if (APP_INVITATION.test(clause)) return true;
  const opens = SENT.test(words[0] ?? '') || (UNSPACED.test(clause) && SENT.exec(clause)?.index === 0);
  if (opens) return DEVICE.test(clause) || namesOnly(words);
  return SENT.test(words.slice(-2).join(' ')) && DEVICE.test(clause) && !PERSON.test(words[0] ?? '');
}

// ---- footers -------------------------------------------------------------------------------------------------

const POINTER = /https?:\/\/|www\.|\S@\S+\.\S/;

/** A rule of underscores with a few lines under it, an address or a link among them, up to the end. */
function listFooter(lines: readonly Line[], from: number, to: number, whole: boolean): number | undefined {
  for (let at = to - 1; at >= from; at -= 1) {
    const text = lines[at]?.text ?? '';
    if (!/^\s{0,3}(?:_{2,}|-{20,}|={20,})\s*$/.test(text) || lines[at - 1]?.kind === 'text') continue;
    if (!whole && lines.slice(from, at).every((line) => line.kind === 'blank')) return undefined;
    const below = lines.slice(at + 1, to).filter((line) => line.kind !== 'blank');
    const points = below.some((line) => POINTER.test(line.text));
    return below.length >= 2 && below.length <= 8 && points ? at : undefined;
  }
  return undefined;
}

interface Paragraph {
  readonly from: number;
  readonly text: string;
}

function paragraphs(lines: readonly Line[], from: number, to: number): Paragraph[] {
  const found: Paragraph[] = [];
  let open = false;
  for (let at = from; at < to; at += 1) {
    const line = lines[at];
    if (line === undefined || line.kind === 'blank') {
      open = false;
    } else if (open) {
      const last = found.pop();
      if (last !== undefined) found.push({ from: last.from, text: `${last.text} ${line.text}` });
    } else {
      open = true;
      found.push({ from: at, text: line.text });
    }
  }
  return found;
}

const isLegal = (text: string): boolean =>
  text.length >= 100 && LEGAL.filter((form) => form.test(text)).length >= 2;
const isHeading = (text: string): boolean =>
  isRule(text) || (text.length < 60 && /^[^\p{Ll}]+$|:$/u.test(text.trim()));

/** The first of the last four paragraphs that speaks as lawyers do, with the rule or heading above it. */
function legalFooter(lines: readonly Line[], from: number, to: number, whole: boolean): number | undefined {
  const all = paragraphs(lines, from, to);
  const first = Math.max(whole ? 0 : 1, all.length - 4);
  for (let at = first; at < all.length; at += 1) {
    const paragraph = all[at];
    if (paragraph === undefined || !isLegal(paragraph.text)) continue;
    const above = all[at - 1];
    return above !== undefined && (whole || at > 1) && isHeading(above.text) ? above.from : paragraph.from;
  }
  return undefined;
}

/** `-Anna Example` as a paragraph of its own at the very end. */
function dashName(lines: readonly Line[], from: number, to: number): number | undefined {
  let last = to - 1;
  while (last > from && lines[last]?.kind === 'blank') last -= 1;
  if (last <= from || lines[last - 1]?.kind !== 'blank') return undefined;
  return /^-\p{Lu}\p{Ll}+(?:\s\p{Lu}\p{Ll}+){1,2}$/u.test(lines[last]?.text ?? '') ? last : undefined;
}

/** A separator with nothing under it, left behind by what was below. */
function strayRule(lines: readonly Line[], from: number, to: number): number | undefined {
  let start = to;
  for (let at = to - 1; at > from; at -= 1) {
    const line = lines[at];
    if (line === undefined || (line.kind !== 'blank' && !STRAY.test(line.text))) break;
    if (line.kind !== 'blank') start = at;
  }
  return start === to ? undefined : start;
}

const STRAY = /^\s{0,8}(?:[-_=~*—–]\s?){2,}\s*$|^\s{0,8}[—–ᐧ]\s*$/u;

function lastCode(lines: readonly Line[], from: number, to: number): number {
  for (let at = to - 1; at >= from; at -= 1) if (lines[at]?.kind === 'code') return at;
  return from - 1;
}

/**
 * Where, in the text of lines `from` to `to`, a footer that runs to its end begins; `to` if there is none. `whole`
 * says that all of it may be a footer, since something was typed before.
 */
export function footerStart(lines: readonly Line[], from: number, to: number, whole: boolean): number {
  const tail = Math.max(from, to - MAX_TAIL);
  const start = Math.max(tail, lastCode(lines, tail, to) + 1);
  let end = listFooter(lines, start, to, whole || start > from) ?? to;
  end = legalFooter(lines, start, end, whole || start > from) ?? end;
  end = strayRule(lines, start, end) ?? end;
  return dashName(lines, start, end) ?? end;
}
