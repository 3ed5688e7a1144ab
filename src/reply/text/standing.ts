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
import { has, type View } from './view.ts';

/** Half of a line's words may be edited where it goes on from another as in the original. */
const LEAST_COVER = 0.5;
/** Where it does not, hardly one may. */
const LEAST_APART = 0.8;
/** With fewer known words than this a line is the writer's, who uses some in the same order. */
const MOST_FOREIGN = 0.34;
/** A line of fewer words has no hash of its own. */
const SHINGLE_WORDS = 3;
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
const BARE = /^[\s\p{Pd}_=*~#|.:<>[\]]+$/u;

/** Tells whether a line goes on from one above or below as in an original, or is all of one. */
const isTied = ({ joinsAbove, joinsBelow, isWhole }: Cover): boolean => joinsAbove || joinsBelow || isWhole;

function standingOf(cover: Cover): 'known' | 'foreign' | undefined {
  const { words, known, isWhole } = cover;
  if (isWhole) return 'known';
  if (words === 0) return undefined;
  if (cover.isAnswered) return 'foreign';
  const share = known / words;
  if (share < MOST_FOREIGN) return 'foreign';
  const isKnown = isTied(cover) ? share >= LEAST_COVER : share >= LEAST_APART && words >= SHINGLE_WORDS;
  return isKnown ? 'known' : undefined;
}

const isOpen = (line: Line | undefined): boolean => line?.kind === 'text' || line?.kind === 'code';

/** A run of lines without marks that stand in the original, those between them included. */
interface OpenRun {
  readonly from: number;
  to: number;
  words: number;
  /** Its first line with words is firm. */
  isFirm: boolean;
  /** A line of it belongs to a marked one beside it, which stands in the original as well. */
  beside: boolean;
}

/** Tells whether a line is long, or the next one goes on from it: a short one at the top of a run may end what was typed. */
const isFirm = ({ words, joinsBelow }: Cover): boolean => words >= SHORT_WORDS || joinsBelow;

/** Collects the runs. */
class OpenRuns {
  readonly runs: OpenRun[] = [];
  readonly #lines: readonly Line[];
  readonly #covers: readonly Cover[];
  readonly #isDense: boolean;
  #last: OpenRun | undefined;

  constructor(lines: readonly Line[], { lines: covers, isDense }: Covered) {
    this.#lines = lines;
    this.#covers = covers;
    this.#isDense = isDense;
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
    let from = at;
    while (isOpen(this.#lines[from - 1]) && BARE.test(this.#lines[from - 1]?.text ?? '')) from -= 1;
    const beside = this.#isBeside(cover, at);
    this.#last = { from, to: at + 1, words: cover.known, isFirm: isFirm(cover), beside };
    this.runs.push(this.#last);
  }

  /** Lets the run take the line, where it stands in the original or is between lines that do; or ends the run. */
  #goOn(run: OpenRun, cover: Cover, at: number): void {
    const standing = standingOf(cover);
    if (this.#isInserted(run, cover)) {
      this.#last = undefined;
      if (run.words < LEAST_RUN_WORDS) this.#begin(cover, at);
      return;
    }
    const isNext =
      standing === 'known' && (run.isFirm || cover.joinsAbove || cover.isWhole || run.words === 0);
    if (isNext || (cover.words === 0 && BARE.test(this.#lines[at]?.text ?? ''))) {
      if (run.words === 0) run.isFirm = isFirm(cover);
      run.to = at + 1;
      run.words += cover.known;
      run.beside ||= this.#isBeside(cover, at);
    } else if (standing !== undefined || !isTied(cover)) {
      this.#last = undefined;
      this.#begin(cover, at);
    }
  }

  /**
   * Tells whether a short line stands where the original has another: who is asked "In black or in brass?" answers "In brass.",
   * and says no word that the original does not. One with another word, from which the next line goes on, was edited.
   */
  #isInserted({ to }: OpenRun, { words, known, joinsAbove, joinsBelow, isWhole }: Cover): boolean {
    const above = this.#covers[to - 1];
    if (!this.#isDense || above === undefined || joinsAbove || isWhole || known === 0) return false;
    if (joinsBelow && known < words) return false;
    return words < SHORT_WORDS && above.words > 0 && above.known === above.words && !above.joinsBelow;
  }

  /** Tells whether the line goes on from a marked line right above. */
  #isBeside({ joinsAbove }: Cover, at: number): boolean {
    const above = this.#lines[at - 1];
    return joinsAbove && above?.kind === 'quote' && /\p{L}/u.test(above.text);
  }
}

/** Tells whether a run without marks is a quote: the mail has most of the original so, and not a word of it by chance. */
function isQuote(view: View, run: OpenRun, { share, size }: Covered): boolean {
  if (share < LEAST_SHARE) return false;
  const isAll = run.words >= size;
  if (!run.isFirm && !isAll) return false;
  if (run.words >= LEAST_RUN_WORDS) return true;
  // Who answers "Thanks" to "Thanks" has quoted nothing: so little must be announced.
  const above =
    view.lines[run.from - 1]?.kind === 'blank' ? view.lines[run.from - 2] : view.lines[run.from - 1];
  return isAll && above !== undefined && (has(above.facts, FACT.label) || isIntroLike(view, above));
}

const INTRO_FACTS = FACT.date | FACT.time | FACT.address | FACT.colon;
const isIntroLike = ({ known }: View, { facts, text }: Line): boolean =>
  (facts & INTRO_FACTS) !== 0 || known.personIn(text) !== undefined;

/** Says of each line what is known of it, and makes quotes of the runs that are. */
export function markStanding(lines: readonly Line[], known: KnownOriginal): readonly Line[] {
  const { sketches } = known;
  if (sketches === undefined || known.isForward('')) return lines;
  const open = (at: number): boolean => isOpen(lines[at]);
  const covered = sketches.cover(
    lines.map(({ raw }) => raw),
    open,
  );
  const { lines: covers } = covered;
  const runs = new OpenRuns(lines, covered).runs.filter(
    (run) => run.beside || isQuote({ lines, known }, run, covered),
  );
  const quoted = new Uint8Array(lines.length);
  for (const { from, to } of runs) quoted.fill(1, from, to);
  const isOther = (line: Line, at: number): boolean =>
    isOpen(line) && quoted[at] === 0 && (covers[at]?.words ?? 0) > 0;
  const hasOther = lines.some(isOther);
  return lines.map((line, at) => {
    const cover = covers[at];
    if (cover === undefined) return line;
    if (quoted[at] === 1 && line.kind !== 'quote' && hasOther) return new StandingLine(line, 'quote');
    if (line.kind === 'blank') return line;
    const standing = standingOf(cover);
    // Of what quotes something else nothing is known.
    if (standing === 'foreign' && covered.total < LEAST_SHARE) return line;
    return standing === undefined ? line : new StandingLine(line, standing);
  });
}
