/**
 * The lines that a walk over an HTML tree writes: blocks, margins, lists, quotes, tables and fences.
 *
 * Contract: every line is written twice, as plain text for the judge and as Markdown. Margins collapse as in CSS;
 * an empty line that the writer made with `<br>` stays.
 */
import type { LineHint } from '../text/lines.ts';
import { type Run, renderRuns, type Style, UNSTYLED } from './markdown.ts';
import { escapeLineStart } from './markdown-escape.ts';

/** A written line: `plain` for the judge, `markdown` for the post; `code` inside a fence. */
export interface WrittenLine {
  readonly plain: string;
  readonly markdown: string;
  readonly code: boolean;
  readonly hint?: LineHint | undefined;
}

interface List {
  number: number | undefined;
  readonly indent: string;
}

/** The work to do where that which was opened ends. */
export type Leave = () => void;
type Opening = Extract<LineHint, 'intro' | 'container' | 'forward'>;
type QuoteHint = Extract<LineHint, 'cite' | 'citation' | 'blockquote'>;

const MAX_QUOTES = 20;
const MAX_INDENT = 24;
/** White space that a browser folds; a blank by itself, as between all words, stays what it is. */
const FOLDED = / ?[\t\r\n\f][ \t\r\n\f]*| {2}[ \t\r\n\f]*/g;
/** Rows of preformatted text beyond this number are one line with the last. */
const MAX_ROWS = 10_000;

/** Cuts preformatted text into rows at its line ends. */
export function rowsOf(value: string): string[] {
  const rows = value.split('\n', MAX_ROWS);
  const used = rows.reduce((sum, row) => sum + row.length + 1, -1);
  if (used < value.length) rows.push(value.slice(used + 1));
  return rows;
}

/** Escapes an item's text that would be read as a box to tick. */
const withoutBox = (text: string, marker: string): string =>
  marker === '' ? text : text.replace(/^\[(?=[ x]\])/i, '\\[');

/** Escapes a heading's text whose last word would be read as the end of its mark. */
const withoutCloser = (text: string): string => text.replace(/(^|\s)(?=#+$)/, '$1\\');

/** Writes lines; each `open` method answers with what closes it. */
export class LineWriter {
  readonly #lines: WrittenLine[] = [];
  readonly #lists: List[] = [];
  #runs: Run[] = [];
  // The plain text in pieces: a growing string that is read at its end is copied each time.
  #plain: string[] = [];
  #ends = '';
  /** The line holds a space that does not fold: Outlook's way to leave a line empty. */
  #held = false;
  #quotes = 0;
  #lastQuotes = 0;
  #unmarked: QuoteHint | undefined;
  #signature = 0;
  #pre = 0;
  #kept = 0;
  #tables = 0;
  #row = 0;
  #cells = 0;
  #margin = false;
  #opening: Opening | undefined;
  #marker = '';
  #indent = '';
  #heading = '';

  /** Adds text, its white space folded unless it is preformatted. */
  text(value: string, style: Style): void {
    if (this.#pre > 0) {
      this.#preformatted(value);
      return;
    }
    if (this.#kept > 0 && !this.#isInRow()) {
      this.#lineByLine(value, style);
      return;
    }
    const folded = value.replace(FOLDED, ' ').replaceAll('\u00a0', ' ');
    const text = this.#ends === '' || this.#ends === ' ' ? folded.replace(/^ +/, '') : folded;
    if (text !== '') this.#add(text, { text, style, raw: false, cell: this.#tables > 0 });
    else if (value.includes('\u00a0') && this.#tables === 0) this.#held = true;
  }

  /** Adds what is Markdown already; `plain` stands for it in the plain text. */
  raw(markdown: string, plain: string, style: Style): void {
    this.#addRaw(plain, markdown, { ...UNSTYLED, href: style.href });
  }

  #add(plain: string, run: Run): void {
    this.#plain.push(plain);
    if (plain !== '') this.#ends = plain.charAt(plain.length - 1);
    this.#runs.push(run);
  }

  #addRaw(plain: string, text: string, style = UNSTYLED): void {
    this.#add(plain, { text, style, raw: true, cell: false });
  }

  #preformatted(value: string): void {
    rowsOf(value).forEach((row, at) => {
      if (at > 0) this.#flush();
      this.#addRaw(row, row);
    });
  }

  /** Ends the line that is being written, if there is one; `margin` asks for a blank line before the next. */
  endLine(margin: boolean): void {
    if (this.#ends !== '' || this.#held) this.#flush();
    if (margin) this.#margin = true;
  }

  /** Ends the line even if it is empty, as `<br>` does. */
  breakLine(): void {
    if (this.#isInRow()) this.text(' ', UNSTYLED);
    else this.#flush();
  }

  /** Tells whether a row of data is being written, which is one line whatever is in its cells. */
  #isInRow(): boolean {
    return this.#row > 0 && this.#tables > 0;
  }

  /** Draws a rule across the page. */
  rule(): void {
    this.endLine(true);
    this.#addRaw('----------', '---');
    this.#flush();
    this.#margin = true;
  }

  /** Says that the next line with content opens a quote, a container of one, or what is sent on. */
  hintNext(hint: Opening): void {
    this.endLine(false);
    // A forward within a quote was sent on by its author.
    if (hint !== 'forward' || this.#quotes === 0) this.#opening = hint;
  }

  /** Opens a signature. */
  signature(): Leave {
    this.endLine(false);
    this.#signature += 1;
    return () => {
      this.endLine(false);
      this.#signature -= 1;
    };
  }

  /** Opens a quote; `hint` says who made it. */
  quote(hint: QuoteHint): Leave {
    this.endLine(true);
    const outer = this.#unmarked;
    if (this.#quotes === 0) this.#unmarked = hint;
    this.#quotes += 1;
    return () => {
      this.endLine(true);
      this.#quotes -= 1;
      this.#unmarked = outer;
    };
  }

  /** Opens a list, numbered from `start` or bulleted. */
  list(start: number | undefined): Leave {
    this.#lists.push({ number: start, indent: this.#indent });
    return () => {
      this.#indent = this.#lists.pop()?.indent ?? '';
    };
  }

  /** Opens an item of the list. */
  item(): Leave {
    const list = this.#lists.at(-1) ?? { number: undefined, indent: this.#indent };
    const marker = list.number === undefined ? '- ' : `${list.number}. `;
    if (list.number !== undefined) list.number += 1;
    this.#marker = (list.indent + marker).slice(-MAX_INDENT);
    this.#indent = ' '.repeat(Math.min(MAX_INDENT, list.indent.length + marker.length));
    return () => {
      this.endLine(false);
      this.#marker = '';
      this.#indent = list.indent;
    };
  }

  /**
   * Opens preformatted text that is no code: the line ends count, the rest is as elsewhere; `block` says that it ends
   * its last line.
   */
  keepLines(block: boolean): Leave {
    this.#kept += 1;
    return () => {
      if (block && !this.#isInRow()) this.endLine(false);
      this.#kept -= 1;
    };
  }

  #lineByLine(value: string, style: Style): void {
    rowsOf(value).forEach((row, at) => {
      if (at > 0) this.#flush();
      this.#add(row, { text: row, style, raw: false, cell: false });
    });
  }

  /** Opens preformatted text. */
  fence(): Leave {
    const opening = this.#pre === 0 ? this.#fenceLine() : undefined;
    this.#pre += 1;
    return () => {
      this.endLine(false);
      if (opening !== undefined) this.#closeFence(opening);
      this.#pre -= 1;
    };
  }

  /** Writes the opening fence and answers with its place. */
  #fenceLine(): number {
    this.#margins();
    const hint = this.#signature > 0 ? 'signature' : undefined;
    return this.#lines.push({ ...this.#dressed('```', '```'), code: this.#quotes === 0, hint }) - 1;
  }

  /** Closes the fence, and makes both ends longer than any fence inside. */
  #closeFence(opening: number): void {
    const rows = this.#lines.slice(opening + 1);
    const inner = rows.reduce(
      (most, { plain }) => Math.max(most, /^[>\s]*(`{3,})/.exec(plain)?.[1]?.length ?? 0),
      2,
    );
    const fence = '`'.repeat(inner + 1);
    const line = this.#lines[this.#fenceLine()];
    const ends = { ...line, ...this.#dressed(fence, fence), code: this.#quotes === 0 };
    this.#lines[opening] = { ...this.#lines[opening], ...ends };
    this.#lines[this.#lines.length - 1] = ends;
  }

  /** Makes the next line a heading. */
  heading(level: number): void {
    this.#heading = `${'#'.repeat(level)} `;
  }

  /** Opens a table of data; other tables only lay out the page. */
  table(): Leave {
    this.#tables += 1;
    this.#row = 0;
    return () => {
      this.#tables -= 1;
    };
  }

  /** Opens a row. */
  row(): Leave {
    this.#cells = 0;
    if (this.#tables > 0) this.#row += 1;
    return () => {
      if (this.#tables === 0) return;
      this.#addRaw(' |', ' |');
      this.endLine(false);
      if (this.#row !== 1) return;
      const bars = `${'|---'.repeat(this.#cells)}|`;
      this.#addRaw(bars, bars);
      this.#flush();
    };
  }

  /** Opens a cell. */
  cell(): void {
    this.#cells += 1;
    if (this.#tables > 0) {
      const bar = this.#cells === 1 ? '| ' : ' | ';
      this.#addRaw(bar, bar);
    } else if (this.#cells > 1) {
      this.text(' ', UNSTYLED);
    }
  }

  /** Gives all lines, the last one included. */
  finish(): WrittenLine[] {
    this.endLine(false);
    return this.#lines;
  }

  /** Sets the margins; a margin inside a quote belongs to the quote. */
  #margins(): void {
    const last = this.#lines.at(-1);
    if (this.#margin && last !== undefined && !/^[>\s]*$/.test(last.plain)) {
      const bars = '> '.repeat(Math.min(this.#quotes, this.#lastQuotes, MAX_QUOTES)).trimEnd();
      this.#lines.push({
        plain: bars,
        markdown: bars,
        code: false,
        hint: bars === '' ? undefined : this.#unmarked,
      });
    }
    this.#margin = false;
    this.#lastQuotes = this.#quotes;
  }

  #flush(): void {
    const plain = this.#plain.join('').trimEnd();
    const runs = this.#runs;
    this.#plain = [];
    this.#ends = '';
    this.#held = false;
    this.#runs = [];
    if (this.#pre > 0) this.#push(plain, runs.map((run) => run.text).join(''), true);
    else if (plain === '') this.#push('', '', false);
    else this.#content(plain, runs);
  }

  #content(plain: string, runs: readonly Run[]): void {
    this.#margins();
    const rendered = renderRuns(runs).trimEnd();
    const started = runs[0]?.raw === true ? rendered : escapeLineStart(rendered);
    const markdown = this.#heading === '' ? withoutBox(started, this.#marker) : withoutCloser(started);
    const lead = this.#marker === '' ? this.#indent : this.#marker;
    this.#marker = '';
    this.#push(lead + plain, lead + this.#heading + markdown, false);
    this.#heading = '';
  }

  #push(plain: string, markdown: string, code: boolean): void {
    const blank = plain.trim() === '';
    const dressed = this.#dressed(plain, markdown);
    this.#lines.push({
      plain: dressed.plain,
      markdown: dressed.markdown,
      code: code && this.#quotes === 0,
      hint: blank ? undefined : this.#hint(),
    });
  }

  #hint(): LineHint | undefined {
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening !== undefined) return opening;
    if (this.#signature > 0) return 'signature';
    return this.#quotes > 0 ? this.#unmarked : undefined;
  }

  #dressed(plain: string, markdown: string): { plain: string; markdown: string } {
    const bars = '> '.repeat(Math.min(this.#quotes, MAX_QUOTES));
    return { plain: (bars + plain).trimEnd(), markdown: (bars + markdown).trimEnd() };
  }
}
