/**
 * The SQLite files: how they are opened, created and migrated.
 *
 * Contract: a file at the store's path is always a complete store: a new one is built beside it and linked into
 * place. `synchronous=FULL` is set on every open, because this build of SQLite gives a second start NORMAL and
 * with it no fsync before a 250. Each of the migrations is one transaction; a newer schema is refused.
 * Failure: {@link StoreError} says what is wrong with the file in one line.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { inUse, StoreError } from '../store-error.ts';
import { codeOf, damaged, explain, guarded, logAlone, notAStore } from './explain.ts';
import { MIGRATIONS } from './migrations.ts';

/** An open SQLite connection. */
export type Database = Sqlite.Database;

/** Marks the file as ours: "mgw1" (PRAGMA application_id). */
const APPLICATION_ID = 0x6d677731;

/** A larger log means fewer checkpoints, each of which costs two fsyncs in the writer. */
const CHECKPOINT_PAGES = 4000;

/** The size that the log is kept at: the pages up to a checkpoint, and the largest batch on top of them. */
export const LOG_BYTES = 24 * 1024 * 1024;

/** The options of a connection; `busyTimeoutMs` bounds the wait for another process's write. */
export interface OpenOptions {
  readonly readonly: boolean;
  readonly busyTimeoutMs: number;
}

/** Makes the store at `path` if there is none, and brings an older one up to date. */
export function ensureStore(path: string): void {
  guarded(path, () => {
    if (!existsSync(path)) {
      if ((statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0) throw logAlone(path);
      createStore(path);
    }
    if (statSync(path).size === 0) throw notAStore(path, 'is empty');
    checkLog(path);
    const database = openConnection(path, { readonly: false, busyTimeoutMs: 5000 });
    try {
      migrate(database, path);
    } finally {
      database.close();
    }
  });
}

/** What a new store is called, with the number of the process that makes it, until it is whole. */
const DRAFT_NAME = /\.new-(\d+)-[0-9a-f]{8}(?:-wal|-shm|-journal)?$/;

/** Removes what processes left that were killed while they made a store here; for the daemon, which is alone. */
export function removeDrafts(path: string): void {
  for (const name of readdirSync(dirname(path))) {
    const maker = name.startsWith(basename(path)) ? DRAFT_NAME.exec(name)?.[1] : undefined;
    if (maker !== undefined && !isAlive(Number(maker))) rmSync(join(dirname(path), name), { force: true });
  }
}

/** Tells whether another process has this number; our own draft is not begun yet. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function createStore(path: string): void {
  const fresh = `${path}.new-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    const database = guarded(fresh, () => new Sqlite(fresh));
    chmodSync(fresh, 0o600);
    database.pragma('auto_vacuum = INCREMENTAL'); // only possible while the file is empty
    configure(database, { readonly: false, busyTimeoutMs: 0 });
    database.pragma(`application_id = ${APPLICATION_ID}`);
    migrate(database, fresh);
    database.close();
    linkSync(fresh, path); // fails when another process was quicker: then its store is the store
    syncDirectory(dirname(path));
  } catch (error) {
    if (!existsSync(path)) throw error;
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(fresh + suffix, { force: true });
  }
}

/** Makes the names in a directory as durable as the files. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** The first four bytes of a write-ahead log, by the byte order of its checksums. */
const LOG_MAGIC: readonly number[] = [0x377f0682, 0x377f0683];

/**
 * Refuses a file in the log's place that is none: SQLite would take it for an empty log, and forget without a word
 * what the real one promised. Zeros are what a crash leaves of a log without any promise in it.
 */
function checkLog(path: string): void {
  const log = `${path}-wal`;
  const head = Buffer.alloc(4);
  const file = openIfThere(log);
  if (file === undefined) return;
  try {
    if (readSync(file, head, 0, 4, 0) < 4) return;
  } finally {
    closeSync(file);
  }
  const magic = head.readUInt32BE(0);
  if (magic === 0 || LOG_MAGIC.includes(magic)) return;
  throw damaged(path, `${log} is not its write-ahead log`);
}

/** Opens a file to read; another process's last connection may remove it at any moment. */
function openIfThere(file: string): number | undefined {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Opens one connection to an existing store, with every pragma set. */
export function openConnection(path: string, options: OpenOptions): Database {
  const { readonly, busyTimeoutMs: timeout } = options;
  const database = guarded(path, () => new Sqlite(path, { readonly, timeout, fileMustExist: true }));
  try {
    guarded(path, () => {
      // First of all, because the other pragmas write: a database of somebody else stays as it is.
      const id = database.pragma('application_id', { simple: true });
      if (id !== APPLICATION_ID) throw notAStore(path, 'is not a mailgw store');
      configure(database, options);
    });
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function configure(database: Database, options: OpenOptions): void {
  database.pragma(`busy_timeout = ${options.busyTimeoutMs}`);
  if (!options.readonly) {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    database.pragma(`journal_size_limit = ${LOG_BYTES}`);
  }
  // better-sqlite3's own default is 16 MB a connection, which every large message fills.
  database.pragma('cache_size = -4000');
  database.pragma('foreign_keys = ON');
  database.pragma('cell_size_check = ON');
}

function migrate(database: Database, path: string): void {
  const versionOf = (): number => database.pragma('user_version', { simple: true }) as number;
  if (versionOf() > MIGRATIONS.length) {
    throw new StoreError(
      'newer-schema',
      `${path} has schema ${versionOf()}, this mailgw knows ${MIGRATIONS.length}; run the newer mailgw, or restore an older backup`,
    );
  }
  for (let version = versionOf(); version < MIGRATIONS.length; version++) {
    database
      .transaction(() => {
        // Another process may have migrated while this one waited for the lock.
        if (versionOf() !== version) return;
        database.exec(MIGRATIONS[version] ?? '');
        database.pragma(`user_version = ${version + 1}`);
      })
      .immediate();
  }
}

/** Reads every page's structure; throws when the file is damaged. */
export function checkIntegrity(database: Database, path: string): void {
  const problem = guarded(path, () => database.pragma('quick_check(1)', { simple: true }) as string);
  if (problem !== 'ok') throw damaged(path, problem.replace(/\s*\n\s*/g, ' '));
}

/**
 * Examines a store with the log that lies beside it, before any connection that writes copies the one into the other: a
 * log of another store ruins the database then. Whether there was a log to look at.
 */
export function examineWithLog(path: string): boolean {
  if (!existsSync(path) || (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0)
    return false;
  guarded(path, () => {
    checkLog(path);
  });
  const database = openConnection(path, { readonly: true, busyTimeoutMs: 5000 });
  try {
    checkIntegrity(database, path);
    return true;
  } finally {
    database.close();
  }
}

/** Takes the lock that one daemon holds on its store for as long as its process lives. */
export function lockStore(path: string): Database {
  const file = `${path}.lock`;
  const lock = guarded(file, () => new Sqlite(file));
  try {
    chmodSync(file, 0o600);
    lock.pragma('busy_timeout = 0');
    lock.pragma('journal_mode = MEMORY');
    lock.pragma('locking_mode = EXCLUSIVE');
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    if (codeOf(error).startsWith('SQLITE_BUSY')) {
      throw inUse(path);
    }
    throw explain(file, error);
  }
}
