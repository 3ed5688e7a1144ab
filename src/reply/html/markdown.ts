/**
 * Markdown for one line of styled text.
 *
 * Contract: what was plain stays plain: the line is escaped as a whole (markdown-escape.ts), before marks are put
 * between its pieces. Links are written only to addresses a reader may follow; where the text
 * of a link shows another host than its target, the target's host stands beside it.
 * Limits: linear in the length of the line.
 */

import { bareTarget, escapeTarget, foreignHost } from './link-target.ts';
import { escapePlainLine, escapeText, OPAQUE, type Places } from './markdown-escape.ts';

/** The look of a text; `href` is the target of the link it belongs to. */
export interface Style {
  readonly bold: boolean;
  readonly italic: boolean;
  readonly strike: boolean;
  readonly code: boolean;
  /** Only an address that a reader may follow. */
  readonly href: string | undefined;
}

/** The look of text that nothing was said about. */
export const UNSTYLED: Style = { bold: false, italic: false, strike: false, code: false, href: undefined };

/** A stretch of text in one style. */
export interface Run {
  readonly text: string;
  readonly style: Style;
  /** The text is Markdown already, such as an image, and is not escaped. */
  readonly raw: boolean;
  /** The text stands in a table, whose bars it must not draw. */
  readonly cell: boolean;
}

function codeSpan(text: string): string {
  const longest = (text.match(/`+/g) ?? []).reduce((most, run) => Math.max(most, run.length), 0);
  const fence = '`'.repeat(longest + 1);
  const pad = text.startsWith('`') || text.endsWith('`') ? ' ' : '';
  return `${fence}${pad}${text}${pad}${fence}`;
}

const isSpace = (char: string | undefined): boolean => char === undefined || /\s/.test(char);
const isPunctuation = (char: string | undefined): boolean => char !== undefined && /[\p{P}\p{S}]/u.test(char);
/**
 * Tells whether emphasis may stand beside a character, whatever it begins or ends with, in every version of
 * CommonMark.
 */
const isApart = (char: string | undefined): boolean => isSpace(char) || /[\p{P}$+<=>^`|~]/u.test(char ?? '');

/** Puts `mark` around text where CommonMark §6.2 would read it as emphasis; elsewhere the text stays bare. */
function emphasise(
  text: string,
  mark: string,
  before: string | undefined,
  after: string | undefined,
): string {
  const inner = text.trim();
  if (inner === '') return text;
  const lead = text.slice(0, text.indexOf(inner));
  const tail = text.slice(lead.length + inner.length);
  const opens = lead !== '' || isApart(before) || !isPunctuation(inner.at(0));
  const closes = tail !== '' || isApart(after) || !isPunctuation(inner.at(-1));
  return opens && closes ? `${lead}${mark}${inner}${mark}${tail}` : text;
}

function styled({ style }: Run, text: string, before: string | undefined, after: string | undefined): string {
  let shown = text;
  if (style.strike) shown = emphasise(shown, '~~', before, after);
  if (style.italic) shown = emphasise(shown, '*', before, after);
  if (style.bold) shown = emphasise(shown, '**', before, after);
  return shown;
}

const sameLook = (a: Style, b: Style): boolean =>
  a === b ||
  (a.code === b.code &&
    a.href === b.href &&
    (a.code || (a.bold === b.bold && a.italic === b.italic && a.strike === b.strike)));

/** Joins neighbours of one style, so that each mark is written once. */
function mergeRuns(runs: readonly Run[]): Run[] {
  const merged: Run[] = [];
  for (const run of runs) {
    const last = merged.at(-1);
    if (last !== undefined && last.raw === run.raw && sameLook(last.style, run.style))
      merged[merged.length - 1] = { ...run, text: last.text + run.text, style: last.style, cell: last.cell };
    else if (run.text !== '') merged.push(run);
  }
  return merged;
}

/** Runs with their places in the line as it reads. */
interface Placed {
  readonly run: Run;
  readonly from: number;
  readonly to: number;
}

/** Gives the last two characters of what was written. */
const endOf = (parts: readonly string[]): string =>
  ((parts.at(-2)?.slice(-1) ?? '') + (parts.at(-1)?.slice(-2) ?? '')).slice(-2);

const isStyled = ({ style }: Run): boolean => style.bold || style.italic || style.strike;

/** Finds where marks may be put for a run: at its ends, and inside of the blanks there. */
function seamsOf({ run, from, to }: Placed): number[] {
  if (!isText(run) || !isStyled(run)) return [from, to];
  const lead = run.text.length - run.text.trimStart().length;
  return [from, from + lead, from + Math.max(lead, run.text.trimEnd().length), to];
}

const isText = ({ style, raw }: Run): boolean => !style.code && !raw;

/** Writes the text of a run so that its bars draw no cell. */
const withoutBars = ({ cell }: Run, text: string): string => (cell ? text.replaceAll('|', '\\|') : text);

/** Writes a line of merged runs: the text escaped as a whole, then the marks between its pieces. */
class LineRenderer {
  readonly #runs: readonly Placed[];
  readonly #line: string;
  readonly #escaped: (from: number, to: number) => string;

  constructor(runs: readonly Run[]) {
    let line = '';
    this.#runs = runs.map((run) => {
      const from = line.length;
      line += isText(run) ? run.text : OPAQUE;
      return { run, from, to: line.length };
    });
    this.#line = line;
    this.#escaped = escapePlainLine(line, () => this.#places());
  }

  #places(): Places {
    const linked = this.#runs.filter(({ run }) => run.style.href !== undefined);
    return {
      seams: new Set(this.#runs.flatMap(seamsOf)),
      links: new Set(linked.map(({ from }) => from)),
      labels: linked.map(({ from, to }) => [from, to] as const),
    };
  }

  render(): string {
    const parts: string[] = [];
    for (let at = 0; at < this.#runs.length; ) {
      const href = this.#runs[at]?.run.style.href;
      let end = at + 1;
      while (href !== undefined && this.#runs[end]?.run.style.href === href) end += 1;
      const group = this.#runs.slice(at, end);
      if (href === undefined) this.#show(group, parts);
      else this.#link(group, href, parts);
      at = end;
    }
    return parts.join('');
  }

  #link(group: readonly Placed[], href: string, parts: string[]): void {
    const [from, to] = [group[0]?.from ?? 0, group.at(-1)?.to ?? 0];
    const text = group.map(({ run }) => (run.raw ? '' : run.text)).join('');
    if (text.trim() === '' && group.every(({ run }) => !run.raw)) {
      this.#show(group, parts);
      return;
    }
    const bare = group.every(({ run }) => isText(run)) ? bareTarget(text.trim(), href) : undefined;
    // What follows without a blank would belong to a bare address.
    const isApart = /^(?:[.,;:!?)\]'"]{0,3}(?:\s|$))/.test(this.#line.slice(to, to + 4));
    if (bare === 'mail' || (bare === 'text' && isApart)) parts.push(this.#escaped(from, to));
    else if (bare === 'target' && isApart) parts.push(href);
    else {
      const label = ['['];
      this.#show(group, label);
      const foreign = foreignHost(text, href);
      const note = foreign === undefined ? '' : ` (${escapeText(foreign)})`;
      parts.push(`${label.join('')}](${escapeTarget(href)})${note}`);
    }
  }

  /** Adds runs of one link, or a run by itself, to what stands on the line already. */
  #show(group: readonly Placed[], parts: string[]): void {
    for (const { run, from, to } of group) {
      if (run.raw) parts.push(run.text);
      else if (run.style.code) parts.push(this.#code(run));
      else parts.push(this.#text(run, from, to, parts));
    }
  }

  #code(run: Run): string {
    return run.text.trim() === '' ? run.text : withoutBars(run, codeSpan(run.text));
  }

  #text(run: Run, from: number, to: number, parts: readonly string[]): string {
    const text = withoutBars(run, this.#escaped(from, to));
    if (!isStyled(run)) return text;
    const before = endOf(parts);
    // Marks that touch other marks are read in more than one way.
    if (/(?<!\\)[*~]$/.test(before) && !isSpace(text[0])) return text;
    return styled(run, text, before.at(-1), this.#line[to]);
  }
}

const isPlain = (run: Run): boolean => isText(run) && !isStyled(run) && run.style.href === undefined;

/** Writes one line of runs as Markdown, without what only the start of a line needs. */
export function renderRuns(runs: readonly Run[]): string {
  const merged = mergeRuns(runs);
  const [only] = merged;
  if (only === undefined) return '';
  // Most lines of most mails, at a fraction of the cost.
  if (merged.length === 1 && isPlain(only)) return withoutBars(only, escapeText(only.text));
  return new LineRenderer(merged).render();
}
