/**
 * The store of a site, opened: the one place that knows both adapters.
 *
 * Contract: an adapter is loaded when it is opened, so that nothing of the other one is in memory. A daemon has its place
 * on this host to itself; tools work beside it.
 * Failure: {@link StoreError}; whoever tells it names the setting before it ({@link storeKey}).
 */
import { createHash } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import type { Server } from 'node:net';
import { basename, dirname } from 'node:path';
import type { SecretText } from '../config/secret-file.ts';
import type { StoreNews } from '../store/sqlite/store.ts';
import type { Store } from '../store/store.ts';
import { inUse, StoreError } from '../store/store-error.ts';
import { claimName } from '../system/claimed-name.ts';
import { errorText } from '../system/error-text.ts';
import { readPassword, type StoreSettings } from './store-place.ts';

/** The demands of a daemon on its store. */
export interface StoreHooks {
  /** Memory of commit-measures.ts, in which commits are measured. */
  readonly measures: SharedArrayBuffer;
  /** Told once when nothing can be stored any more. */
  readonly onBroken: (error: Error) => void;
  /** Told of what becomes of the store's files. */
  readonly onNews: (news: StoreNews) => void;
}

/** Opens the store for a daemon. */
export async function openDaemonStore(config: StoreSettings, hooks: StoreHooks): Promise<Store> {
  const { path, url, passwordFile, host, connections, keepContentMs } = config.store;
  const keepContent = keepContentMs > 0;
  if (url === undefined) {
    const { openSqliteStore } = await import('../store/sqlite/store.ts');
    return await openSqliteStore({ path, mode: 'daemon', keepContent, ...hooks });
  }
  const claim = await claimPlace(path);
  try {
    const { openPostgresStore } = await import('../store/postgres/store.ts');
    const password = passwordOf(readPassword(passwordFile));
    const { onBroken, measures } = hooks;
    const settings = { url, password, host, keepContent, connections };
    const store = await openPostgresStore({ ...settings, mode: 'daemon', onBroken, measures });
    return {
      ...store,
      close: async () => {
        await store.close();
        claim?.close();
      },
    };
  } catch (error) {
    claim?.close();
    throw error;
  }
}

/** A tool's way to the store: what only root may read of it has been read, and nothing is open yet. */
export function prepareToolStore({ store }: StoreSettings): () => Promise<Store> {
  const { path, url, passwordFile, host } = store;
  if (url === undefined)
    return async () => {
      const { openSqliteStore } = await import('../store/sqlite/store.ts');
      return await openSqliteStore({ path, mode: 'tool' });
    };
  const read = readPassword(passwordFile);
  return async () => {
    const { openPostgresStore } = await import('../store/postgres/store.ts');
    const password = passwordOf(read);
    return await openPostgresStore({ url, password, mode: 'tool', host, connections: 1 });
  };
}

function passwordOf(read: SecretText | undefined): string | undefined {
  if (read?.ok === false) throw new StoreError('refused', read.problem);
  return read?.text;
}

/**
 * Claims the daemon's place on this host, since no file of the store's keeps a second daemon away. The place is the directory
 * itself, whatever its path.
 */
async function claimPlace(path: string): Promise<Server | undefined> {
  const { dev, ino } = makeDirectory(dirname(path));
  const place = createHash('sha256')
    .update(`${dev} ${ino} ${basename(path)}`)
    .digest('hex');
  const claim = await claimName(`mailgw-place-${place}`);
  if (claim === 'taken') throw inUse(path);
  return claim;
}

function makeDirectory(directory: string): { readonly dev: bigint; readonly ino: bigint } {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    return statSync(directory, { bigint: true });
  } catch (error) {
    throw new StoreError(
      'no-directory',
      `${directory} cannot be made: ${errorText(error)}; make it, owned by the user of mailgwd (store.path)`,
    );
  }
}
