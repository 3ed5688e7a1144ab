/**
 * Lines of a reply that stand in the original, as is known of it.
 *
 * Contract: `markStanding` says of each line that has words whether it stands in a known original (`known`) or not at all
 * (`foreign`); in doubt it says nothing. Runs of known lines without marks, where the mail holds most of an original so, are
 * a quote (`quote`): the rules for quotes then judge them. A line of the original here and there is the writer's, who may
 * say the same. Where nothing else is in the mail nothing is a quote.
 * Limits: each line is visited a bounded number of times.
 */
import { FACT } from './evidence.ts';
import type { KnownOriginal } from './known.ts';
import type { Line, LineHint, LineKind, Standing } from './lines.ts';
import type { Cover, Covered } from './sketch.ts';

/** Half of a line's words may be edited. */
const LEAST_COVER = 0.5;
/** A line shorter than this may be said by anybody: it must go on from one that stands in the original. */
const SHORT_WORDS = 6;
/** A run shorter than this says nothing, unless it is all of an original. */
const LEAST_RUN_WORDS = 5;
/** So much of an original must stand without marks. */
const LEAST_SHARE = 0.5;

/** A line with what is known of it. */
class StandingLine implements Line {
  readonly raw: string;
  readonly text: string;
  readonly kind: LineKind;
  readonly hint: LineHint | undefined;
  readonly standing: Standing;
  readonly #line: Line;

  constructor(line: Line, standing: Standing) {
    this.raw = line.raw;
    this.text = line.text;
    this.kind = standing === 'quote' ? 'quote' : line.kind;
    this.hint = line.hint;
    this.standing = standing;
    this.#line = line;
  }

  get facts(): number {
    if (this.kind === this.#line.kind) return this.#line.facts;
    return this.text.endsWith(':') ? FACT.colon : 0;
  }
}

/** Rules, dots and marks of quotes: what a line without words has in an original. */
const BARE = /^[\s\p{Pd}_=*~#|.<>]+$/u;

/** Tells whether a line goes on from one above or below as in an original, or is all of one. */
const isTied = ({ joinsAbove, joinsBelow, isWhole }: Cover): boolean => joinsAbove || joinsBelow || isWhole;

function standingOf(cover: Cover): 'known' | 'foreign' | undefined {
  const { words, known, isWhole } = cover;
  if (isWhole) return 'known';
  if (words === 0) return undefined;
  if (known === 0) return 'foreign';
  if (known < words * LEAST_COVER) return undefined;
  return isTied(cover) || words >= SHORT_WORDS || known === words ? 'known' : undefined;
}

const isOpen = (line: Line | undefined): boolean => line?.kind === 'text' || line?.kind === 'code';

/** A run of lines without marks that stand in the original, those between them included. */
interface OpenRun {
  readonly from: number;
  to: number;
  words: number;
  /** A line of it belongs to a marked one beside it, which stands in the original as well. */
  beside: boolean;
}

/** Tells whether a run may begin here: above a short line may stand anything that ends in its words. */
const mayBegin = ({ words, known, joinsBelow, isWhole }: Cover, share: number): boolean =>
  words >= SHORT_WORDS || joinsBelow || (share === 1 && (isWhole || known === words));

/** Collects the runs. */
class OpenRuns {
  readonly runs: OpenRun[] = [];
  readonly #lines: readonly Line[];
  readonly #covers: readonly Cover[];
  readonly #share: number;
  #last: OpenRun | undefined;

  constructor(lines: readonly Line[], { lines: covers, share }: Covered) {
    this.#lines = lines;
    this.#covers = covers;
    this.#share = share;
    lines.forEach((line, at) => {
      if (line.kind !== 'blank') this.#take(line, at);
    });
  }

  #take(line: Line, at: number): void {
    const cover = this.#covers[at];
    if (cover === undefined || !isOpen(line)) this.#last = undefined;
    else if (this.#last === undefined) this.#begin(cover, at);
    else this.#goOn(this.#last, cover, at);
  }

  #begin(cover: Cover, at: number): void {
    if (standingOf(cover) !== 'known') return;
    const beside = this.#isBeside(cover, at);
    if (!beside && !mayBegin(cover, this.#share)) return;
    this.#last = { from: at, to: at + 1, words: cover.known, beside };
    this.runs.push(this.#last);
  }

  /** Lets the run take the line, where it stands in the original or is between lines that do; or ends the run. */
  #goOn(run: OpenRun, cover: Cover, at: number): void {
    if (standingOf(cover) === 'known' || (cover.words === 0 && BARE.test(this.#lines[at]?.text ?? ''))) {
      run.to = at + 1;
      run.words += cover.known;
      run.beside ||= this.#isBeside(cover, at);
    } else if (!isTied(cover)) {
      this.#last = undefined;
      this.#begin(cover, at);
    }
  }

  /** Tells whether the line goes on from a marked line above, or a marked one below from it. */
  #isBeside({ joinsAbove, joinsBelow }: Cover, at: number): boolean {
    return (
      (joinsAbove && this.#lines[at - 1]?.kind === 'quote') ||
      (joinsBelow && this.#lines[at + 1]?.kind === 'quote')
    );
  }
}

/** Says of each line what is known of it, and makes quotes of the runs that are. */
export function markStanding(lines: readonly Line[], known: KnownOriginal): readonly Line[] {
  const { sketches } = known;
  if (sketches === undefined || known.isForward('')) return lines;
  const open = (at: number): boolean => isOpen(lines[at]);
  const covered = sketches.cover(
    lines.map(({ raw }) => raw),
    open,
  );
  const { lines: covers, share } = covered;
  const isWhole = share >= LEAST_SHARE;
  const runs = new OpenRuns(lines, covered).runs.filter(
    ({ words, beside }) => beside || (isWhole && (words >= LEAST_RUN_WORDS || share === 1)),
  );
  const quoted = new Uint8Array(lines.length);
  for (const { from, to } of runs) quoted.fill(1, from, to);
  const isOther = (line: Line, at: number): boolean =>
    isOpen(line) && quoted[at] === 0 && (covers[at]?.words ?? 0) > 0;
  const hasOther = lines.some(isOther);
  return lines.map((line, at) => {
    const cover = covers[at];
    if (cover === undefined || line.kind === 'blank') return line;
    if (quoted[at] === 1 && isOpen(line) && hasOther) return new StandingLine(line, 'quote');
    const standing = standingOf(cover);
    return standing === undefined ? line : new StandingLine(line, standing);
  });
}
