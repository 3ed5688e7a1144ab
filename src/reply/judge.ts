/**
 * The verdict on every line: typed, quoted or signature.
 *
 * Contract: `judgeLines` gives one verdict for each line, in order. A scan cuts the lines into runs (text, quote,
 * signature, the rest of an unmarked original); then the runs are weighed against each other:
 * - a quote with nothing typed after it goes, and its attribution with it;
 * - answers between quotes keep those quotes, for they make no sense without;
 * - a single announced quote above the answer goes, one that nobody announced was chosen by the writer and stays;
 * - a forwarded message stays, with all that follows.
 * Limits: each line is visited a bounded number of times.
 */
import { FACT } from './evidence.ts';
import { findIntro, type Intro, isRule, nextContent } from './intro.ts';
import { type Line, makeLine } from './lines.ts';
import { quoteEnd } from './quotes.ts';
import { footerStart, isDelimiter, isMobileLine } from './signature.ts';

/** What becomes of a line. */
export type Verdict = 'reply' | 'quoted' | 'signature';

interface Run {
  readonly kind: 'text' | 'quote' | 'original' | 'signature';
  readonly from: number;
  /** The line after the last; it grows while the scan is in the run. */
  to: number;
  /** An attribution, a header block or the mail's own markup announces this quote. */
  readonly announced: boolean;
}

type State = 'text' | 'signature';

/** Two words as names are written: above all else in the mail they say who is quoted. */
const NAME = /\p{Lu}\p{L}+\s\p{Lu}\p{L}+/u;

const isContent = (lines: readonly Line[], run: Run): boolean => {
  for (let at = run.from; at < run.to; at += 1) if (lines[at]?.kind !== 'blank') return true;
  return false;
};

/** Cuts the lines into runs, in one pass. */
class Scan {
  readonly #lines: readonly Line[];
  readonly #runs: Run[] = [];
  #at = 0;
  #state: State = 'text';
  #typed = false;

  constructor(lines: readonly Line[]) {
    this.#lines = lines;
  }

  runs(): Run[] {
    while (this.#at < this.#lines.length) this.#step();
    return this.#runs;
  }

  #step(): void {
    const line = this.#lines[this.#at];
    if (line === undefined || line.kind === 'blank') this.#take(this.#state, this.#at + 1);
    else if (line.kind === 'quote') this.#quote(this.#at, false);
    else if (line.hint === 'signature') this.#takeOne('signature');
    else if (line.kind === 'code') this.#take(this.#state, this.#at + 1);
    else if (!this.#opening()) this.#plain(line);
  }

  /** An opening at this line, taken with the quote or the original that it announces. */
  #opening(): boolean {
    const intro = isMarked(this.#lines, this.#at)
      ? markedIntro(this.#lines, this.#at)
      : findIntro(this.#lines, this.#at);
    if (intro === undefined) return false;
    if (intro.kind === 'forward') {
      this.#state = 'text';
      this.#take('text', this.#lines.length);
      return true;
    }
    const next = nextContent(this.#lines, intro.end);
    if (next !== undefined && this.#lines[next]?.kind === 'quote')
      this.#quote(next, intro.alone || (!this.#typed && NAME.test(this.#lines[this.#at]?.text ?? '')));
    else if (intro.alone) this.#take('original', this.#lines.length);
    else return false;
    return true;
  }

  /** Takes the quote with what led up to it; `led` says whether that was an announcement. */
  #quote(first: number, led: boolean): void {
    const marked = this.#lines[first]?.hint === 'intro';
    const announced = marked || led || startsWithIntro(this.#lines, first);
    this.#push({ kind: 'quote', from: this.#at, to: quoteEnd(this.#lines, first), announced });
    this.#state = 'text';
  }

  #plain(line: Line): void {
    if (isDelimiter(line, this.#lines[this.#at - 1])) {
      this.#state = 'signature';
    } else if (this.#state === 'text' && this.#isMobile(line)) {
      if (!this.#typed) {
        this.#takeOne('signature');
        return;
      }
      this.#state = 'signature';
    }
    this.#take(this.#state, this.#at + 1);
    if (this.#state === 'text') this.#typed = true;
  }

  /** A mobile line stands alone: a blank line, the end or an opening above or below it. */
  #isMobile(line: Line): boolean {
    const above = this.#lines[this.#at - 1];
    const below = this.#lines[this.#at + 1];
    if (below !== undefined && below.kind !== 'blank' && above !== undefined && above.kind !== 'blank')
      return false;
    return isMobileLine(line);
  }

  #takeOne(kind: 'signature'): void {
    this.#push({ kind, from: this.#at, to: this.#at + 1, announced: false });
  }

  #take(kind: Run['kind'], to: number): void {
    this.#push({ kind, from: this.#at, to, announced: false });
  }

  /** Adds a run, melted into the one before when both are text or both signature. */
  #push(run: Run): void {
    const last = this.#runs[this.#runs.length - 1];
    if (last !== undefined && last.kind === run.kind && run.kind !== 'quote') {
      last.to = run.to;
    } else {
      this.#runs.push(run);
    }
    this.#at = run.to;
  }
}

/** Whether the markup opens a quote here, or under the rule that is here. */
function isMarked(lines: readonly Line[], at: number): boolean {
  if (lines[at]?.hint === 'intro') return true;
  if (!isRule(lines[at]?.text ?? '')) return false;
  const next = nextContent(lines, at + 1);
  return next !== undefined && lines[next]?.hint === 'intro';
}

const MAX_MARKED = 8;

/** An opening that the mail's markup names: up to the first quoted line near it, or this line alone. */
function markedIntro(lines: readonly Line[], at: number): Intro {
  const found = findIntro(lines, at);
  if (found !== undefined) return found;
  for (let end = at + 1; end < at + MAX_MARKED && end < lines.length; end += 1) {
    if (lines[end]?.kind === 'quote') return { kind: 'attribution', end, alone: true };
  }
  return { kind: 'attribution', end: at + 1, alone: true };
}

/** Whether the first quoted lines are themselves an attribution, as Apple Mail writes it: `> On … wrote:`. */
function startsWithIntro(lines: readonly Line[], from: number): boolean {
  const inner: Line[] = [];
  for (let at = from; at < from + 5; at += 1) {
    const line = lines[at];
    if (line?.kind !== 'quote') break;
    const text = line.text.replace(/^[\s>＞»]+/, '');
    inner.push(makeLine(text, false));
  }
  inner.push(makeLine('\n', false));
  const first = inner.findIndex((line) => line.kind === 'text');
  return first !== -1 && findIntro(inner, first) !== undefined;
}

/** Splits footers off the last stretches of text, so that they do not count as typed. */
function cutFooters(lines: readonly Line[], runs: readonly Run[]): Run[] {
  const cut = [...runs];
  for (let at = cut.length - 1, seen = 0; at >= 0 && seen < 4; at -= 1) {
    const run = cut[at];
    if (run?.kind !== 'text' || !isContent(lines, run)) continue;
    seen += 1;
    const typedBefore = cut.some(
      (one) => one.kind === 'text' && one.from < run.from && isContent(lines, one),
    );
    const start = footerStart(lines, run.from, run.to, typedBefore);
    if (start === run.to) break;
    const footer: Run = { kind: 'signature', from: start, to: run.to, announced: false };
    cut.splice(at, 1, { ...run, to: start }, footer);
    if (isContent(lines, { ...run, to: start })) break;
  }
  return cut;
}

/** `>>> ` without a shallower line is the prompt of an interpreter, not a quote of a quote of a quote. */
function isPrompt(lines: readonly Line[]): boolean {
  return lines.every((line) => line.kind !== 'quote' || line.text.startsWith('>>> '));
}

/** Whether a run of quoted lines is the writer's own: a citation by its markup, or a session. */
function isOwn(lines: readonly Line[], run: Run): boolean {
  if (run.announced) return false;
  const quoted = lines.slice(run.from, run.to);
  return isPrompt(quoted) || quoted.every((line) => line.kind !== 'quote' || line.hint === 'citation');
}

/**
 * Whether a blockquote without a client's mark at the end is the writer's: its place says so, or the line above
 * leads up to it with a colon.
 */
function isLedUpTo(lines: readonly Line[], run: Run, inside: boolean): boolean {
  if (run.announced) return false;
  const markup = lines
    .slice(run.from, run.to)
    .every(({ kind, hint }) => kind !== 'quote' || hint !== undefined);
  const above = lines[run.from - 1]?.kind === 'blank' ? lines[run.from - 2] : lines[run.from - 1];
  return markup && (inside || (above?.kind === 'text' && (above.facts & FACT.colon) !== 0));
}

/** Which quotes stay, by the rules at the head of this file. */
function keptQuotes(lines: readonly Line[], runs: readonly Run[]): ReadonlySet<Run> {
  const typed = runs.filter((run) => run.kind === 'text' && isContent(lines, run));
  const last = typed.at(-1);
  const quotes = runs.filter((run) => run.kind === 'quote');
  // What stands between the reply and an announced original belongs to the reply, as does all there is.
  const original = quotes.findLast((run) => run.announced);
  const inside = (run: Run): boolean =>
    last === undefined || (original !== undefined && run.from < original.from);
  const own = (run: Run): boolean => isOwn(lines, run) || isLedUpTo(lines, run, inside(run));
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

/** The verdict on each line. */
export function judgeLines(lines: readonly Line[]): Verdict[] {
  const runs = cutFooters(lines, new Scan(lines).runs());
  const kept = keptQuotes(lines, runs);
  const verdicts = new Array<Verdict>(lines.length).fill('reply');
  for (const run of runs) {
    if (run.kind === 'text' || kept.has(run)) continue;
    verdicts.fill(run.kind === 'signature' ? 'signature' : 'quoted', run.from, run.to);
  }
  return verdicts;
}
