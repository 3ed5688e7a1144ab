/**
 * Openings that the markup of an HTML mail names: a client's line above the quote, a container in which a quote stands.
 *
 * Contract: a container opens nothing by itself, its attribution does; what stands above that was typed.
 */
import { FACT } from './evidence.ts';
import { findIntro } from './intro.ts';
import type { Line } from './lines.ts';
import { has, type Intro, isRule, nextContent, type View } from './view.ts';

/** How many lines an opening may have above its quote. */
export const MAX_MARKED = 8;

/** Tells whether the markup opens a quote at the line. */
export const opensQuote = (line: Line | undefined): boolean =>
  line?.hint === 'intro' || line?.hint === 'container';

/** Matches an opening that the mail's markup names: here, or under the rule that is here. */
export function markupIntro(view: View, at: number): Intro | undefined {
  const { lines } = view;
  const line = lines[at];
  if (line === undefined) return undefined;
  if (line.hint === 'forward') return { kind: 'forward', end: at + 1, strong: true, signs: [] };
  const below = lines[nextContent(lines, at + 1) ?? -1]?.hint;
  const hint = line.hint ?? (below !== undefined && isRule(line.text) ? below : undefined);
  if (hint !== 'intro' && hint !== 'container') return undefined;
  const found = findIntro(view, at);
  if (found?.kind === 'forward') return found;
  if (found !== undefined) return { ...found, strong: true, signs: [...found.signs, 'markup'] };
  if (hint === 'container' && (announcedWithin(view, at) || isTyped(lines, at))) return undefined;
  for (let end = at + 1; end < at + MAX_MARKED && end < lines.length; end += 1) {
    if (lines[end]?.kind === 'quote') return { kind: 'attribution', end, strong: true, signs: ['markup'] };
  }
  if (hint === 'container') return undefined;
  return { kind: 'attribution', end: at + 1, strong: true, signs: ['markup', 'lines-below'] };
}

/** Tells whether an attribution of its own stands further down in the container that opens at line `from`. */
function announcedWithin(view: View, from: number): boolean {
  for (let at = from + 1; at < from + MAX_MARKED; at += 1) {
    const line = view.lines[at];
    if (line === undefined || line.kind === 'quote') return false;
    if (line.kind === 'text' && (line.hint === 'intro' || findIntro(view, at)?.strong === true)) return true;
  }
  return false;
}

/** Tells whether what stands above the quote in a container is more than a line that could announce it. */
function isTyped(lines: readonly Line[], from: number): boolean {
  let count = 0;
  for (let at = from; at < from + MAX_MARKED; at += 1) {
    const line = lines[at];
    if (line === undefined || line.kind === 'quote') break;
    if (line.kind === 'blank') continue;
    count += 1;
    if (has(line.facts, FACT.sentence) || line.text.length > 120) return true;
  }
  return count > 2;
}
