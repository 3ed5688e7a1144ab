/** One of the two stores between which rows are copied, as either adapter has it. */
import type { CopiedRow, CopiedTable } from './table.ts';

/** The highest number that each numbered table has ever given; 0 where it has given none. */
export type Highest = Readonly<Record<string, number>>;

/** Rows, a few at a time; those of SQLite are there at once. */
export type Pages = AsyncIterable<readonly CopiedRow[]> | Iterable<readonly CopiedRow[]>;

/** The store that is read. */
export interface Source {
  /** Reads the rows of a table in the order of its key, a few at a time, as if no daemon held any. */
  settledRows(table: CopiedTable): Pages;
  /** Reads the highest numbers. */
  highest(): Promise<Highest>;
}

/** The store that is written, in one transaction. */
export interface Destination {
  /** Writes rows. */
  write(table: CopiedTable, rows: readonly CopiedRow[]): Promise<void>;
  /** Sees to it that the next numbers are above these. */
  raise(highest: Highest): Promise<void>;
  /** Reads what was written, in the order of the key, a few rows at a time. */
  rows(table: CopiedTable): Pages;
  /** Reads the highest numbers. */
  highest(): Promise<Highest>;
}
