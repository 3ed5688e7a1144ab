/**
 * A second proof that a store has one daemon, for whoever removed the file of the lock.
 *
 * Contract: while a daemon has a store, it has claimed the store's file and a number that only the store knows: no name
 * that could be taken beforehand. It is asked for before anything in the store is changed.
 * Limits: those of claim.ts.
 */
import { statSync } from 'node:fs';
import type { Server } from 'node:net';
import { claimName } from '../../system/claim.ts';
import { inUse } from '../store-error.ts';
import { openConnection } from './schema.ts';

/** Claims the store at `path`; undefined where there is none yet, or no such sockets. Throws where another daemon has it. */
export async function claimStore(path: string): Promise<Server | undefined> {
  const words = claimOf(path);
  const claim = words === undefined ? undefined : await claimName(words);
  if (claim === 'taken') throw inUse(path);
  return claim;
}

function claimOf(path: string): string | undefined {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (file === undefined) return undefined;
  const number = numberOf(path);
  return number === undefined ? undefined : `${file.dev} ${file.ino} ${number}`;
}

/** Reads the store's own number; undefined where it has none yet, or cannot be read: whoever opens it says why. */
function numberOf(path: string): number | undefined {
  try {
    const database = openConnection(path, { readonly: true, busyTimeoutMs: 0 });
    try {
      return database.prepare<[], number>("SELECT value FROM flag WHERE name = 'store'").pluck().get();
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}
