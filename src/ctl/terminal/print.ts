/**
 * What commands print: for people tables and lines that fit the terminal, for scripts one JSON object per line.
 *
 * Contract: both come from the same rows, whose keys are the stable ones of `--json`; an unknown value is null.
 * Nothing that came from mail or users reaches the terminal unescaped. No colour without a terminal, nor with
 * NO_COLOR. The width is COLUMNS or the terminal's own; without either, nothing is cut.
 */
import { cells, printable, printableJson, printableLines, truncate } from '../../system/printable.ts';

/** A value of a row. */
export type Value = string | number | boolean | null | readonly string[];

/** One object of output; keys in snake case. */
export type Row = Readonly<Record<string, Value>>;

/** A column of a table; `shrinks` says that its text may be cut when the table is too wide. */
export interface Column {
  readonly key: string;
  readonly title?: string;
  readonly shrinks?: boolean;
}

/** The place to print to, and the form. */
export interface Output {
  readonly json: boolean;
  /** Cells of a line; Infinity when nobody said. */
  readonly width: number;
  /** Whether people look at it on a terminal. */
  readonly terminal: boolean;
  readonly colour: boolean;
  /** Whether people watch standard error on a terminal. */
  readonly watched: boolean;
  /** Writes to standard output. */
  readonly write: (text: string | Uint8Array) => void;
  /** Writes to standard error, on a line of its own. */
  readonly warn: (text: string) => void;
  /** Draws how far work has come; undefined where nobody would see it, or a script reads along. */
  readonly draw: Draw | undefined;
}

/** Draws one line of a terminal in the place of the last one; `make` is given the cells that there are. */
export type Draw = (make: (width: number) => string, isLast: boolean) => void;

const GAP = '  ';
const LEAST_CELLS = 6;
const USUAL_COLUMNS = 80;

/** Opens the output of this process. */
export function processOutput(json: boolean): Output {
  const { stdout, stderr, env } = process;
  const asked = Number(env.COLUMNS);
  const width = Number.isInteger(asked) && asked > 0 ? asked : stdout.isTTY ? stdout.columns : Infinity;
  return {
    json,
    width: width > 0 ? width : Infinity,
    terminal: stdout.isTTY,
    colour: stdout.isTTY && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb',
    watched: stderr.isTTY,
    write: (text) => void stdout.write(text),
    ...errorOutput(stderr, stderr.isTTY && !json && env.TERM !== 'dumb'),
  };
}

/** Opens standard error, where a line may be drawn over and over until something else is to be said. */
function errorOutput(stderr: typeof process.stderr, isDrawn: boolean): Pick<Output, 'warn' | 'draw'> {
  let isOpen = false;
  const draw: Draw = (make, isLast) => {
    // A line as wide as the terminal would wrap; one that does not know its size says 0.
    const width = (stderr.columns || USUAL_COLUMNS) - 1;
    const line = truncate(make(width), width);
    stderr.write(`\r${line}\u001b[K${isLast ? '\n' : ''}`);
    isOpen = !isLast;
  };
  const warn = (text: string): void => {
    stderr.write(isOpen ? `\n${text}` : text);
    isOpen = false;
  };
  return { warn, draw: isDrawn ? draw : undefined };
}

/** Prints rows: as a table, or as one object per line. */
export function printRows(
  output: Output,
  rows: readonly Row[],
  columns: readonly Column[],
  none: string,
): void {
  if (output.json) for (const row of rows) printObject(output, row);
  else if (rows.length === 0) output.write(`${none}\n`);
  else for (const line of tableLines(output, rows, columns)) output.write(`${line}\n`);
}

/** Prints one row: a line per key, or one object. */
export function printRow(output: Output, row: Row): void {
  if (output.json) {
    printObject(output, row);
    return;
  }
  const width = Math.max(...Object.keys(row).map((key) => key.length));
  for (const [key, value] of Object.entries(row)) {
    output.write(`${titleOf(key).padEnd(width)}${GAP}${cellText(value)}\n`);
  }
}

/** Prints what was done: a sentence for people, or the row as one object. */
export function printDone(output: Output, row: Row, sentence: string): void {
  if (output.json) printObject(output, row);
  else output.write(`${printable(sentence)}\n`);
}

/** Prints one object whose values may nest. */
export function printObject(output: Output, value: object): void {
  output.write(`${printableJson(value)}\n`);
}

/** Colours of text; every terminal has them on light and on dark. */
const COLOURS = { plain: '', green: '\u001b[32m', cyan: '\u001b[36m', grey: '\u001b[90m' } as const;

/** The name of a colour. */
export type Colour = keyof typeof COLOURS;

/** Prints text of several lines to people, each line coloured for itself, so that a pager may begin at any. */
export function printText(output: Output, text: string, colour: Colour = 'plain'): void {
  const begin = output.colour ? COLOURS[colour] : '';
  const end = begin === '' ? '' : '\u001b[0m';
  for (const line of printableLines(text).split('\n')) output.write(`${begin}${line}${end}\n`);
}

/** Prints a message: byte for byte, or made safe where it goes to a terminal. */
export function printBytes(output: Output, bytes: Uint8Array): void {
  if (output.terminal) printText(output, Buffer.from(bytes).toString('utf8'));
  else output.write(bytes);
}

/** Tells people something beside the result, on standard error. */
export function printNote(output: Output, note: string): void {
  output.warn(`mailgw-ctl: note: ${printable(note)}\n`);
}

const BAR_CELLS = 24;
const LEAST_BAR_CELLS = 8;

/** Shows on one line of a terminal how far work has come; anywhere else nothing. Without a total, only what is done. */
export function progressOn(
  { draw }: Pick<Output, 'draw'>,
  what: string,
): (done: number, total?: number) => void {
  let shown = '';
  return (done, total) => {
    if (draw === undefined) return;
    const share = total === undefined ? undefined : total === 0 ? 1 : Math.min(1, done / total);
    const isLast = share === 1;
    const percent = share === undefined ? '' : String(Math.floor(share * 100));
    const step = share === undefined ? String(done) : percent;
    if (step === shown && !isLast) return;
    shown = step;
    const figures = share === undefined ? `${done}` : `${percent.padStart(3)} % ${done} of ${total ?? 0}`;
    const text = `${figures} ${printable(what)}`;
    draw((width) => (share === undefined ? text : bar(share, width - text.length - 1) + text), isLast);
  };
}

/** Draws a bar with the space after it; nothing where the cells would not do. */
function bar(share: number, room: number): string {
  const width = Math.min(BAR_CELLS, room - '[]'.length);
  if (width < LEAST_BAR_CELLS) return '';
  const full = Math.floor(share * width);
  return `[${'#'.repeat(full)}${'-'.repeat(width - full)}] `;
}

function titleOf(key: string): string {
  return key.replaceAll('_', ' ');
}

function cellText(value: Value | undefined): string {
  if (value === null || value === undefined) return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'object') return value.length === 0 ? '-' : value.map(printable).join(', ');
  // People read seconds; scripts get the milliseconds too.
  return printable(String(value).replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z$/, '$1Z'));
}

function tableLines(output: Output, rows: readonly Row[], columns: readonly Column[]): string[] {
  const titles = columns.map((column) => (column.title ?? titleOf(column.key)).toUpperCase());
  const body = rows.map((row) => columns.map((column) => cellText(row[column.key])));
  const natural = columns.map((_, index) =>
    [titles, ...body].reduce((most, line) => Math.max(most, cells(line[index] ?? '')), 0),
  );
  const widths = fit(natural, columns, output.width);
  const render = (line: readonly string[]): string => {
    const texts = widths.map((width, index) => pad(truncate(line[index] ?? '', width), width));
    return truncate(texts.join(GAP).trimEnd(), output.width);
  };
  const head = render(titles);
  return [output.colour ? `\u001b[1m${head}\u001b[0m` : head, ...body.map(render)];
}

function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - cells(text)));
}

/** Takes cells from the widest column that may shrink until the line fits, or no column can give any more. */
function fit(natural: readonly number[], columns: readonly Column[], lineWidth: number): number[] {
  const widths = [...natural];
  const gaps = GAP.length * (columns.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, gaps) - lineWidth;
  while (excess > 0) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      if (column.shrinks !== true || (widths[index] ?? 0) <= LEAST_CELLS) continue;
      if (widest === -1 || (widths[index] ?? 0) > (widths[widest] ?? 0)) widest = index;
    }
    if (widest === -1) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess -= 1;
  }
  return widths;
}

/** Says what is wrong with a part of the input, where the rest is carried out. */
export function printWarning(output: Output, problem: string): void {
  output.warn(`mailgw-ctl: ${printable(problem)}\n`);
}
