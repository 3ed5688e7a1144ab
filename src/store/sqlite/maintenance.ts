/**
 * Work on a store's files beside a running daemon: backup and vacuum.
 *
 * Contract: a backup is one snapshot, whatever is written meanwhile, and a file at its destination is always a whole
 * and checked copy: it is made beside it, checked, synced and only then linked into place. Vacuum takes the writer's
 * lock for a few milliseconds at a time.
 * Failure: StoreError for the store; BackupError for the copy, of which nothing is left behind then.
 * Interruption: a signal that aborts ends either between two steps, with nothing half done.
 * Limits: the log cannot begin anew while a backup reads, so it grows by what is written meanwhile.
 */
import { chmodSync, closeSync, constants, existsSync, linkSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorText } from '../../system/error-text.ts';
import { checkStore } from './check.ts';
import { explain, guarded } from './explain.ts';
import { preparePrune } from './prune.ts';
import { type Database, openConnection, syncDirectory } from './schema.ts';

/** Told how far work has come. */
export type Progress = (done: number, total: number) => void;

/** The reason why there is no copy at the destination. */
export class BackupError extends Error {
  readonly kind: 'exists' | 'cannot-create' | 'bad-copy' | 'interrupted';

  constructor(kind: BackupError['kind'], message: string) {
    super(message);
    this.name = 'BackupError';
    this.kind = kind;
  }
}

/** Pages copied between two reports. */
const PAGES_PER_STEP = 2000;

/** How long work waits for another process's lock. */
const BUSY_TIMEOUT_MS = 5000;

/** Copies the store at `path` to the new file `destination`; the number of items and bytes in the copy. */
export async function backupStore(
  path: string,
  destination: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ items: number; bytes: number }> {
  if (existsSync(destination)) throw occupied(destination);
  const part = `${destination}.part-${process.pid}`;
  reserve(part);
  try {
    await copy(path, part, progress, signal);
    const { items, problems } = checkStore(part);
    const [problem] = problems;
    if (problem !== undefined)
      throw new BackupError('bad-copy', `the copy fails its check: ${problem.rule}: ${problem.detail}`);
    stamp(part, Date.now());
    publish(part, destination);
    return { items, bytes: statSync(destination).size };
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(part + suffix, { force: true });
  }
}

const occupied = (destination: string): BackupError =>
  new BackupError(
    'exists',
    `${destination}: is there already, and a backup never overwrites; name a new file`,
  );

/** Makes the file, for its owner alone, before anything is in it. */
function reserve(part: string): void {
  try {
    closeSync(openSync(part, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
    chmodSync(part, 0o600);
  } catch (error) {
    const detail = errorText(error);
    throw new BackupError(
      'cannot-create',
      `${dirname(part)}: no file can be made there by user ${process.getuid?.() ?? '?'}, to whom the store belongs (${detail}); name a directory of that user`,
    );
  }
}

async function copy(path: string, part: string, progress: Progress, signal: AbortSignal): Promise<void> {
  const source = openConnection(path, { readonly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    // Holding the snapshot keeps SQLite from starting over with every commit of the daemon's.
    source.exec('BEGIN; SELECT count(*) FROM sqlite_schema');
    const { totalPages: pages } = await source.backup(part, {
      progress: ({ totalPages, remainingPages }) => {
        progress(totalPages - remainingPages, totalPages);
        if (signal.aborted) throw new BackupError('interrupted', 'interrupted; nothing was kept');
        return PAGES_PER_STEP;
      },
    });
    progress(pages, pages);
  } catch (error) {
    throw error instanceof BackupError ? error : explain(path, error);
  } finally {
    source.close();
  }
}

/** Writes into a copy when it was made: what is newer is not in it. */
function stamp(part: string, now: number): void {
  const database = openConnection(part, { readonly: false, busyTimeoutMs: 0 });
  try {
    database
      .prepare(
        `INSERT INTO flag (name, value) VALUES ('backed_up_at', ?)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      )
      .run(now);
  } finally {
    database.close();
  }
}

/** Copies what a connection has open to the new file `destination`, while it goes on answering. */
export async function copyOpenStore(database: Database, destination: string): Promise<void> {
  const part = `${destination}.part-${process.pid}`;
  reserve(part);
  try {
    await database.backup(part, { progress: () => PAGES_PER_STEP });
    publish(part, destination);
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(part + suffix, { force: true });
  }
}

function publish(part: string, destination: string): void {
  // A copy without a log beside it is one file, and stays so wherever it is taken.
  openConnection(part, { readonly: false, busyTimeoutMs: 0 }).close();
  try {
    linkSync(part, destination);
  } catch (error) {
    if (existsSync(destination)) throw occupied(destination);
    throw error;
  }
  syncDirectory(dirname(destination));
}

/** The store's size before and after, in bytes. */
export interface Vacuumed {
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** False when it was interrupted. */
  readonly isWhole: boolean;
}

/** Gives all unused pages of the store at `path` back to the file system, a few at a time. */
export async function vacuumStore(path: string, progress: Progress, signal: AbortSignal): Promise<Vacuumed> {
  const bytesBefore = statSync(path).size;
  const database = openConnection(path, { readonly: false, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    const free = guarded(path, () => Number(database.pragma('freelist_count', { simple: true })));
    const step = prepareStep(database);
    let left = free;
    while (left > 0 && !signal.aborted) {
      const rest = guarded(path, step);
      if (rest === left) break; // a file that was made without auto_vacuum
      left = rest;
      progress(Math.max(0, free - left), free);
      await sleep(1); // lets the daemon's writer in
    }
    guarded(path, () => database.pragma('wal_checkpoint(PASSIVE)'));
    return { bytesBefore, bytesAfter: statSync(path).size, isWhole: left === 0 || !signal.aborted };
  } finally {
    database.close();
  }
}

/** Prepares one step of a vacuum, a transaction of its own; it gives the number of pages that are still unused. */
function prepareStep(database: Database): () => number {
  const { prune } = preparePrune(database);
  const shrink = database.transaction(() => {
    prune({ contentBefore: 0, rowsBefore: 0, dedupeBefore: 0, keepFreeBytes: 0 });
    return Number(database.pragma('freelist_count', { simple: true }));
  });
  return () => shrink.immediate();
}
