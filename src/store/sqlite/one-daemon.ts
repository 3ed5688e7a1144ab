/**
 * A second proof that a store has one daemon, for whoever removed the file of the lock.
 *
 * Contract: while a daemon has a store, it listens on an abstract Unix socket named after the store's file and a number
 * that only the store knows: no file that could be removed, no name that could be taken beforehand, and gone with its
 * process. It is asked for before anything in the store is changed.
 * Limits: Linux; daemons in different network namespaces do not see each other's.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Server } from 'node:net';
import { claimName } from '../../system/claimed-name.ts';
import { inUse } from '../store-error.ts';
import { openConnection } from './schema.ts';

/** Claims the store at `path`; undefined where there is none yet, or no such sockets. Throws where another daemon has it. */
export async function claimStore(path: string): Promise<Server | undefined> {
  const name = claimOf(path);
  if (name === undefined) return undefined;
  const claim = await claimName(`mailgw-${name}`);
  if (claim === 'taken') throw inUse(path);
  return claim;
}

function claimOf(path: string): string | undefined {
  const file = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (file === undefined || process.platform !== 'linux') return undefined;
  const number = numberOf(path);
  if (number === undefined) return undefined;
  return createHash('sha256').update(`${file.dev} ${file.ino} ${number}`).digest('hex');
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
