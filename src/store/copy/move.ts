/**
 * Moves a store from one adapter to the other: the one place that has both open.
 *
 * Contract: no daemon works on either meanwhile. The copy is one transaction in PostgreSQL, and a file that is put in its
 * place when it is whole in SQLite: it is there whole or not at all. The store that was copied stays as it is, but for the
 * mark by which no daemon starts on it by mistake.
 * Failure: {@link CopyError}, and {@link StoreError} for a store that cannot be opened.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { placeOf, readAddress } from '../postgres/address.ts';
import { DatabaseClock } from '../postgres/clock.ts';
import type { Connection } from '../postgres/connection.ts';
import { type Statements, statementsOf } from '../postgres/database.ts';
import { explain, isLoss } from '../postgres/explain.ts';
import { liveHosts } from '../postgres/live-hosts.ts';
import { markMoved as markPostgres, requireNotMoved as requirePostgres } from '../postgres/moved-mark.ts';
import { ensureSchema } from '../postgres/schema.ts';
import { inTransaction, type LineOptions, withLine } from '../postgres/single-line.ts';
import { markMoved as markSqlite, requireNotMoved as requireSqlite } from '../sqlite/moved-mark.ts';
import { claimStore } from '../sqlite/one-daemon.ts';
import { type Database, ensureStore, lockStore, openConnection, syncDirectory } from '../sqlite/schema.ts';
import { StoreError } from '../store-error.ts';
import { CopyError, type Counts, copyRows, type Watch } from './copy.ts';
import { postgresDestination, postgresSource } from './postgres-side.ts';
import { sqliteDestination, sqliteSource } from './sqlite-side.ts';
import { COPIED } from './tables.ts';

/** A database of PostgreSQL. */
export interface PostgresPlace {
  readonly url: string;
  readonly password: string | undefined;
}

/** The stores of a move: one of each kind. */
export interface Move extends Watch {
  /** The file of the one in SQLite. */
  readonly path: string;
  readonly postgres: PostgresPlace;
  readonly now: number;
}

/** How long work waits for another process's lock. */
const BUSY_TIMEOUT_MS = 5000;

/** Tables that have rows only where somebody has used the store. */
const USED = ['users', 'removed_user', 'thread', 'item'];

/** Copies the store at a path to PostgreSQL; the rows of each table. */
export async function copyToPostgres({ path, postgres, now, ...watch }: Move): Promise<Counts> {
  return await alone(path, async () => {
    ensureStore(path);
    requireSqlite(path);
    const counts = await onSqlite(path, async (database) =>
      onPostgres(postgres, async (line, place) => {
        const fill = async (statements: Statements): Promise<Counts> => {
          await requireUnserved(statements, place);
          await requireUnused(statements, place);
          const transaction = { statements, clock: await clockOf(statements) };
          return await copyRows(sqliteSource(database, now), postgresDestination(transaction), watch);
        };
        return await inTransaction(line, 'READ COMMITTED', fill);
      }),
    );
    markFile(path, now);
    return counts;
  });
}

/** Copies the store in PostgreSQL to a file; the rows of each table. */
export async function copyToSqlite({ path, postgres, now, ...watch }: Move): Promise<Counts> {
  const read = async (statements: Statements, place: string): Promise<Counts> => {
    await requireUnserved(statements, place);
    await requirePostgres(statements, place);
    const source = postgresSource({ statements, clock: await clockOf(statements) }, now);
    const counts = await inNewFile(path, (database) => copyRows(source, sqliteDestination(database), watch));
    await markPostgres(statements, now);
    return counts;
  };
  // The snapshot is behind whatever daemon was there: none enters before the end.
  const first = 'LOCK TABLE host IN SHARE ROW EXCLUSIVE MODE';
  return await onPostgres(postgres, (line, place) =>
    inTransaction(line, 'REPEATABLE READ', (statements) => read(statements, place), first),
  );
}

/** Takes the mark of a store away, so that a daemon starts on it again; whether there was one. */
export async function takeBack(store: string | PostgresPlace): Promise<boolean> {
  if (typeof store === 'string') return await alone(store, () => Promise.resolve(markFile(store, undefined)));
  return await onPostgres(store, (line) =>
    inTransaction(line, 'READ COMMITTED', (statements) => markPostgres(statements, undefined)),
  );
}

function markFile(path: string, at: number | undefined): boolean {
  const database = openConnection(path, { readonly: false, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    return markSqlite(database, at);
  } finally {
    database.close();
  }
}

/** Does work on a store in SQLite while no daemon has it. */
async function alone<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = lockStore(path);
  try {
    const claim = await claimStore(path);
    try {
      return await work();
    } finally {
      claim?.close();
    }
  } finally {
    lock.close();
  }
}

/** Does work on one state of a store in SQLite. */
async function onSqlite<T>(path: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = openConnection(path, { readonly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    database.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
    return await work(database);
  } finally {
    database.close();
  }
}

/** Does work on a connection to PostgreSQL, with the schema of this version. */
async function onPostgres<T>(
  { url, password }: PostgresPlace,
  work: (line: Connection, place: string) => Promise<T>,
): Promise<T> {
  const read = readAddress(url);
  if (!read.ok) throw new StoreError('unusable', read.problem);
  const place = placeOf(read.address);
  const options: LineOptions = { address: read.address, password, name: 'mailgw-ctl db copy' };
  try {
    return await withLine(options, async (line) => {
      await ensureSchema(
        statementsOf((sql, values) => line.ask(sql, values)),
        { ...options, place },
      );
      return await work(line, place);
    });
  } catch (error) {
    if (error instanceof StoreError || error instanceof CopyError || !isFromServer(error)) throw error;
    throw explain(place, error);
  }
}

/** Tells whether an error is of the server's, or of the way to it. */
const isFromServer = (error: unknown): boolean =>
  isLoss(error) || (error instanceof Error && 'severity' in error);

async function requireUnserved(statements: Statements, place: string): Promise<void> {
  const hosts = await liveHosts(statements);
  if (hosts.length === 0) return;
  const names = hosts.map(({ name }) => name).join(', ');
  throw new CopyError(
    'served',
    `${place}: mailgwd runs on it at ${names}; stop it there first (systemctl stop mailgw)`,
  );
}

/** Throws where the database has users or mail; whatever else a daemon may have left there goes. */
async function requireUnused(statements: Statements, place: string): Promise<void> {
  const used = await statements.first<{ used: boolean }>(
    `SELECT ${USED.map((table) => `EXISTS (SELECT FROM ${table})`).join(' OR ')} AS used`,
  );
  if (used?.used === true)
    throw new CopyError('not-empty', `${place}: has users or mail already; name a database that is empty`);
  for (const { name } of COPIED.toReversed())
    await statements.run(`DELETE FROM ${name}${name === 'flag' ? " WHERE name <> 'store'" : ''}`);
}

async function clockOf(statements: Statements): Promise<DatabaseClock> {
  const clock = new DatabaseClock();
  await clock.measure(statements);
  return clock;
}

/** Fills a new file beside the place, and puts it there when it is whole. */
async function inNewFile(path: string, fill: (database: Database) => Promise<Counts>): Promise<Counts> {
  requireFree(path);
  // A daemon removes what it finds under such names of processes that were killed.
  const draft = `${path}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    ensureStore(draft);
    const database = openConnection(draft, { readonly: false, busyTimeoutMs: 0 });
    let counts: Counts;
    try {
      database.exec('BEGIN IMMEDIATE');
      database.exec("DELETE FROM flag WHERE name <> 'store'");
      counts = await fill(database);
      database.exec('COMMIT');
    } finally {
      database.close(); // the last connection: the copy is one file now
    }
    await publish(draft, path);
    return counts;
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(draft + suffix, { force: true });
  }
}

/** Throws where there is a store with users or mail at a path. */
function requireFree(path: string): void {
  if (!existsSync(path)) return;
  const database = openConnection(path, { readonly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    const tables = USED.map((table) => `EXISTS (SELECT 1 FROM ${table === 'users' ? 'user' : table})`);
    const used = database
      .prepare<[], number>(`SELECT ${tables.join(' OR ')}`)
      .pluck()
      .get();
    if (used !== 0)
      throw new CopyError('not-empty', `${path}: has users or mail already; name a file that is not there`);
  } finally {
    database.close();
  }
}

/** Puts a whole file in its place, where none is, or one that nobody has used. */
async function publish(draft: string, path: string): Promise<void> {
  if (!existsSync(path)) linkSync(draft, path);
  else
    await alone(path, () => {
      requireFree(path);
      for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
      renameSync(draft, path);
      return Promise.resolve();
    });
  syncDirectory(dirname(path));
}
