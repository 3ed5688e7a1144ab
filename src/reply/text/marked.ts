/**
 * Quoted lines that something announces: an attribution above them, or one within their first lines.
 *
 * Limits: of a mail the last three quoted runs are looked at.
 */
import { FACT } from './evidence.ts';
import { findIntro } from './intro.ts';
import type { KnownOriginal } from './known.ts';
import type { Line } from './lines.ts';
import { MAX_MARKED, opensQuote } from './markup-intro.ts';
import { innerLines } from './quotes.ts';
import { isProven } from './signs.ts';
import { has, type Intro, nextContent, type View } from './view.ts';

/** Tells whether the first quoted lines are themselves an attribution, as Apple Mail writes it: `> On … wrote:`. */
export function startsWithIntro(
  lines: readonly Line[],
  from: number,
  known: KnownOriginal,
): Intro['kind'] | undefined {
  const inner = innerLines(lines, from);
  const first = inner.findIndex((line) => line.kind === 'text');
  if (first === -1) return undefined;
  const intro = findIntro({ lines: inner, known }, first);
  return intro !== undefined && (intro.kind === 'forward' || isProven(intro.signs)) ? intro.kind : undefined;
}

/** Finds where the last quoted run begins that something announces, or -1. */
export function lastMarked(view: View): number {
  const { lines, known } = view;
  let at = lines.length - 1;
  for (let runs = 0; runs < 3; runs += 1) {
    while (at >= 0 && lines[at]?.kind !== 'quote') at -= 1;
    if (at < 0) return -1;
    const end = at;
    while (at > 0 && isWithin(lines, at - 1)) at -= 1;
    // `> wrote:` alone is the rest of an address in brackets, wrapped.
    if (at === end && has(lines[at]?.facts ?? 0, FACT.colon)) {
      at -= 1;
      continue;
    }
    if (opensQuote(lines[at]) || startsWithIntro(lines, at, known) !== undefined || announcedAbove(view, at))
      return at;
    at -= 1;
  }
  return -1;
}

/** Tells whether the line, or the one above a blank one, is quoted. */
const isWithin = (lines: readonly Line[], at: number): boolean =>
  lines[at]?.kind === 'quote' || (lines[at]?.kind === 'blank' && lines[at - 1]?.kind === 'quote');

function announcedAbove(view: View, quote: number): boolean {
  for (let at = quote - 1; at >= Math.max(0, quote - MAX_MARKED); at -= 1) {
    const line = view.lines[at];
    if (line?.kind === 'blank') continue;
    if (line?.kind !== 'text') return false;
    const intro = findIntro(view, at);
    if (intro?.strong === true && nextContent(view.lines, intro.end) === quote) return true;
  }
  return false;
}
