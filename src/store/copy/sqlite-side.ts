/** A store in SQLite, as rows are copied from it and to it. */
import type { Database } from '../sqlite/schema.ts';
import type { Destination, Highest, Source } from './side.ts';
import {
  type Cell,
  type CopiedRow,
  type CopiedTable,
  nameIn,
  queryOf,
  rowsAtATime,
  type View,
} from './table.ts';
import { COPIED } from './tables.ts';

/** Gives the source on a connection that is in a transaction: it sees one state of the store. */
export function sqliteSource(database: Database, now: number): Source {
  return {
    settledRows: (table) => pages(database, table, { kind: 'settled', now }),
    highest: () => Promise.resolve(highest(database)),
  };
}

/** Gives the destination on a connection that is in a transaction. */
export function sqliteDestination(database: Database): Destination {
  const inserts = new Map<CopiedTable, (row: CopiedRow) => void>();
  return {
    write: (table, rows) => {
      const insert = inserts.get(table) ?? prepareInsert(database, table);
      inserts.set(table, insert);
      for (const row of rows) insert(row);
      return Promise.resolve();
    },
    raise: (numbers) => {
      for (const [name, number] of Object.entries(numbers)) raise(database, nameIn('sqlite', name), number);
      return Promise.resolve();
    },
    rows: (table) => pages(database, table, { kind: 'plain' }),
    highest: () => Promise.resolve(highest(database)),
  };
}

/** Reads the rows of a table, as many at a time as may be in memory. */
function* pages(
  database: Database,
  table: CopiedTable,
  view: View,
): Generator<readonly CopiedRow[], undefined> {
  const most = rowsAtATime(table);
  let page: CopiedRow[] = [];
  for (const row of database
    .prepare<[], Cell[]>(queryOf(table, 'sqlite', view))
    .raw()
    .iterate()) {
    page.push(row.map(known));
    if (page.length < most) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}

/** Gives a value as PostgreSQL has it, whose text knows no NUL. */
const known = (cell: Cell): Cell =>
  typeof cell === 'string' && cell.includes('\0') ? cell.replaceAll('\0', '\uFFFD') : cell;

function prepareInsert(database: Database, { name, columns }: CopiedTable): (row: CopiedRow) => void {
  if (name === 'content') return prepareInsertPart(database);
  const names = Object.keys(columns).map((column) => nameIn('sqlite', column));
  const insert = database.prepare<Cell[]>(
    `INSERT INTO ${nameIn('sqlite', name)} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  );
  return (row) => {
    insert.run(...row);
  };
}

/** The first part of a message has a table of its own. */
function prepareInsertPart(database: Database): (row: CopiedRow) => void {
  const first = database.prepare<Cell[]>('INSERT INTO content (item_number, raw) VALUES (?, ?)');
  const next = database.prepare<Cell[]>('INSERT INTO content_part (item_number, part, raw) VALUES (?, ?, ?)');
  return ([item = null, part = null, raw = null]) => {
    if (part === 0) first.run(item, raw);
    else next.run(item, part, raw);
  };
}

function highest(database: Database): Highest {
  const get = database.prepare<[string], number>('SELECT seq FROM sqlite_sequence WHERE name = ?').pluck();
  const numbered = COPIED.filter(({ isNumbered }) => isNumbered === true);
  return Object.fromEntries(numbered.map(({ name }) => [name, get.get(nameIn('sqlite', name)) ?? 0]));
}

function raise(database: Database, table: string, number: number): void {
  if (number === 0) return;
  const { changes } = database
    .prepare<[number, string]>('UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?')
    .run(number, table);
  if (changes > 0) return;
  database
    .prepare<[string, number]>('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)')
    .run(table, number);
}
