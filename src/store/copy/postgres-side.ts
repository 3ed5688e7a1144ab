/** A store in PostgreSQL, as rows are copied from it and to it. */
import type { DatabaseClock } from '../postgres/clock.ts';
import type { Value } from '../postgres/connection.ts';
import type { Statements } from '../postgres/database.ts';
import type { Destination, Highest, Source } from './side.ts';
import {
  type Cell,
  type CopiedRow,
  type CopiedTable,
  type Kind,
  queryOf,
  rowsAtATime,
  type View,
} from './table.ts';
import { COPIED } from './tables.ts';

/** The transaction that rows are read or written in, and the clock of the database. */
export interface Transaction {
  readonly statements: Statements;
  readonly clock: DatabaseClock;
}

/** Gives the source within a transaction that sees one state of the store. */
export function postgresSource(transaction: Transaction, now: number): Source {
  const view: View = { kind: 'settled', now: Math.round(transaction.clock.toDatabase(now)) };
  return {
    settledRows: (table) => pages(transaction, table, view),
    highest: () => highest(transaction.statements),
  };
}

/** Gives the destination within a transaction. */
export function postgresDestination(transaction: Transaction): Destination {
  const { statements } = transaction;
  return {
    write: (table, rows) => write(transaction, table, rows),
    raise: async (numbers) => {
      for (const table of numbered()) await raise(statements, table, numbers[table.name] ?? 0);
    },
    rows: (table) => pages(transaction, table, { kind: 'plain' }),
    highest: () => highest(statements),
  };
}

const numbered = (): readonly CopiedTable[] => COPIED.filter(({ isNumbered }) => isNumbered === true);

/** The names of cursors: two are open at a time at most. */
const cursorOf = ({ name }: CopiedTable): string => `mailgw_copy_${name}`;

/** Reads the rows of a table by a cursor, as many at a time as may be in memory. */
async function* pages(
  { statements, clock }: Transaction,
  table: CopiedTable,
  view: View,
): AsyncGenerator<readonly CopiedRow[], undefined> {
  const cursor = cursorOf(table);
  const kinds = Object.values(table.columns);
  const most = rowsAtATime(table);
  await statements.run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${queryOf(table, 'postgres', view)}`);
  for (;;) {
    const rows = await statements.rows<Record<string, Cell | boolean>>(`FETCH ${most} FROM ${cursor}`);
    if (rows.length > 0)
      yield rows.map((row) => kinds.map((kind, at) => fromDatabase(kind, row[`c${at}`] ?? null, clock)));
    if (rows.length < most) break;
  }
  await statements.run(`CLOSE ${cursor}`);
}

function fromDatabase(kind: Kind, value: Cell | boolean, clock: DatabaseClock): Cell {
  if (typeof value === 'boolean') return Number(value);
  return kind === 'clock' && typeof value === 'number' ? clock.toHost(value) : value;
}

function toDatabase(
  kind: Kind,
  cell: Cell,
  clock: DatabaseClock,
): string | number | boolean | Uint8Array | null {
  if (cell === null) return null;
  if (kind === 'flag') return cell === 1;
  return kind === 'clock' && typeof cell === 'number' ? clock.toDatabase(cell) : cell;
}

const TYPES: Readonly<Record<Kind, string>> = {
  integer: 'bigint',
  real: 'double precision',
  text: 'text',
  bytes: 'bytea',
  flag: 'boolean',
  clock: 'bigint',
};

async function write(
  { statements, clock }: Transaction,
  table: CopiedTable,
  rows: readonly CopiedRow[],
): Promise<void> {
  if (table.name === 'content') {
    await writeParts(statements, rows);
    return;
  }
  const columns = Object.entries(table.columns);
  const alone = Object.entries(table.hosts?.alone ?? {});
  const names = [...columns.map(([name]) => name), ...alone.map(([name]) => name)].join(', ');
  const lists = columns.map(([, kind], at) => `$${at + 1}::${TYPES[kind]}[]`).join(', ');
  const further = alone.map(([, value]) => `, ${value}`).join('');
  const cells = columns.map((_, at) => `c${at}`).join(', ');
  const values: Value[] = columns.map(([, kind], at) =>
    rows.map((row) => toDatabase(kind, row[at] ?? null, clock)),
  );
  await statements.run(
    `INSERT INTO ${table.name} (${names}) SELECT ${cells}${further} FROM unnest(${lists}) AS each (${cells})`,
    values,
  );
}

/** Writes parts of messages, each by itself: bytes alone travel as they are, those of a list as text of twice their size. */
async function writeParts(statements: Statements, rows: readonly CopiedRow[]): Promise<void> {
  const insert = 'INSERT INTO content (item_number, part, raw) VALUES ($1, $2, $3)';
  await Promise.all(rows.map((row) => statements.run(insert, row)));
}

/** The sequence of a numbered table. */
const sequenceOf = ({ name, key }: CopiedTable): string =>
  `pg_get_serial_sequence('${name}', '${key[0] ?? ''}')`;

async function highest(statements: Statements): Promise<Highest> {
  const given = numbered()
    .map(
      (table) =>
        `coalesce(pg_sequence_last_value(${sequenceOf(table)}::regclass), 0)::bigint AS ${table.name}`,
    )
    .join(', ');
  return (await statements.first<Record<string, number>>(`SELECT ${given}`)) ?? {};
}

async function raise(statements: Statements, table: CopiedTable, number: number): Promise<void> {
  const sequence = sequenceOf(table);
  await statements.run(
    `SELECT setval(${sequence}, $1) WHERE $1 > coalesce(pg_sequence_last_value(${sequence}::regclass), 0)`,
    [number],
  );
}
