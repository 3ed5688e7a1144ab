/**
 * What a daemon still has open of a store whose files were moved or removed under it, and how it comes back.
 *
 * Contract: where only the log is gone, what was in it is copied into the database, which then is whole. Else all of it
 * is copied to a new file beside the store's path, PATH.rescued-TIME. A start that finds no store takes a copy of the
 * last day for it, so that a removal costs neither mail nor addresses; where there is a store, the copy is left alone.
 * Failure: rejects; the daemon then has the only copy, in memory of the kernel's, until it ends.
 */
import { existsSync, linkSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { copyOpenStore } from './maintenance.ts';
import { type Database, syncDirectory } from './schema.ts';
import type { StoreFiles } from './store-files.ts';

/** A copy is taken for the store itself as long as it is no older. */
const FRESH_MS = 86_400_000;

const RESCUED_NAME = /\.rescued-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

/** Saves what the connection sees; in words, where it is. */
export async function rescue(database: Database, path: string, files: StoreFiles): Promise<string> {
  if (files.isDatabaseIntact() && mergeLog(database))
    return `${path} has everything that was accepted; restart mailgwd`;
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const copy = `${path}.rescued-${time}`;
  await copyOpenStore(database, copy);
  return `${copy} has everything that was accepted; where nothing is at ${path}, a restart of mailgwd takes it`;
}

/** Copies the log into the database; whether all of it is there. */
function mergeLog(database: Database): boolean {
  try {
    const [result] = database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    return result?.busy === 0;
  } catch {
    return false;
  }
}

/** Finds the latest copy of a lost store beside its path, and the time when it was made. */
export function latestRescued(path: string): { readonly file: string; readonly at: number } | undefined {
  const copies = namesIn(dirname(path)).flatMap((name) => {
    const time = name.startsWith(`${basename(path)}.`) ? RESCUED_NAME.exec(name) : null;
    if (time === null) return [];
    const [year = 0, month = 1, day, hour, minute, second] = time.slice(1).map(Number);
    return [{ file: join(dirname(path), name), at: Date.UTC(year, month - 1, day, hour, minute, second) }];
  });
  return copies.sort((a, b) => a.at - b.at).at(-1);
}

/** Finds the copy that the next start takes for the store; none where there is a store. */
export function adoptable(path: string, now: number): string | undefined {
  const latest = existsSync(path) ? undefined : latestRescued(path);
  return latest !== undefined && now - latest.at < FRESH_MS ? latest.file : undefined;
}

/** Puts such a copy in the store's place; the file that it was. */
export function adoptRescued(path: string, now: number): string | undefined {
  const copy = adoptable(path, now);
  if (copy === undefined) return undefined;
  // They are of the store that is gone, and the copy has what stood in them.
  for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true });
  linkSync(copy, path);
  rmSync(copy);
  syncDirectory(dirname(path));
  return copy;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // whoever opens the store says what is wrong
  }
}
