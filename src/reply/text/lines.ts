/**
 * Lines of a text and what can be seen on each of them, looked at once.
 *
 * Contract: the `raw` of all lines, joined, is the text. Every fact is about one line alone; combining lines is
 * the business of intro.ts and signature.ts. A line inside a fence or a diff hunk has no fact but `code`.
 * Limits: facts are read from the first 400 characters, so that the cost of a line is bounded by its length.
 */
import { FACT, readEvidence } from './evidence.ts';

/** The kind of a line before its neighbours are asked. */
export type LineKind = 'blank' | 'quote' | 'code' | 'text';

/**
 * The hint of an HTML mail's tree about a line: it opens a quote (`intro`), or is the first in a container in which
 * somewhere a quote stands (`container`); it opens what is sent on (`forward`); it belongs to a signature; it stands
 * in a blockquote that a client marks as a quote (`cite`), in one that nothing tells apart (`blockquote`), or in one
 * that the writer made (`citation`).
 */
export type LineHint = 'intro' | 'container' | 'forward' | 'signature' | 'cite' | 'blockquote' | 'citation';

/**
 * What is known of a line: it stands in a known original; it carries no marks, and is quoted from one; it stands in none.
 */
export type Standing = 'known' | 'quote' | 'foreign';

/** One line: `raw` with its line end, `text` without it and without marks of direction. */
export interface Line {
  readonly raw: string;
  readonly text: string;
  readonly kind: LineKind;
  readonly facts: number;
  readonly hint?: LineHint | undefined;
  /** Undefined where nothing is known, or too little. */
  readonly standing?: Standing | undefined;
}

const LOOK = 400;
// Marks of direction, and the vowels of Arabic and Hebrew, which some programs write and most leave out.
const INVISIBLE = /[\u00ad\u0591-\u05bd\u061c\u064b-\u0652\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
// A line framed by such marks on both sides, as GroupWise writes it, announces a quote and is none.
const QUOTE = /^\s{0,3}[>＞»](?!>+\s[^>].{0,200}[^>]\s>>+\s*$)/;

/** `ML> text`: some programs put the initials of the quoted before the mark. A prompt looks alike. */
const INITIALS = /^(?!PS>)\p{Lu}{2}>\s\S/u;

// Armenian attributions end with the verb and a stop, a Hebrew one with a colon that was written at the other end.
const STOP = /(\sգր(?:ել է|եց))[.։]$/u;
const COLON_BEFORE = /^:(\p{Script=Hebrew}.*)$/u;

/** Latin, Greek, Cyrillic, Han, kana and Hangul with their usual punctuation: nothing in them is folded. */
const PLAIN =
  /^[\t\x20-\x7e\u00a1-\u00ac\u00ae-\u052f\u2010-\u2027\u3001-\u30ff\u4e00-\u9fff\uac00-\ud7a3]*$/;

/** Removes the marks of direction, folds wide punctuation and foreign digits to their ASCII form. */
export function foldLine(line: string): string {
  const head = (line.length > LOOK ? line.slice(0, LOOK) : line).trimEnd();
  if (PLAIN.test(head)) return head;
  return head
    .replace(INVISIBLE, '')
    .replace(/[\u00a0\u202f\u3000]/g, ' ')
    .replace(/[：﹕︰՝׃፦៖]/g, ':')
    .replace(/(?![0-9])\p{Nd}/gu, '1')
    .trimEnd()
    .replace(STOP, '$1:')
    .replace(COLON_BEFORE, '$1:');
}

/** Tells what a folded line is. */
function kindOf(text: string): LineKind {
  if (text === '') return 'blank';
  return QUOTE.test(text) || INITIALS.test(text) ? 'quote' : 'text';
}

/** A line that reads its facts when they are first asked for: below an opening most lines never are. */
class LazyLine implements Line {
  readonly raw: string;
  readonly text: string;
  readonly kind: LineKind;
  readonly hint: LineHint | undefined;
  #facts = -1;

  constructor(raw: string, code: boolean, hint: LineHint | undefined) {
    this.raw = raw;
    this.text = foldLine(raw);
    this.kind = code ? 'code' : kindOf(this.text);
    this.hint = hint;
  }

  get facts(): number {
    if (this.#facts < 0) this.#facts = this.#read();
    return this.#facts;
  }

  #read(): number {
    if (this.kind === 'text') return readEvidence(this.text);
    // Of a quoted line only its end matters: it may be the rest of an address that was wrapped ("> wrote:").
    return this.kind === 'quote' && this.text.endsWith(':') ? FACT.colon : 0;
  }
}

/** Makes a line out of its raw form; `hint` comes from a tree, `code` from the fences around it. */
export const makeLine = (raw: string, code: boolean, hint?: LineHint): Line => new LazyLine(raw, code, hint);

/** Lines beyond this number are one piece with the last of them: no reply is that long. */
const MAX_LINES = 20_000;
const BLANKS = /[^\S\n]*\n(?:[^\S\n]*\n)*/y;

/** Cuts a text after every line feed, blank lines in a row together; a lone carriage return ends no line. */
export function cutLines(text: string): string[] {
  const cut: string[] = [];
  let start = 0;
  while (start < text.length && cut.length < MAX_LINES) {
    BLANKS.lastIndex = start;
    const end = BLANKS.test(text) ? BLANKS.lastIndex : text.indexOf('\n', start) + 1;
    if (end === 0) break;
    cut.push(text.slice(start, end));
    start = end;
  }
  if (start < text.length) cut.push(text.slice(start));
  return cut;
}
