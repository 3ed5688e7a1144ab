/**
 * What the rules look at: the lines of a mail and what is known of its original; and the questions that all of them
 * ask of lines.
 */
import type { KnownOriginal } from './known.ts';
import type { Line } from './lines.ts';
import type { Sign } from './signs.ts';

/** The lines, and what is known. */
export interface View {
  readonly lines: readonly Line[];
  readonly known: KnownOriginal;
}

/**
 * An opening: it ends before line `end`. `signs` say what speaks for it; a proven one announces an original that
 * carries no quote marks. A `strong` one announces the quoted run below it, a weak one goes where that goes. A
 * forward is kept, with all after it.
 */
export interface Intro {
  readonly kind: 'attribution' | 'headers' | 'separator' | 'forward';
  readonly end: number;
  readonly strong: boolean;
  readonly signs: readonly Sign[];
}

/**
 * Finds the next line with content at or after `from`; blank lines in a row are one line. Undefined if there is none.
 */
export function nextContent(lines: readonly Line[], from: number): number | undefined {
  const at = lines[from]?.kind === 'blank' ? from + 1 : from;
  return at < lines.length ? at : undefined;
}

/** Tells whether a quoted line follows within a few blank lines. */
export function quoteFollows(lines: readonly Line[], from: number): boolean {
  const next = nextContent(lines, from);
  return next !== undefined && lines[next]?.kind === 'quote';
}

/** Tells whether all of the facts are there. */
export const has = (facts: number, wanted: number): boolean => (facts & wanted) === wanted;
/** Tells whether nothing stands there. */
export const isBlankOrEnd = (line: Line | undefined): boolean => line === undefined || line.kind === 'blank';
/** Tells whether a line is indented as far as Markdown's code. */
export const isIndented = (line: Line | undefined): boolean =>
  line !== undefined && (line.text.startsWith('\t') || line.text.startsWith('    '));
/** Tells whether one mark stands in the text more often than the other. */
export const unbalanced = (text: string, opening: string, closing: string): boolean =>
  text.includes(opening) && text.split(opening).length > text.split(closing).length;
/** Counts the words. */
export const countWords = (text: string): number => text.trim().split(/\s+/).length;
/** Tells whether a line is a rule of dashes, underscores or the like, with nothing else on it. */
export const isRule = (text: string): boolean => /^\s{0,40}([-_=*─━═])(?:\s?\1){2,}\s*$/u.test(text);
/** Tells whether a line stands in the original, as is known of it. */
export const isKnown = (line: Line | undefined): boolean =>
  line?.standing === 'known' || line?.standing === 'quote';
