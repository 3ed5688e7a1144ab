/**
 * The runs of a mail: text, quote, signature, the rest of an unmarked original, each with what speaks for it.
 *
 * Contract: `scanRuns` cuts the lines into runs in order, in one pass. An opening above an original without marks
 * takes the rest only when its signs are proof (signs.ts), and not past an announced original with marks further
 * down, which is then the boundary.
 * Limits: each line is visited a bounded number of times.
 */
import { bannerEnd } from './banner.ts';
import { FACT } from './evidence.ts';
import { findIntro } from './intro.ts';
import type { Line } from './lines.ts';
import { lastMarked, startsWithIntro } from './marked.ts';
import { markupIntro, opensQuote } from './markup-intro.ts';
import { quoteEnd } from './quotes.ts';
import { isDelimiter, isMobileLine, shortDelimiter, speaksOfDevice } from './signature.ts';
import { isProven, type Sign } from './signs.ts';
import { has, type Intro, isBlankOrEnd, isKnown, isRule, nextContent, type View } from './view.ts';

/** A stretch of lines. */
export interface Run {
  readonly kind: 'text' | 'quote' | 'original' | 'signature' | 'banner';
  readonly from: number;
  /** The line after the last; it grows while the scan is in the run. */
  to: number;
  /** An attribution, a header block or the mail's own markup announces this quote. */
  readonly announced: boolean;
  /** It is sent on, with all that follows: no footer is sought in it. */
  readonly forward?: true;
  /** A line that may be the writer's own leads up to this quote. */
  readonly led: boolean;
  readonly signs: readonly Sign[];
}

type State = 'text' | 'signature';

/** Two words as names are written: above all else in the mail they say who is quoted. */
const NAME = /\p{Lu}[\p{L}\p{M}'’.-]+,?\s\p{Lu}[\p{L}'’.-]+/u;
const WHOLE_BLOCK: readonly Sign[] = ['header-block', 'address', 'date', 'time'];
const MAX_BELOW = 40;
/** Lines of a banner, a logo and their like, blank ones included. */
const MAX_HEAD = 12;
const isLinkOrBlank = ({ text }: Line): boolean =>
  !/\p{L}/u.test(text) || /https?:\/\/|\[[^\]]*\]/i.test(text);
/** A frame, fields and an attribution. */
const MAX_OPENINGS = 3;

/** Cuts the lines into runs. */
export const scanRuns = (view: View): Run[] => new Scan(view).runs();

class Scan {
  readonly #view: View;
  readonly #lines: readonly Line[];
  readonly #runs: Run[] = [];
  /** Where the last announced original with marks begins, or -1. */
  #marked: number | undefined;
  #at = 0;
  #state: State = 'text';
  #typed = false;
  /** The first line below a mobile line that was not passed yet: of several such lines each would pass the same. */
  #passedTo = 0;

  constructor(view: View) {
    this.#view = view;
    this.#lines = view.lines;
  }

  runs(): Run[] {
    const banner = bannerEnd(this.#lines);
    if (banner > 0) this.#push('banner', banner, ['banner-words', 'first']);
    while (this.#at < this.#lines.length) this.#step();
    return this.#runs;
  }

  #step(): void {
    const line = this.#lines[this.#at];
    if (line === undefined || line.kind === 'blank') this.#take(this.#state, this.#at + 1);
    else if (line.kind === 'quote') this.#quote(this.#at, undefined);
    else if (line.hint === 'signature') this.#push('signature', this.#at + 1, ['markup', 'lines-below']);
    else if (line.kind === 'code') this.#take(this.#state, this.#at + 1);
    else if (!this.#opening()) this.#plain(line);
  }

  /** Takes an opening at this line, with the quote or the original that it announces. */
  #opening(): boolean {
    const intro = markupIntro(this.#view, this.#at) ?? findIntro(this.#view, this.#at);
    if (intro === undefined) return false;
    if (intro.kind === 'forward') {
      this.#state = 'text';
      this.#forward(this.#lines.length);
      return true;
    }
    const opening = this.#view.known.sketches === undefined ? intro : this.#aboveKnown(intro);
    const next = nextContent(this.#lines, opening.end);
    if (next !== undefined && this.#lines[next]?.kind === 'quote') {
      // Above lines without marks a line that only leads up to them is the writer's own.
      if (!intro.strong && this.#lines[next].standing === 'quote') return false;
      this.#quote(next, opening);
      return true;
    }
    return isProven(intro.signs) && (this.#aboveChanged(opening) || this.#original(intro));
  }

  /**
   * Takes a proven opening that stands above known lines, but not directly: what a filter or a program put at the head of the
   * original goes with it. Where nothing is typed above, it may be the answer.
   */
  #aboveChanged(opening: Intro): boolean {
    if (this.#view.known.sketches === undefined) return false;
    const head = this.#lines.slice(opening.end, opening.end + MAX_HEAD);
    const size = head.findIndex(({ standing }) => standing === 'quote');
    if (size === -1) return false;
    const isAdded = this.#typed || head.slice(bannerEnd(head), size).every(isLinkOrBlank);
    if (isAdded) this.#quote(opening.end + size, opening);
    else this.#push('original', opening.end, opening.signs);
    return true;
  }

  /** Lets a proven opening reach past another right below it, as a block of fields under its frame, to known lines. */
  #aboveKnown(intro: Intro): Intro {
    let reached = intro;
    for (let count = 0; count < MAX_OPENINGS && isProven(reached.signs); count += 1) {
      const next = nextContent(this.#lines, reached.end);
      const more = next === undefined ? undefined : this.#openingAt(next);
      if (more === undefined) break;
      reached = { ...intro, end: more.end, signs: [...reached.signs, ...more.signs] };
    }
    return reached;
  }

  #openingAt(at: number): Intro | undefined {
    const intro = this.#lines[at]?.kind === 'text' ? findIntro(this.#view, at) : undefined;
    return intro?.kind === 'forward' ? undefined : intro;
  }

  /** Takes the unmarked original that a proven opening announces, as far as it is one. */
  #original(intro: Intro): boolean {
    // Asked for only here: few mails have such an opening.
    this.#marked ??= lastMarked(this.#view);
    const marked = this.#marked >= intro.end;
    const answer = marked || this.#typed ? -1 : this.#knownEnd(intro.end);
    if (answer !== -1) {
      this.#push('original', answer, intro.signs);
      return true;
    }
    if (marked && !this.#typed) return this.#answerBelow(intro, this.#marked);
    if (marked && !isBoundary(intro.signs) && !isWholeBlock(intro.signs)) return false;
    this.#push('original', this.#lines.length, intro.signs);
    return true;
  }

  /** Finds the line after the last that is known to stand in the original, where something follows it; or -1. */
  #knownEnd(from: number): number {
    if (this.#view.known.sketches === undefined) return -1;
    let at = this.#lines.length - 1;
    while (at >= from && !isKnown(this.#lines[at])) at -= 1;
    return at >= from && nextContent(this.#lines, at + 1) !== undefined ? at + 1 : -1;
  }

  /**
   * Takes the answer below, where nothing is typed above: it follows the last marked run, or else stands above it.
   */
  #answerBelow(intro: Intro, marked: number): boolean {
    const end = quoteEnd(this.#lines, marked);
    const answered = nextContent(this.#lines, end) !== undefined;
    // The marked one is the boundary: what stands above it was typed.
    if (!answered && !isBoundary(intro.signs)) return false;
    const to = answered ? end : this.#lines.length;
    this.#push('original', to, intro.signs);
    return true;
  }

  /** Takes the quote with what led up to it. */
  #quote(first: number, intro: Intro | undefined): void {
    const marked = opensQuote(this.#lines[first]);
    const unmarked = this.#lines[first]?.standing === 'quote';
    const inner =
      intro === undefined && !marked && !unmarked
        ? startsWithIntro(this.#lines, first, this.#view.known)
        : undefined;
    const to = quoteEnd(this.#lines, first);
    if (inner === 'forward') {
      this.#state = 'text';
      this.#take('text', to);
      return;
    }
    if (inner === 'headers' && isBlockAlone(this.#lines, first, to)) {
      this.#push('original', this.#lines.length, ['quote-marks', 'labels']);
      return;
    }
    const named = !this.#typed && NAME.test(this.#lines[this.#at]?.text ?? '');
    const strong = intro !== undefined && (intro.strong || named);
    const announced = marked || strong || inner !== undefined;
    const signs: Sign[] = ['quote-marks', ...(intro?.signs ?? [])];
    if (unmarked)
      signs.forEach((sign, at) => {
        if (sign === 'quote-marks') signs[at] = 'known-line';
      });
    if (marked) signs.push('markup');
    if (strong && named) signs.push('name');
    if (inner !== undefined) signs.push('verb');
    this.#add({ kind: 'quote', from: this.#at, to, announced, led: intro !== undefined && !strong, signs });
    this.#state = 'text';
  }

  #plain(line: Line): void {
    if (this.#delimits(line, this.#at)) {
      const bounded = this.#lines[nextContent(this.#lines, this.#at + 1) ?? -1]?.hint === 'signature';
      if (!bounded) this.#state = 'signature';
      this.#push('signature', this.#at + 1, ['delimiter', 'lines-below']);
      return;
    }
    const mobile = this.#state === 'text' ? this.#mobilePlace(line) : undefined;
    if (mobile !== undefined) {
      if (mobile === 'last') this.#state = 'signature';
      this.#push('signature', this.#at + 1, ['device', mobile]);
      return;
    }
    this.#take(this.#state, this.#at + 1);
    if (this.#state === 'text') this.#typed = true;
  }

  #delimits(line: Line, at: number): boolean {
    if (line.text.trim() !== '--') return false;
    const ends = (below: number): boolean =>
      this.#lines[below]?.kind === 'quote' || findIntro(this.#view, below) !== undefined;
    const bounded =
      line.text === '--' && this.#lines[nextContent(this.#lines, at + 1) ?? -1]?.hint === 'signature';
    return bounded || isDelimiter(line) || shortDelimiter(this.#lines, at, ends);
  }

  /**
   * Tells where a mobile line stands, apart from the text: with nothing typed below it, or above all that was typed.
   */
  #mobilePlace(line: Line): 'first' | 'last' | undefined {
    const above = this.#lines[this.#at - 1];
    const below = this.#lines[this.#at + 1];
    if (!isBlankOrEnd(below) && !isBlankOrEnd(above)) return undefined;
    if (!isMobileLine(line)) return undefined;
    if (this.#nothingBelow(this.#at + 1)) return 'last';
    const isFirst = this.#at === 0 || (this.#at === 1 && above?.kind === 'blank');
    return isFirst && isBlankOrEnd(below) ? 'first' : undefined;
  }

  /** Tells whether only a quote, an original, what is sent on, a signature or nothing follows. */
  #nothingBelow(from: number): boolean {
    for (
      let at = Math.max(from, this.#passedTo);
      at < from + MAX_BELOW || at >= this.#lines.length;
      at += 1
    ) {
      this.#passedTo = at;
      const line = this.#lines[at];
      if (line === undefined || line.kind === 'quote' || opensQuote(line) || line.hint === 'signature')
        return true;
      if (line.kind === 'blank') continue;
      if (this.#delimits(line, at) || isRule(line.text)) return true;
      const intro = findIntro(this.#view, at);
      if (intro !== undefined) return intro.strong || isProven(intro.signs);
      if (!speaksOfDevice(line) && !/^\s*[<[(]?https?:\/\/\S+$/.test(line.text)) return false;
    }
    return false;
  }

  #forward(to: number): void {
    this.#add({ kind: 'text', from: this.#at, to, announced: false, led: false, signs: [], forward: true });
  }

  #take(kind: State, to: number): void {
    if (this.#grow(kind, to, undefined)) return;
    const signs: readonly Sign[] = kind === 'text' ? [] : ['delimiter', 'lines-below'];
    this.#add({ kind, from: this.#at, to, announced: false, led: false, signs });
  }

  #push(kind: 'original' | 'signature' | 'banner', to: number, signs: readonly Sign[]): void {
    this.#add({ kind, from: this.#at, to, announced: false, led: false, signs });
  }

  /** Adds a run, melted into the one before when both are text or both signature. */
  #add(run: Run): void {
    if (this.#grow(run.kind, run.to, run.forward)) return;
    this.#runs.push(run);
    this.#at = run.to;
  }

  /** Lets the last run grow up to line `to` when it is of this kind, and no quote. */
  #grow(kind: Run['kind'], to: number, forward: true | undefined): boolean {
    const last = this.#runs.at(-1);
    if (last?.kind !== kind || kind === 'quote' || last.forward !== forward) return false;
    last.to = to;
    this.#at = to;
    return true;
  }
}

/** Tells whether an opening is the boundary by its own signs, whatever is marked below. */
function isBoundary(signs: readonly Sign[]): boolean {
  return signs.some((sign) => sign === 'frame' || sign === 'markup' || sign.startsWith('known-'));
}

/** Tells whether a client's block has all its parts: below typed text nothing but an original begins so. */
const isWholeBlock = (signs: readonly Sign[]): boolean => WHOLE_BLOCK.every((sign) => signs.includes(sign));

/** Tells whether quoted lines are fields and nothing else: some markup ends below the header of the original. */
function isBlockAlone(lines: readonly Line[], from: number, to: number): boolean {
  const quoted = lines.slice(from, to).filter(({ kind, text }) => kind === 'quote' && /[^\s>]/.test(text));
  const marked = quoted.every(({ hint }) => hint !== undefined);
  return (
    marked &&
    quoted.every(({ text }) => /^[\s>*_]*\p{L}[^:]{0,30}:/u.test(text)) &&
    nextContent(lines, to) !== undefined
  );
}

/** Tells whether a line ends with a colon. */
export const endsInColon = (line: Line | undefined): boolean =>
  line?.kind === 'text' && has(line.facts, FACT.colon);
