/**
 * What the writer of a plain-text reply typed, apart from the original and the signature.
 *
 * Contract: `splitReply` gives segments in order whose texts, joined, are exactly the input: nothing typed is lost,
 * it is at worst in another part. `extractReply` gives the three parts, trimmed of outer blank lines. Form decides,
 * in every language and script; see judge.ts for the rules and intro.ts for what announces an original.
 * Failure: none; any text has a reply, if an empty one.
 * Limits: the time is linear in the length of the text for every input.
 */
import { findCode } from './code.ts';
import { findMarkers, type JudgedLine, judgedLines } from './digest.ts';
import { FACT, findDate } from './evidence.ts';
import { judgeLines, type LinePart } from './judge.ts';
import { type Known, prepareKnown } from './known.ts';
import { cutLines, type Line, makeLine } from './lines.ts';
import type { Cut } from './signs.ts';

/** A stretch of the text and what it is; the text is exact, line ends included. */
export interface Segment {
  readonly kind: LinePart;
  readonly text: string;
}

/** The three parts of a reply, each without blank lines around it, and what speaks for each stretch that was cut. */
export interface ExtractedReply {
  readonly reply: string;
  readonly quoted: string;
  readonly signature: string;
  readonly cuts: readonly Cut[];
  /** All lines in their order; only of a reply to a digest. */
  readonly lines?: readonly JudgedLine[] | undefined;
}

// A lead of two letters, as "On" or "Am", and perhaps a weekday and a month, before the first number of a date.
const LEAD = /(?:^|[\s-])(\p{Lu}\p{L})\s(?:\p{L}+\.?,?\s){0,2}$/u;

const PREPOSITION = /^(?:on|am|le|el|il|op|em|en)$/i;

/**
 * Tells whether the two letters before a date end a name, as in "Li Wu schrieb am 05.03.24 um 14:07:". Then names
 * stand above them, and behind the time nobody is named.
 */
function isSurname(before: string, lead: string, raw: string): boolean {
  const names = before.trim().split(/\s+/);
  if (names.length > 3 || names.some((word) => /^["'(]?\p{Ll}/u.test(word) || /[.!?,;:]$/.test(word)))
    return false;
  const rest = raw.slice(raw.search(/\D*$/)).trim();
  return !/@|,|\p{Lu}\p{Ll}/u.test(rest) && rest.split(/\s+/).length <= (PREPOSITION.test(lead) ? 1 : 3);
}

/**
 * Finds the offset at which an attribution begins in a line whose first words were typed, or 0. Some clients put no
 * line end before it ("reply On Wed, Apr 4, 2012 at 3:59 PM, bob@example.com wrote:").
 */
function sharedAt(line: Line, next: string | undefined): number {
  const { raw } = line;
  if (next?.startsWith('>') !== true || raw.length > 400 || !line.text.endsWith(':')) return 0;
  if ((line.facts & FACT.date) === 0 || line.text !== raw.trimEnd()) return 0;
  const before = raw.slice(0, findDate(raw));
  const lead = LEAD.exec(before);
  if (lead === null || lead.index === 0 || isSurname(before.slice(0, lead.index), lead[1] ?? '', raw))
    return 0;
  return lead.index + (raw[lead.index]?.trim() === '' ? 1 : 0);
}

/** An attribution that the original follows on the same line: `On 5 March 2024, Ann <ann@ex.example> wrote:Which?` */
const FOLLOWED = /^.{10,200}[>)\]]\s\p{L}[\p{L}\p{M}]{2,20}(?:\([^)]{1,6}\))?:(?=[^\s/])/u;

/** Finds the offset at which the original begins on the line of its attribution, or 0. */
function followedAt(raw: string): number {
  if (raw.length > 4000 || !raw.includes('@') || !/[>)\]]\s[^\n]{3,60}:[^\s/]/.test(raw)) return 0;
  const end = FOLLOWED.exec(raw.slice(0, 260))?.[0].length ?? 0;
  if (end === 0) return 0;
  const facts = makeLine(raw.slice(0, end), false).facts;
  const wanted = FACT.date | FACT.address | FACT.dateFirst;
  return (facts & wanted) === wanted ? end : 0;
}

/**
 * Cuts the text into lines, and lines that an attribution shares with typed words into two. A line that names a post of a
 * digest is judged as little as code.
 */
function readLines(text: string, labels: readonly string[] | undefined): Line[] {
  const raws = cutLines(text);
  const markers = labels === undefined ? [] : findMarkers(raws, labels);
  const code = findCode(raws).map((isCode, at) => isCode || markers[at] === true);
  const lines: Line[] = [];
  raws.forEach((raw, at) => {
    const line = makeLine(raw, code[at] ?? false);
    const cut = line.kind === 'code' ? 0 : sharedAt(line, raws[at + 1]);
    const followed = line.kind === 'code' || cut > 0 ? 0 : followedAt(raw);
    if (cut > 0) splitShared(raw, cut, lines);
    else if (followed > 0)
      lines.push(makeLine(raw.slice(0, followed), false), makeLine(raw.slice(followed), false));
    else lines.push(line);
  });
  return lines;
}

function splitShared(raw: string, cut: number, lines: Line[]): void {
  const dashes = /-{2,}\s*$/.exec(raw.slice(0, cut))?.[0].length ?? 0;
  const own = raw.slice(cut - dashes > 0 ? 0 : cut, cut - dashes);
  lines.push(makeLine(own, false));
  lines.push(makeLine(raw.slice(own.length), false));
}

/**
 * Cuts `text` into typed, quoted and signature stretches; their texts joined are `text`. `known` is what is known of
 * the original.
 */
export function splitReply(text: string, known?: Known): readonly Segment[] {
  return split(text, known).segments;
}

interface Split extends Pick<ExtractedReply, 'cuts' | 'lines'> {
  readonly segments: readonly Segment[];
}

function split(text: string, known: Known | undefined, labels?: readonly string[]): Split {
  const lines = readLines(text, labels);
  const judgement = judgeLines(lines, prepareKnown(known));
  const { verdicts, cuts } = judgement;
  const segments: Segment[] = [];
  let [from, to] = [0, 0];
  lines.forEach(({ raw }, at) => {
    const kind = verdicts[at] ?? 'reply';
    to += raw.length;
    if (kind === verdicts[at + 1]) return;
    segments.push({ kind, text: text.slice(from, to) });
    from = to;
  });
  if (labels === undefined) return { segments, cuts };
  const read = lines.map(({ raw }) => ({
    plain: raw.trimEnd(),
    text: raw.endsWith('\n') ? raw : `${raw}\n`,
  }));
  return { segments, cuts, lines: judgedLines(read, judgement) };
}

/** Joins the stretches of one kind; where one ends inside a line the next starts on a new one. */
function partOf(segments: readonly Segment[], kind: LinePart): string {
  let [part, gap] = ['', ''];
  for (const segment of segments) {
    if (segment.kind !== kind) continue;
    part += gap + segment.text;
    gap = segment.text.endsWith('\n') ? '' : '\n';
  }
  return trimLines(part);
}

/** Removes blank lines at both ends and trailing space; the indent of the first line stays. */
function trimLines(text: string): string {
  const trimmed = text.trimEnd();
  const first = trimmed.length - trimmed.trimStart().length;
  return trimmed.slice(trimmed.lastIndexOf('\n', first) + 1);
}

/**
 * Splits a plain-text reply into what was typed, what is quoted and the signature; `known` is what is known of the
 * original, `labels` are those of a digest.
 */
export function extractReply(text: string, known?: Known, labels?: readonly string[]): ExtractedReply {
  const { segments, cuts, lines } = split(text, known, labels);
  return {
    reply: partOf(segments, 'reply'),
    quoted: partOf(segments, 'quoted'),
    signature: partOf(segments, 'signature'),
    cuts,
    ...(lines === undefined ? {} : { lines }),
  };
}
