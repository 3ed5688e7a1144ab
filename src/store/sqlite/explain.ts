/**
 * SQLite's and the system's errors in one line that says what is wrong with a store's files and names the way out.
 *
 * Contract: a {@link StoreError} is for people and for the exit status; `codeOf` is for decisions while running.
 * What the file system tells (a directory in the way, permissions, a read-only mount) is looked up, because SQLite
 * says only "unable to open database file" to all of it.
 */
import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Sqlite from 'better-sqlite3';
import { errorText } from '../../system/error-text.ts';
import { StoreError } from '../store-error.ts';

/** Gives the SQLite result code of an error, or an empty text. */
export function codeOf(error: unknown): string {
  return error instanceof Sqlite.SqliteError ? error.code : '';
}

/**
 * Tells whether a result code says that the disk is full; the index of the log, shared memory in a file, has its own.
 */
export function isFull(code: string): boolean {
  return code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_SHMSIZE';
}

/** Runs `action` on the store at `path`, so that what it throws is a {@link StoreError}. */
export function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw explain(path, error);
  }
}

/** Throws when the file system would not let this process work on the store at `path`. */
export function checkPlace(path: string): void {
  const obstacle = findObstacle(path);
  if (obstacle !== undefined) throw new StoreError('unusable', obstacle);
}

/** Makes the error of a damaged store. */
export function damaged(path: string, detail: string): StoreError {
  return new StoreError(
    'damaged',
    `${path} is damaged (${detail.replaceAll(/\s+/g, ' ')}); stop mailgwd, keep the file, and restore it from a backup (mailgw-ctl db restore FILE)${adviceOnLog(path)}`,
  );
}

/** Warns of the log of another store: a backup that was put beside it is damaged by it, and so is the next one. */
function adviceOnLog(path: string): string {
  const bytes = statOf(`${path}-wal`)?.size ?? 0;
  return bytes === 0
    ? ''
    : `; if ${path} was put there by hand, ${path}-wal may be the log of another store: "mv ${path}-wal ${path}-wal.old" moves it aside`;
}

/** Makes the error of a log whose store is gone: a new store would be damaged by it. */
export function logAlone(path: string): StoreError {
  return new StoreError(
    'damaged',
    `${path} is not there, and the log of a store is: ${path}-wal; put its store back or restore a backup (mailgw-ctl db restore FILE), or for a new store move it aside: mv ${path}-wal ${path}-wal.old`,
  );
}

/** Makes the error of a file that is no store of ours. */
export function notAStore(path: string, what: string): StoreError {
  return new StoreError(
    'not-a-database',
    `${path} ${what}; restore it from a backup, or name another file, or remove it to start a new store`,
  );
}

/** Turns any error of work on the store at `path` into a {@link StoreError}. */
export function explain(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const detail = errorText(error);
  const code = codeOf(error);
  if (code === 'SQLITE_NOTADB') return notAStore(path, 'is not a database');
  if (code.startsWith('SQLITE_CORRUPT')) return damaged(path, detail);
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new StoreError(
      'locked',
      `${path} is locked by another process; "fuser -v ${path}" names it, end it and start again`,
    );
  }
  if (isFull(code)) {
    return new StoreError('unusable', `${path}: its file system is full; free some space and start again`);
  }
  return new StoreError('unusable', findObstacle(path) ?? `${path} cannot be used: ${detail}`);
}

/** Finds what stands between this process and the store's file and directory, if anything does. */
function findObstacle(path: string): string | undefined {
  if (statOf(path)?.isDirectory() === true) return `${path} is a directory; store.path names a file`;
  for (const place of [dirname(path), path, `${path}-wal`, `${path}-shm`, `${path}.lock`]) {
    const code = writeProblem(place);
    if (code === 'EROFS')
      return `${place} is on a file system that is mounted read-only; mount it read-write`;
    if (code === 'EACCES') return `${place} ${notWritable(place)}`;
  }
  return undefined;
}

function notWritable(place: string): string {
  const stat = statOf(place);
  const uid = process.getuid?.() ?? '?';
  const owner =
    stat === undefined
      ? ''
      : ` (it belongs to user ${stat.uid}, mode ${(stat.mode & 0o7777).toString(8).padStart(4, '0')})`;
  return `is not readable and writable for user ${uid}${owner}; give it to that user (chown ${uid} ${place}; chmod u+rw ${place}), or start mailgw as its owner`;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/**
 * Gives the code with which the system refuses to let this process read and write `place`; none where nothing is
 * there.
 */
function writeProblem(place: string): string | undefined {
  try {
    accessSync(place, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : undefined;
  }
}
