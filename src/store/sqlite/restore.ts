/**
 * Puts a backup in the store's place, while no daemon serves it.
 *
 * Contract: the backup is copied beside the store, its log too where it has one, opened, examined and brought up to
 * date there; only a sound copy takes the store's place, in one rename. The store that was there is kept, complete, beside it.
 * Failure: StoreError for the place and for a backup that cannot be read, RestoreError for one that is unsound; the
 * store is as it was, and of the copy nothing is left.
 */
import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { StoreCheck } from '../store-check.ts';
import { checkStore } from './check.ts';
import { explain } from './explain.ts';
import { OPEN } from './migrations.ts';
import { claimStore } from './one-daemon.ts';
import { type Highest, highestNumbers, markRestored } from './restores.ts';
import { type Database, ensureStore, lockStore, openConnection, syncDirectory } from './schema.ts';

/** A backup that must not take the store's place. */
export class RestoreError extends Error {
  override readonly name = 'RestoreError';
}

/** A backup, opened by whoever may read it. */
export interface BackupFile {
  readonly name: string;
  readonly database: number;
  /** Its log; undefined for a backup as `db backup` makes them. */
  readonly log: number | undefined;
}

/**
 * The loss of a restore: what the present store has and the backup has not. Undefined where there is no store, or
 * none that can be read.
 */
export interface Lost {
  readonly replies: number;
  readonly users: number;
  readonly threads: number;
}

/** The result of a restore, done or only tried. */
export interface Restored {
  readonly items: number;
  readonly backedUpAt: number;
  readonly lost: Lost | undefined;
  /** Where the present store is kept; undefined where there is none. */
  readonly kept: string | undefined;
}

/** Restores; asks `confirm` with what it would do before anything changes. Rejects with what that rejects with. */
export async function restoreStore(
  path: string,
  backup: BackupFile,
  now: number,
  confirm: (restored: Restored) => Promise<void>,
): Promise<Restored> {
  const lock = lockStore(path);
  const claim = await claimStore(path).catch((error: unknown) => {
    lock.close();
    throw error;
  });
  const draft = `${path}.restore-${process.pid}`;
  try {
    copyFile(backup.database, draft);
    if (backup.log !== undefined) copyFile(backup.log, `${draft}-wal`);
    const restored = examine(path, draft, backup, now);
    await confirm(restored);
    mark(path, draft, restored.backedUpAt, now);
    setAside(path, restored.kept ?? `${path}.before-${stampOf(now)}`);
    renameSync(draft, path);
    syncDirectory(dirname(path));
    return restored;
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(draft + suffix, { force: true });
    claim?.close();
    lock.close();
  }
}

function copyFile(from: number, to: string): void {
  const buffer = Buffer.allocUnsafe(1024 * 1024);
  const file = openSync(to, 'wx', 0o600);
  try {
    fchmodSync(file, 0o600);
    for (let position = 0; ; ) {
      const bytes = readSync(from, buffer, 0, buffer.length, position);
      if (bytes === 0) break;
      writeSync(file, buffer, 0, bytes);
      position += bytes;
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Brings the copy up to date, examines it, and compares it with the present store. */
function examine(path: string, draft: string, backup: BackupFile, now: number): Restored {
  const { name, database: fd } = backup;
  const { items, problems } = examined(draft, name);
  const [problem] = problems;
  if (problem !== undefined)
    throw new RestoreError(`${name}: fails its check: ${problem.rule}: ${problem.detail}`);
  return on(draft, (database) => {
    const backedUpAt = database
      .prepare<[], number>("SELECT value FROM flag WHERE name = 'backed_up_at'")
      .pluck()
      .get();
    const kept = existsSync(path) ? `${path}.before-${stampOf(now)}` : undefined;
    const lost = kept === undefined ? undefined : compare(path, database);
    return { items, backedUpAt: backedUpAt ?? Math.floor(fstatSync(fd).mtimeMs), lost, kept };
  });
}

function examined(draft: string, name: string): StoreCheck {
  try {
    ensureStore(draft);
    return checkStore(draft);
  } catch (error) {
    // The rest of the line is advice for a store.
    const [what = ''] = explain(draft, error).message.replaceAll(draft, name).split('; ', 1);
    throw new RestoreError(`${what}; nothing was changed`, { cause: error });
  }
}

const stampOf = (now: number): string => new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');

/** Finds what the present store has beyond the copy; undefined where it cannot be read. */
function compare(path: string, copy: Database): Lost | undefined {
  const known = copy.prepare<[string], 1>('SELECT 1 FROM item WHERE id = ?').pluck();
  const there = highestNumbers(copy);
  try {
    return on(path, (present) => {
      const ids = present
        .prepare<[], string>(`SELECT id FROM item WHERE state IN ${OPEN} OR state IN ('held','failed')`)
        .pluck();
      const here = highestNumbers(present);
      let replies = 0;
      for (const id of ids.iterate()) if (known.get(id) === undefined) replies++;
      const more = (kind: keyof Highest): number => Math.max(0, here[kind] - there[kind]);
      return { replies, users: more('users'), threads: more('threads') };
    });
  } catch {
    return undefined; // it is why somebody restores
  }
}

function mark(path: string, draft: string, backedUpAt: number, now: number): void {
  let lost: Highest | undefined;
  try {
    lost = existsSync(path) ? on(path, highestNumbers) : undefined;
  } catch {
    lost = undefined;
  }
  const database = openConnection(draft, { readonly: false, busyTimeoutMs: 0 });
  try {
    markRestored(database, { backedUpAt, now, lost });
  } finally {
    database.close(); // the last connection: the copy is one file now
  }
}

/** Keeps the present store under another name as it is, its log beside it; what is left at its path is the database. */
function setAside(path: string, kept: string): void {
  for (const suffix of ['', '-wal']) if (existsSync(path + suffix)) linkSync(path + suffix, kept + suffix);
  syncDirectory(dirname(path));
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
}

function on<T>(path: string, read: (database: Database) => T): T {
  const database = openConnection(path, { readonly: true, busyTimeoutMs: 0 });
  try {
    return read(database);
  } finally {
    database.close();
  }
}
