/**
 * What announces an original: an attribution, a block of header fields, a framed separator, a marker of ours.
 *
 * Contract: `findIntro` looks at one line and a bounded number after it, and says what kind of opening starts
 * there and where it ends. It never looks back further than one line, so that a scan that calls it on each line
 * stays linear. Form decides; words (words.ts) only tell apart what has the same form.
 * Limits: an attribution is at most 6 lines and 400 characters, a header block at most 14 lines.
 */
import { FACT, findAddress, findDate, labelOf } from './evidence.ts';
import type { Line } from './lines.ts';
import { ABOVE_WORD, FORWARDED, FROM_LABEL, MESSAGE_NOUN, REPLY_WORD, WROTE } from './words.ts';

/**
 * An opening: it ends before line `end`. `alone` says whether it is strong enough to announce an original that
 * carries no quote marks; a weak one counts only directly above a quoted run. A forward is kept, with all after it.
 */
export interface Intro {
  readonly kind: 'attribution' | 'headers' | 'separator' | 'forward';
  readonly end: number;
  readonly alone: boolean;
}

const MAX_ATTRIBUTION_LINES = 6;
const MAX_ATTRIBUTION_CHARS = 400;
const MAX_HEADER_LINES = 14;

/** The next line with content at or after `from`; blank lines in a row are one line. Undefined if there is none. */
export function nextContent(lines: readonly Line[], from: number): number | undefined {
  const at = lines[from]?.kind === 'blank' ? from + 1 : from;
  return at < lines.length ? at : undefined;
}

/** Whether a quoted line follows within a few blank lines. */
export function quoteFollows(lines: readonly Line[], from: number): boolean {
  const next = nextContent(lines, from);
  return next !== undefined && lines[next]?.kind === 'quote';
}

const has = (facts: number, wanted: number): boolean => (facts & wanted) === wanted;
const isBlankOrEnd = (line: Line | undefined): boolean => line === undefined || line.kind === 'blank';
const countWords = (text: string): number => text.trim().split(/\s+/).length;
const indented = (line: Line | undefined): boolean => /^(?: {4}|\t)/.test(line?.text ?? '');

// ---- header blocks -------------------------------------------------------------------------------------------

interface HeaderBlock {
  readonly end: number;
  readonly labels: number;
  readonly facts: number;
  readonly stamped: boolean;
  readonly zoned: boolean;
  readonly named: boolean;
}

/** Collects the label lines from `from`, with at most two wrapped lines under each. */
function readHeaders(lines: readonly Line[], from: number): HeaderBlock {
  let [end, labels, facts, wrapped] = [from, 0, 0, 0];
  let [stamped, zoned, named] = [false, false, false];
  for (let at = from; at < from + MAX_HEADER_LINES; at += 1) {
    const line = lines[at];
    if (line?.kind !== 'text') break;
    if (has(line.facts, FACT.label)) {
      labels += 1;
      wrapped = 0;
      if (labels <= 2 && FROM_LABEL.test(labelOf(line.text)?.trim() ?? '')) named = true;
    } else {
      wrapped += 1;
      if (wrapped > 2) break;
    }
    facts |= line.facts;
    stamped ||= has(line.facts, FACT.date | FACT.time);
    zoned ||= /\d:\d\d:\d\d\s[+-]\d{4}/.test(line.text);
    if (wrapped === 0) end = at + 1;
  }
  return { end, labels, facts, stamped, zoned, named };
}

function isHeaderBlock(block: HeaderBlock, afterRule: boolean): boolean {
  const address = has(block.facts, FACT.address);
  if (afterRule && block.labels >= 1 && address && block.stamped) return true;
  if (block.labels === 2) return address && block.stamped && (block.named || block.zoned || afterRule);
  if (block.labels < 3) return false;
  if (address && (has(block.facts, FACT.date) || block.named)) return true;
  return block.stamped && (block.named || afterRule);
}

/** A rule of dashes, underscores or the like, with nothing else on the line. */
export const isRule = (text: string): boolean => /^\s{0,40}([-_=*])(?:\s?\1){2,}\s*$/.test(text);

function matchHeaders(lines: readonly Line[], at: number): Intro | undefined {
  const line = lines[at];
  if (line === undefined) return undefined;
  const rule = isRule(line.text);
  const start = rule ? nextContent(lines, at + 1) : at;
  if (start === undefined || !has(lines[start]?.facts ?? 0, FACT.label)) return undefined;
  if (/^[\s*_]*(?!\p{Script=Georgian})\p{Ll}/u.test(lines[start]?.text ?? '')) return undefined;
  const block = readHeaders(lines, start);
  return isHeaderBlock(block, rule) ? { kind: 'headers', end: block.end, alone: true } : undefined;
}

// ---- framed separators ---------------------------------------------------------------------------------------

interface Frame {
  readonly left: number;
  readonly right: number;
  readonly dashes: boolean;
  readonly inner: string;
}

const FRAME = /^\s{0,8}([-_=*~#+>—–]{2,40})\s?([^-_=*~#+>—–\s].{0,200}?)\s?([-_=*~#+>—–]{2,40})\s*$/u;

function readFrame(text: string): Frame | undefined {
  const match = FRAME.exec(text);
  if (match === null) return undefined;
  const [, left = '', inner = '', right = ''] = match;
  return { left: left.length, right: right.length, dashes: /^[-_=>—–*]+$/u.test(left + right), inner };
}

/** A framed line with headers or a quote below it, a date or an address in it, or the word "message" in it. */
function isSeparator(
  frame: Frame,
  line: Line,
  headersBelow: boolean,
  quoted: boolean,
  apart: boolean,
): boolean {
  if (!frame.dashes || frame.left < 3 || frame.left > 20) return false;
  if (headersBelow) return true;
  if (frame.left > 10 || countWords(frame.inner) > 20) return false;
  if (has(line.facts, FACT.date | FACT.time) || (has(line.facts, FACT.date) && quoted)) return true;
  if (quoted && (has(line.facts, FACT.address) || WROTE.test(frame.inner))) return true;
  return (
    (apart || quoted) && frame.left >= 4 && countWords(frame.inner) <= 5 && MESSAGE_NOUN.test(frame.inner)
  );
}

function headersFollow(lines: readonly Line[], from: number): boolean {
  const next = nextContent(lines, from);
  if (next === undefined) return false;
  if (has(lines[next]?.facts ?? 0, FACT.label)) {
    const block = readHeaders(lines, next);
    return block.labels >= 2 && (block.facts & (FACT.address | FACT.date)) !== 0;
  }
  const facts = lines.slice(next, next + 4).reduce((all, line) => all | line.facts, 0);
  return has(facts, FACT.address | FACT.date | FACT.time);
}

function matchFrame(lines: readonly Line[], at: number): Intro | undefined {
  const line = lines[at];
  const frame = line === undefined ? undefined : readFrame(line.text);
  if (line === undefined || frame === undefined) return undefined;
  if (REPLY_WORD.test(frame.inner) && ABOVE_WORD.test(frame.inner) && countWords(frame.inner) <= 14) {
    return { kind: 'separator', end: at + 1, alone: true };
  }
  const headersBelow = headersFollow(lines, at + 1);
  // Gmail frames a forward with ten dashes and nine, and no client does so with an original.
  const gmailForward = frame.left === 10 && frame.right === 9 && headersBelow;
  if (frame.dashes && frame.left >= 3 && (gmailForward || FORWARDED.test(frame.inner))) {
    return { kind: 'forward', end: at + 1, alone: true };
  }
  const apart = isBlankOrEnd(lines[at - 1]) && isBlankOrEnd(lines[at + 1]);
  const separator = isSeparator(frame, line, headersBelow, quoteFollows(lines, at + 1), apart);
  return separator ? { kind: 'separator', end: at + 1, alone: true } : undefined;
}

/** "Begin forwarded message:" above a header block, in any language that words.ts knows. */
function matchForward(lines: readonly Line[], at: number): Intro | undefined {
  const line = lines[at];
  if (line === undefined || !has(line.facts, FACT.colon) || line.text.length > 80) return undefined;
  if (!headersFollow(lines, at + 1) || !FORWARDED.test(line.text)) return undefined;
  return { kind: 'forward', end: at + 1, alone: true };
}

// ---- attributions --------------------------------------------------------------------------------------------

interface Candidate {
  readonly text: string;
  readonly facts: number;
  readonly colon: boolean;
  readonly quoted: boolean;
}

const NAME_AFTER = /(?:\d|[AaPp]\.?[Mm]\.?|\p{L}{2,3})[,.]?\s+["'„“«]?\p{Lu}[\p{L}'.-]+\s+\p{Lu}/u;

/** Directly above a quoted run one piece of evidence is enough. */
function isQuotedAttribution(candidate: Candidate): boolean {
  const { facts, text, colon } = candidate;
  const date = has(facts, FACT.date);
  const address = has(facts, FACT.address);
  if (colon) {
    return (
      date ||
      address ||
      has(facts, FACT.time | FACT.dateFirst) ||
      (countWords(text) <= 12 && WROTE.test(text))
    );
  }
  if (date && (address || has(facts, FACT.time | FACT.dateFirst))) return true;
  if (has(facts, FACT.sentence) || countWords(text) > 14) return false;
  if (countWords(text) <= 6 && WROTE.test(text.slice(-8))) return true;
  return (date && WROTE.test(text)) || has(facts, FACT.addressFirst);
}

/**
 * A short line that leads up to a quote, as a name and a verb in any language do: it goes where its quote goes, and
 * is no evidence of more.
 */
function isLeadIn({ text, colon, facts }: Candidate): boolean {
  if (countWords(text) > 8 || text.length > 90 || has(facts, FACT.sentence)) return false;
  return (colon || WROTE.test(text)) && !/[.!?:;]\s/.test(text.trim());
}

/** Above an original without marks, two pieces of evidence and an end that no sentence has. */
function isLoneAttribution(candidate: Candidate, ownParagraph: boolean): boolean {
  const { facts, text, colon } = candidate;
  if (/:\s+\S/.test(text)) return false;
  const when = (facts & (FACT.date | FACT.time)) !== 0;
  const address = has(facts, FACT.address);
  if (when && address && (facts & (FACT.dateFirst | FACT.addressFirst)) !== 0) {
    return colon || (ownParagraph && !has(facts, FACT.sentence));
  }
  if (!colon) return ownParagraph && endsInVerb(candidate);
  if (has(facts, FACT.date | FACT.dateFirst)) return WROTE.test(text) || nameFollowsDate(text);
  if (!ownParagraph || !has(facts, FACT.addressFirst)) return false;
  if (countWords(text) <= 8 && WROTE.test(text)) return true;
  const offset = findAddress(text);
  const tail = text
    .slice(offset)
    .split(/[>)\s]+/)
    .filter(Boolean);
  return tail.length <= 5 && (offset <= 1 || /[<(]/.test(text.charAt(offset - 1)));
}

/** Some clients put no colon: then a date or an address, and the verb at the very end, say what it is. */
function endsInVerb({ facts, text }: Candidate): boolean {
  const dated = has(facts, FACT.date | FACT.time | FACT.dateFirst) && countWords(text) <= 14;
  const addressed = has(facts, FACT.addressFirst) && countWords(text) <= 6;
  return (dated || addressed) && !/[.!?]$/.test(text) && WROTE.test(text.slice(-8));
}

function nameFollowsDate(text: string): boolean {
  const offset = findDate(text);
  return (
    offset !== -1 &&
    NAME_AFTER.test(text.slice(offset)) &&
    !/[.!?]\s+\p{Lu}\p{Ll}+\s/u.test(text.slice(0, offset))
  );
}

/** Two lines in a row that open with a time stamp are a log. */
function inLog(lines: readonly Line[], from: number, end: number): boolean {
  if (!has(lines[from]?.facts ?? 0, FACT.stamp)) return false;
  return has(lines[from - 1]?.facts ?? 0, FACT.stamp) || has(lines[end]?.facts ?? 0, FACT.stamp);
}

const LIST_ITEM = /^\s{0,8}(?:[-*•+]\s|\d{1,3}[.)]\s+(?!\d))/u;

/** A bullet or a number that is not the day of a date. */
const isListItem = (text: string): boolean => LIST_ITEM.test(text) && findDate(text) !== text.search(/\S/);

/** Whether an attribution may start on this line. */
function mayStart(lines: readonly Line[], at: number, line: Line): boolean {
  if ((line.facts & (FACT.dateFirst | FACT.addressFirst)) !== 0) return true;
  if (has(line.facts, FACT.colon)) return quoteFollows(lines, at + 1);
  const next = lines[at + 1];
  if (next?.kind === 'quote' && line.text.length < 160)
    return (
      (line.facts & (FACT.date | FACT.address)) !== 0 || (line.text.length < 60 && WROTE.test(line.text))
    );
  return next !== undefined && /^\s*</.test(next.text) && has(next.facts, FACT.address);
}

/** Some clients put an empty line between the name and an address that stands on a line of its own. */
const opensBelow = (lines: readonly Line[], at: number): boolean =>
  lines[at]?.kind === 'blank' && lines[at + 1]?.text.trim() === '<';

function joinedWith(lines: readonly Line[], at: number, open: boolean): boolean {
  const line = lines[at];
  if (line === undefined || line.kind === 'code') return false;
  if (line.kind === 'quote') return open && /^\s*>/.test(line.text);
  return line.kind === 'text' || opensBelow(lines, at);
}

function judgeAttribution(
  lines: readonly Line[],
  from: number,
  end: number,
  candidate: Candidate,
): Intro | undefined {
  // An indented line is code, unless it could be nothing but an attribution: Yahoo indents its own.
  if (indented(lines[from]) && !has(candidate.facts, FACT.date | FACT.address | FACT.colon)) return undefined;
  if (candidate.quoted && isQuotedAttribution(candidate)) return { kind: 'attribution', end, alone: true };
  if (lines[end]?.kind === 'quote' && isBlankOrEnd(lines[from - 1]) && isLeadIn(candidate))
    return { kind: 'attribution', end, alone: false };
  const ownParagraph = isBlankOrEnd(lines[from - 1]) && isBlankOrEnd(lines[end]);
  const next = lines[end];
  if (next === undefined && from === 0) return undefined;
  if (!isLoneAttribution(candidate, ownParagraph) || inLog(lines, from, end)) return undefined;
  return { kind: 'attribution', end, alone: true };
}

/** Whether an angle bracket is still open: the address goes on in the next line. */
const isOpen = (text: string): boolean => text.split('<').length > text.split('>').length;

function matchAttribution(lines: readonly Line[], from: number): Intro | undefined {
  const first = lines[from];
  if (first === undefined || !mayStart(lines, from, first)) return undefined;
  if (isListItem(first.text) && lines[from + 1]?.kind !== 'quote') return undefined;
  let [text, facts, open] = ['', 0, false];
  for (let at = from; at < from + MAX_ATTRIBUTION_LINES; at += 1) {
    const line = lines[at];
    if (line === undefined || (at > from && !joinedWith(lines, at, open))) return undefined;
    // A second date opens another line of a list or a log, not the rest of this one.
    if (at > from && has(facts, FACT.date) && has(line.facts, FACT.date | FACT.dateFirst)) return undefined;
    text = `${text} ${line.text.trim()}`;
    if (text.length > MAX_ATTRIBUTION_CHARS) return undefined;
    facts = (facts & ~FACT.sentence) | (line.facts & ~(at > from ? FACT.stamp : 0));
    open = isOpen(text);
    const colon = has(line.facts, FACT.colon) || />\s?:$/.test(line.text);
    const closed = isBlankOrEnd(lines[at + 1]) || (lines[at + 1]?.kind === 'quote' && !open);
    if (!colon && (!closed || open || opensBelow(lines, at + 1) || line.kind === 'blank')) continue;
    const quoted = quoteFollows(lines, at + 1);
    return judgeAttribution(lines, from, at + 1, { text, facts, colon, quoted });
  }
  return undefined;
}

// ---- all of them ---------------------------------------------------------------------------------------------

/** The opening that starts at line `at`, if one does. The line must be neither blank, quoted nor code. */
export function findIntro(lines: readonly Line[], at: number): Intro | undefined {
  const line = lines[at];
  if (line === undefined) return undefined;
  const first = line.text.trimStart().charAt(0);
  if (/[-_=*~#+>—–]/u.test(first)) {
    const framed = matchFrame(lines, at);
    if (framed !== undefined) return framed;
    if (isRule(line.text)) return matchHeaders(lines, at);
  }
  if ((line.facts & (FACT.label | FACT.colon)) !== 0) {
    const headed = matchForward(lines, at) ?? matchHeaders(lines, at);
    if (headed !== undefined) return headed;
  }
  return matchAttribution(lines, at);
}
