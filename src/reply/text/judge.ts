/**
 * The verdict on every line: typed, quoted or signature.
 *
 * Contract: `judgeLines` gives one verdict for each line, in order, and says why for each stretch that is not typed.
 * The runs of scan.ts are weighed against each other: - a quote with nothing typed after it goes, and its attribution
 * with it; - answers between quotes keep those quotes, for they make no sense without; - a single announced quote
 * above the answer goes, one that nobody announced was chosen by the writer and stays; - a forwarded message stays,
 * with all that follows.
 * Limits: each line is visited a bounded number of times.
 */
import { isOwnLead } from './attribution.ts';
import { findFooter } from './footer.ts';
import type { KnownOriginal } from './known.ts';
import type { Line } from './lines.ts';
import { endsInColon, type Run, scanRuns } from './scan.ts';
import type { Cut, Sign } from './signs.ts';
import { markStanding } from './standing.ts';

/** The part of the text that a line belongs to. */
export type LinePart = 'reply' | 'quoted' | 'signature';

/** The verdicts, line by line, the cuts behind them, in the order of the text, and the quotes that stay. */
export interface Judgement {
  readonly verdicts: readonly LinePart[];
  readonly cuts: readonly Cut[];
  readonly kept: readonly Pick<Run, 'from' | 'to'>[];
}

const isContent = (lines: readonly Line[], run: Run): boolean => {
  for (let at = run.from; at < run.to; at += 1) if (lines[at]?.kind !== 'blank') return true;
  return false;
};

/** A run that footers take away. */
interface Footer extends Run {
  readonly footer: true;
}

/** Splits footers off the last stretches of text, so that they do not count as typed. */
function cutFooters(lines: readonly Line[], runs: readonly Run[]): Run[] {
  const cut = [...runs];
  for (let at = cut.length - 1, seen = 0; at >= 0 && seen < 4; at -= 1) {
    const run = cut[at];
    if (run?.kind !== 'text' || !isContent(lines, run)) continue;
    if (run.forward) break;
    seen += 1;
    const typedBefore = cut.some(
      (one) => one.kind === 'text' && one.from < run.from && isContent(lines, one),
    );
    const found = findFooter(lines, run.from, run.to, typedBefore);
    if (found === undefined) break;
    const { start, signs } = found;
    const footer: Footer = { ...run, kind: 'signature', from: start, signs, footer: true };
    cut.splice(at, 1, { ...run, to: start }, footer);
    if (isContent(lines, { ...run, to: start })) break;
  }
  return cut;
}

/**
 * Tells whether lines are a session: `>>> ` without a shallower line is the prompt of an interpreter, not a quote of
 * a quote of a quote.
 */
function isPrompt(lines: readonly Line[]): boolean {
  return lines.every((line) => line.kind !== 'quote' || line.text.startsWith('>>> '));
}

/** Tells whether a run of quoted lines is the writer's own: a citation by its markup, or a session. */
function isOwn(lines: readonly Line[], run: Run): boolean {
  const quoted = lines.slice(run.from, run.to);
  return isPrompt(quoted) || quoted.every((line) => line.kind !== 'quote' || line.hint === 'citation');
}

/** Tells whether markup made all of the quote; `cite` says whether a client's own counts. */
function isMarkup(lines: readonly Line[], run: Run, cite: boolean): boolean {
  return lines.slice(run.from, run.to).every(({ kind, hint }) => {
    if (kind !== 'quote') return true;
    return hint === 'blockquote' || hint === 'citation' || (cite && hint === 'cite');
  });
}

/**
 * Tells whether a quote that nobody announced is the writer's: its place says so, or, for one that markup made, the
 * line above leads up to it with a colon.
 */
function isLedUpTo(lines: readonly Line[], run: Run, inside: boolean): boolean {
  if (inside) return true;
  const markup = isMarkup(lines, run, true);
  const above = lines[run.from - 1]?.kind === 'blank' ? lines[run.from - 2] : lines[run.from - 1];
  return endsInColon(above) ? markup || isOwnLead(above?.text ?? '') : markup && run.led;
}

/** Picks the quotes that stay, by the rules at the head of this file. */
function keptQuotes(lines: readonly Line[], runs: readonly Run[]): ReadonlySet<Run> {
  const quotes = runs.filter((run) => run.kind === 'quote');
  if (quotes.length === 0) return new Set();
  const typed = runs.filter((run) => run.kind === 'text' && isContent(lines, run));
  const last = typed.at(-1);
  // What stands between the reply and an announced original belongs to the reply.
  const original = quotes.findLast((run) => run.announced);
  const marked = (run: Run): boolean => isMarkup(lines, run, false);
  const inside = (run: Run): boolean =>
    (last === undefined && marked(run)) ||
    (original !== undefined &&
      run.from < original.from &&
      (marked(run) || typed.some((one) => one.from < run.from)));
  const own = (run: Run): boolean =>
    !run.announced && (isOwn(lines, run) || isLedUpTo(lines, run, inside(run)));
  const kept = new Set<Run>(quotes.filter(own));
  if (last === undefined) return kept;
  const inner = quotes.filter((run) => run.from < last.from);
  const firstTyped = typed.find((run) => run.from > (quotes[0]?.from ?? 0));
  const interleaved = quotes.some(
    (run) => firstTyped !== undefined && run.from > firstTyped.from && !run.announced,
  );
  for (const run of inner) if (interleaved || !run.announced) kept.add(run);
  return kept;
}

/** Notes what was cut with a run, and why: a quote at the end of all is proven by its place as well. */
function cutOf(run: Run): Cut {
  const signs: Sign[] = run.signs.filter((sign, at) => run.signs.indexOf(sign) === at);
  if (run.kind === 'quote' && signs.length < 2) signs.push('last');
  const what = 'footer' in run ? 'footer' : run.kind === 'text' ? 'original' : run.kind;
  return { what, signs };
}

/** Gives the verdict on each line. */
export function judgeLines(read: readonly Line[], known: KnownOriginal): Judgement {
  const lines = markStanding(read, known);
  const runs = cutFooters(lines, scanRuns({ lines, known }));
  const kept = keptQuotes(lines, runs);
  const verdicts = new Array<LinePart>(lines.length).fill('reply');
  const cuts: Cut[] = [];
  for (const run of runs) {
    if (run.kind === 'text' || kept.has(run)) continue;
    verdicts.fill(run.kind === 'quote' || run.kind === 'original' ? 'quoted' : 'signature', run.from, run.to);
    if (isContent(lines, run)) cuts.push(cutOf(run));
  }
  return { verdicts, cuts, kept: [...kept] };
}
