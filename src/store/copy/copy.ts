/**
 * Copies the rows of one store to another, and proves the copy.
 *
 * Contract: when everything is written, both stores are read once more, row by row, and compared value by value. A few rows
 * are in memory at a time, and of messages a few parts.
 * Failure: {@link CopyError}; whoever called takes back what was written.
 */
import type { Destination, Pages, Source } from './side.ts';
import { type Cell, type CopiedRow, type CopiedTable } from './table.ts';
import { COPIED } from './tables.ts';

/** The reason why there is no copy. */
export class CopyError extends Error {
  readonly kind: 'not-empty' | 'served' | 'different' | 'interrupted' | 'lost';

  constructor(kind: CopyError['kind'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CopyError';
    this.kind = kind;
  }
}

/** The rows of each table, by its name in PostgreSQL. */
export type Counts = Readonly<Record<string, number>>;

/** The way that somebody watches and ends the copy. */
export interface Watch {
  /** Told how many rows were written, and compared. */
  readonly progress: (written: number, compared: number) => void;
  /** Looked at between two steps. */
  readonly signal: AbortSignal;
}

/** Copies all rows, and compares them; how many there are of each table. */
export async function copyRows(source: Source, destination: Destination, watch: Watch): Promise<Counts> {
  const counts: Record<string, number> = {};
  let written = 0;
  for (const table of COPIED) {
    let count = 0;
    for await (const rows of source.settledRows(table)) {
      requireGoingOn(watch.signal);
      await destination.write(table, rows);
      count += rows.length;
      written += rows.length;
      watch.progress(written, 0);
    }
    counts[table.name] = count;
  }
  await destination.raise(await source.highest());
  await compare(source, destination, counts, watch);
  return counts;
}

function requireGoingOn(signal: AbortSignal): void {
  if (signal.aborted) throw new CopyError('interrupted', 'interrupted; nothing was kept');
}

/** Throws unless both stores have the same rows, as many as were written. */
async function compare(
  source: Source,
  destination: Destination,
  counts: Counts,
  { progress, signal }: Watch,
): Promise<void> {
  const written = Object.values(counts).reduce((sum, count) => sum + count, 0);
  let compared = 0;
  for (const table of COPIED) {
    const copies = singly(destination.rows(table));
    let count = 0;
    for await (const row of singly(source.settledRows(table))) {
      requireGoingOn(signal);
      const copy = await copies.next();
      count += 1;
      compared += 1;
      if (copy.done === true || !isSame(row, copy.value)) throw different(table, count, row, copy.value);
      if (compared % 100 === 0) progress(written, compared);
    }
    if ((await copies.next()).done !== true)
      throw new CopyError('different', `table ${table.name}: the copy has more than ${count} rows`);
    if (count !== counts[table.name])
      throw new CopyError(
        'different',
        `table ${table.name}: had ${counts[table.name] ?? 0} rows when it was copied, and ${count} when it was compared`,
      );
  }
  progress(written, written);
  const [before, after] = await Promise.all([source.highest(), destination.highest()]);
  for (const [name, number] of Object.entries(before))
    if ((after[name] ?? 0) < number)
      throw new CopyError('different', `table ${name}: the copy would give number ${number} again`);
}

/** Gives the rows of pages one by one. */
async function* singly(pages: Pages): AsyncGenerator<CopiedRow, undefined> {
  for await (const page of pages) yield* page;
}

function isSame(row: CopiedRow, copy: CopiedRow): boolean {
  return row.length === copy.length && row.every((cell, at) => isSameCell(cell, copy[at] ?? null));
}

function isSameCell(cell: Cell, copy: Cell): boolean {
  if (cell instanceof Uint8Array) return copy instanceof Uint8Array && Buffer.compare(cell, copy) === 0;
  return cell === copy;
}

/** Names the place of a difference, and none of the values: they may be somebody's mail, or a secret. */
function different(
  table: CopiedTable,
  count: number,
  row: CopiedRow,
  copy: CopiedRow | undefined,
): CopyError {
  const columns = Object.keys(table.columns);
  const at = copy === undefined ? -1 : row.findIndex((cell, index) => !isSameCell(cell, copy[index] ?? null));
  const what = at === -1 ? 'is missing' : `has another ${columns[at] ?? 'value'}`;
  return new CopyError('different', `table ${table.name}: row ${count} ${what} in the copy`);
}
