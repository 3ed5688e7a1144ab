/**
 * Which post of a digest each part of a reply answers.
 *
 * A digest is a notification about several posts, each with a label. `>>2` or `>>LABEL` on a line of its own says that the
 * text below answers that post; without it text answers the post whose label is quoted nearest above. Contract: every
 * typed line is in exactly one part, or all is unclear: no text is posted where it may not belong. Text above every label
 * goes with the one post that can be meant. Quotes stay in a part where they stand between its answers.
 * Limits: linear in lines times labels.
 */
import { findCode } from './code.ts';
import type { Judgement } from './judge.ts';

/** A line of a reply, in its order; `plain` is what people read, `text` is what is posted, with its line end. */
export interface JudgedLine {
  readonly kind: 'typed' | 'quote' | 'signature';
  /** Whether the reply shows it: what is typed, and quotes between answers. */
  readonly isShown: boolean;
  readonly plain: string;
  readonly text: string;
}

/** Makes lines with their verdicts; what a kept quote has, its attribution included, is a quote. */
export function judgedLines(
  lines: readonly { readonly plain: string; readonly text: string }[],
  { verdicts, kept }: Judgement,
): JudgedLine[] {
  const judged = lines.map(({ plain, text }, at): JudgedLine => {
    const verdict = verdicts[at] ?? 'reply';
    const kind = verdict === 'reply' ? 'typed' : verdict === 'quoted' ? 'quote' : 'signature';
    return { kind, isShown: verdict === 'reply', plain, text };
  });
  for (const { from, to } of kept) {
    for (let at = from; at < to; at += 1) {
      const line = judged[at];
      if (line !== undefined) judged[at] = { ...line, kind: 'quote' };
    }
  }
  return judged;
}

/** The answer to one post. */
export interface DigestPart {
  /** The place of the post in the digest, from 1. */
  readonly post: number;
  /** What was typed; empty where files alone are sent to the post. */
  readonly text: string;
  /** The lines of the digest that stood by it. */
  readonly quoted: string;
}

/** The parts in the order of the mail, or why it is unclear. */
export type Parted =
  | { readonly kind: 'parted'; readonly parts: readonly DigestPart[] }
  | { readonly kind: 'unclear'; readonly why: string };

const MARKER = /^[\s\u00a0]{0,3}>>([ \u00a0]?)(\S.{0,99}?)[\s\u00a0]*$/u;
const NUMBER = /^\d{1,3}$/;
/** Words of ASCII with single blanks between them: nothing in them is folded. */
const PLAIN = /^[!-~]*(?: [!-~]+)*$/;
const fold = (text: string): string =>
  PLAIN.test(text) ? text : text.normalize('NFC').replace(/\s+/gu, ' ').trim();
const lower = (text: string): string => fold(text).toLowerCase();

/**
 * Gives the post that a marker names, `none` for a number without a post; undefined for a line that is no marker. The
 * labels are folded, in lower case.
 */
function namedBy(line: string, labels: readonly string[]): number | 'none' | undefined {
  const given = MARKER.exec(line)?.[2];
  if (given === undefined) return undefined;
  const names = [lower(given), lower(given).replace(/\s?[:.]$/, '')];
  const place = labels.findIndex((label) => names.includes(label)) + 1;
  if (place > 0) return place;
  const number = names.find((name) => NUMBER.test(name));
  if (number === undefined) return undefined;
  return Number(number) >= 1 && Number(number) <= labels.length ? Number(number) : 'none';
}

/** Marks the lines that switch to a post; what looks so within a quote of a quote is none, nor is code. */
export function findMarkers(lines: readonly string[], labels: readonly string[]): boolean[] {
  const code = findCode(lines);
  const names = labels.map(lower);
  const isOne = lines.map((line, at) => code[at] !== true && namedBy(line, names) !== undefined);
  return lines.map((line, at) => {
    if (isOne[at] !== true) return false;
    const quoted = MARKER.exec(line)?.[1] === '' ? /^\s{0,3}>>/ : /^\s{0,3}>/;
    const isQuote = (other: number): boolean => isOne[other] === false && quoted.test(lines[other] ?? '');
    return !isQuote(at - 1) && !isQuote(at + 1);
  });
}

// ---- Headings ---------------------------------------------------------------------------------------------------

/** What may stand before a label that begins its line: marks, and the number of a list. */
const LEAD = /^[^\p{L}\p{N}]*(?:\d{1,3}[^\p{L}\p{N}]{1,4})?$/u;
const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');

/** Makes a pattern that finds labels, the longest first, where no longer name holds them. */
function patternOf(labels: readonly string[]): RegExp {
  const word = String.raw`[\p{L}\p{N}_]`;
  const within = String.raw`${word}[-/.#]`;
  const longestFirst = [...labels].sort((a, b) => b.length - a.length).map(escaped);
  return new RegExp(
    String.raw`(?<!${word}|${within})(?:${longestFirst.join('|')})(?!${word}|[-/.#]${word})`,
    'gu',
  );
}

interface Found {
  readonly post: number;
  /** Whether the line begins with it. */
  readonly isFirst: boolean;
}

/** Finds the labels that a quoted line holds, each once. */
function labelsIn(plain: string, labels: readonly string[], pattern: RegExp): Found[] {
  const line = fold(plain);
  const found = new Map<number, Found>();
  for (const { index, 0: label } of line.matchAll(pattern)) {
    const post = labels.indexOf(label) + 1;
    if (!found.has(post)) found.set(post, { post, isFirst: LEAD.test(line.slice(0, index)) });
  }
  return [...found.values()];
}

/**
 * Finds for each line the post whose label it bears. A line that begins with a label is its post's. Where no line does,
 * the first that holds the label and no other is: what comes later only speaks of it.
 */
function findHeadings(lines: readonly JudgedLine[], labels: readonly string[]): (number | undefined)[] {
  const sought = labels.map(fold);
  const pattern = patternOf(sought);
  const found = lines.map(({ kind, plain }) => (kind === 'quote' ? labelsIn(plain, sought, pattern) : []));
  const begun = new Set(
    found.flatMap((each) => each.filter(({ isFirst }) => isFirst).map(({ post }) => post)),
  );
  const seen = new Set<number>();
  return found.map((each) => {
    const first = each.find(({ isFirst }) => isFirst);
    if (first !== undefined) return first.post;
    const [only] = each;
    if (only === undefined || each.length > 1 || begun.has(only.post) || seen.has(only.post))
      return undefined;
    seen.add(only.post);
    return only.post;
  });
}

// ---- Parts ------------------------------------------------------------------------------------------------------

/** The part of one post as it grows. */
interface Growing {
  text: string;
  quoted: string;
  /** Quotes since the last typed line, which stay if another one follows. */
  between: string;
}

/** The walk over the lines. */
class Parting {
  /** In the order in which they were first typed. */
  readonly answered = new Map<number, Growing>();
  /** The posts that a marker named, and those whose label is quoted. */
  readonly marked = new Set<number>();
  readonly quoted = new Set<number>();
  leading = '';
  why: string | undefined;
  #current: number | undefined;
  readonly #quotes = new Map<number, string>();
  #isBlankMarker = false;

  /** Switches to the post that a marker names. */
  mark(post: number | 'none', line: string): void {
    if (post === 'none') this.why ??= `"${line.trim()}" names no post`;
    this.endMarker();
    this.#enter(post === 'none' ? undefined : post);
    if (post !== 'none') this.marked.add(post);
    this.#isBlankMarker = true;
  }

  /** Sees that below the last marker something was typed. */
  endMarker(): void {
    if (this.#isBlankMarker) this.why ??= 'nothing stands below a line that names a post';
    this.#isBlankMarker = false;
  }

  type(text: string): void {
    const isBlank = text.trim() === '';
    if (!isBlank) this.#isBlankMarker = false;
    if (this.#current === undefined) {
      this.leading += text;
      return;
    }
    const part = this.answered.get(this.#current);
    if (part === undefined && isBlank) return;
    if (part === undefined) this.answered.set(this.#current, { text, quoted: '', between: '' });
    else if (isBlank) part.between += text;
    else {
      part.text = joined(part.text, part.between + text);
      part.between = '';
    }
  }

  quote(line: JudgedLine, heading: number | undefined): void {
    if (heading !== undefined) {
      this.quoted.add(heading);
      this.#enter(heading);
    }
    if (this.#current === undefined) return;
    const part = this.answered.get(this.#current);
    if (heading === undefined && line.isShown && part !== undefined) part.between += line.text;
    else this.#quotes.set(this.#current, (this.#quotes.get(this.#current) ?? '') + line.text);
  }

  /** Gives what was quoted by a post. */
  quotedBy(post: number): string {
    return (this.#quotes.get(post) ?? '') + (this.answered.get(post)?.quoted ?? '');
  }

  /** Ends the part of the current post: quotes with nothing typed after them leave its text. */
  leave(): void {
    const left = this.#current === undefined ? undefined : this.answered.get(this.#current);
    if (left === undefined) return;
    left.quoted += left.between.trim() === '' ? '' : left.between;
    left.between = '';
  }

  #enter(post: number | undefined): void {
    this.leave();
    this.#current = post;
    const back = post === undefined ? undefined : this.answered.get(post);
    // What is added later begins a paragraph of its own.
    if (back !== undefined) back.between = '\n';
  }
}

const joined = (text: string, more: string): string => (text.endsWith('\n') ? text : `${text}\n`) + more;

/** Removes blank lines at both ends; the indent of the first line stays. */
const trimmed = (text: string): string => text.replace(/^(?:[^\S\n]*\n)+/, '').trimEnd();

/** Parts a reply by the posts that it answers; `labels` are theirs in the order of the digest. */
export function partDigest(lines: readonly JudgedLine[], labels: readonly string[]): Parted {
  const typed = lines.map(({ kind, text }) => (kind === 'typed' ? text : ''));
  const code = findCode(typed);
  const names = labels.map(lower);
  const headings = findHeadings(lines, labels);
  const parting = new Parting();
  lines.forEach((line, at) => {
    if (line.kind === 'signature') return;
    if (line.kind === 'quote') {
      parting.quote(line, headings[at]);
      return;
    }
    const post = code[at] === true ? undefined : namedBy(line.plain, names);
    if (post === undefined) parting.type(line.text);
    else parting.mark(post, line.plain);
  });
  parting.leave();
  return endOf(parting, lines, labels.length);
}

/** Decides on what stands above every label, and whether all is clear. */
function endOf(parting: Parting, lines: readonly JudgedLine[], count: number): Parted {
  const { answered, marked, quoted } = parting;
  const leading = trimmed(parting.leading);
  if (answered.size === 0 && leading === '') return onlyFiles(parting);
  parting.endMarker();
  if (parting.why !== undefined) return { kind: 'unclear', why: parting.why };
  if (leading === '' && marked.size === 0 && quoted.size === count && isBelowAll(lines)) {
    return { kind: 'unclear', why: 'the text stands below the whole digest' };
  }
  const texts = new Map([...answered].map(([post, { text }]) => [post, trimmed(text)]));
  if (leading !== '') {
    const meant = answered.size > 0 ? [...answered.keys()] : [...quoted];
    const [only] = meant;
    if (only === undefined || meant.length > 1) {
      const why =
        only === undefined
          ? 'no label stands in the reply'
          : 'a text stands above the labels of several posts';
      return { kind: 'unclear', why };
    }
    texts.set(only, [leading, texts.get(only) ?? ''].filter((text) => text !== '').join('\n\n'));
  }
  const parts = [...texts].map(([post, text]) => ({ post, text, quoted: trimmed(parting.quotedBy(post)) }));
  return { kind: 'parted', parts };
}

/** Decides on a mail without text: its files are for the one post that is named, or whose label alone is quoted. */
function onlyFiles({ marked, quoted, why }: Parting): Parted {
  if (why !== undefined) return { kind: 'unclear', why };
  const meant = [...(marked.size > 0 ? marked : quoted)];
  const [post] = meant;
  if (post === undefined || meant.length > 1)
    return { kind: 'unclear', why: 'nothing says which post it is for' };
  return { kind: 'parted', parts: [{ post, text: '', quoted: '' }] };
}

/** Tells whether all that was typed stands below the last quoted line. */
function isBelowAll(lines: readonly JudgedLine[]): boolean {
  const first = lines.findIndex(({ kind, text }) => kind === 'typed' && text.trim() !== '');
  return first > lines.findLastIndex(({ kind }) => kind === 'quote');
}
