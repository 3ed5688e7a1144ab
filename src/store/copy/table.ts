/**
 * A table as it is copied, and the query by which an adapter reads it.
 *
 * Contract: an adapter gives the same values for the same row, in the order of the columns.
 */

/** The kind of a value: `flag` is a boolean in PostgreSQL and 0 or 1 in SQLite, `clock` a time of the database's clock there. */
export type Kind = 'integer' | 'real' | 'text' | 'bytes' | 'flag' | 'clock';

/** A value of a row; a flag is 0 or 1, a time is of this host's clock. */
export type Cell = string | number | Uint8Array | null;

/** A row: the values of the columns in their order. */
export type CopiedRow = readonly Cell[];

/** The adapters. */
export type Adapter = 'sqlite' | 'postgres';

/** A column that is not read as it stands. `now` is the time at which the store is read, by the clock of the adapter. */
export type Reading = (now: number, adapter: Adapter) => string;

/** One of the tables. */
export interface CopiedTable {
  /** Its name in PostgreSQL. */
  readonly name: string;
  readonly columns: Readonly<Record<string, Kind>>;
  readonly key: readonly string[];
  /** Whether the first column is a number that is given once and never again. */
  readonly isNumbered?: true;
  /** Rows that are in memory at a time, where they may be large. */
  readonly atATime?: number;
  /** Columns of the source that are not read as they stand: what a daemon held is free. */
  readonly settled?: Readonly<Record<string, Reading>>;
  /** Rows that are not taken along. */
  readonly where?: string;
  /** The whole query in SQLite, where the rows stand in several tables there. */
  readonly sqliteQuery?: string;
  /** Columns that only PostgreSQL has in the key: the rows of hosts are one row, and these are its further values. */
  readonly hosts?: {
    readonly together: Readonly<Record<string, string>>;
    readonly alone: Readonly<Record<string, string>>;
  };
}

/** Names that are others in SQLite. */
const SQLITE_NAMES: Readonly<Record<string, string>> = { users: 'user', user_name: 'user' };

/** Gives the name of a table or a column in an adapter. */
export const nameIn = (adapter: Adapter, name: string): string =>
  adapter === 'sqlite' ? (SQLITE_NAMES[name] ?? name) : name;

/** Rows that are in memory at a time, of tables whose rows are small. */
const ROWS_AT_A_TIME = 500;

/** Gives the number of rows of a table that may be in memory at a time. */
export const rowsAtATime = ({ atATime = ROWS_AT_A_TIME }: CopiedTable): number => atATime;

/** The reading of a store: as its rows stand, or, at `now` by the adapter's clock, as if no daemon held any. */
export type View = { readonly kind: 'plain' } | { readonly kind: 'settled'; readonly now: number };

/** Gives the query of a table's rows, in the order of its key. */
export function queryOf(table: CopiedTable, adapter: Adapter, view: View): string {
  const { name, columns, key, settled = {}, where, sqliteQuery, hosts } = table;
  if (adapter === 'sqlite' && sqliteQuery !== undefined) return sqliteQuery;
  const together = adapter === 'postgres' ? (hosts?.together ?? {}) : {};
  const values = Object.keys(columns).map((column) => {
    const reading = view.kind === 'settled' ? settled[column]?.(view.now, adapter) : undefined;
    return reading ?? together[column] ?? nameIn(adapter, column);
  });
  const order = key.map((column) => nameIn(adapter, column)).join(', ');
  return [
    `SELECT ${values.map((value, at) => `${value} AS c${at}`).join(', ')} FROM ${nameIn(adapter, name)}`,
    ...(where === undefined ? [] : [`WHERE ${where}`]),
    ...(adapter === 'postgres' && hosts !== undefined ? [`GROUP BY ${order}`] : []),
    `ORDER BY ${order}`,
  ].join(' ');
}
