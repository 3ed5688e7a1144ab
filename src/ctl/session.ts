/**
 * What a command works on: configuration, then secrets, then the store, opened in that order.
 *
 * Contract: each opener does what stands before it, and the store is closed again however the command ends. Root
 * has become the store's owner before the store is touched. A tool shares the store with a running daemon.
 * Failure: a Fault that names the setting, its value and the way out.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, EXIT, Fault, systemCode } from '../actions/fault.ts';
import { type NamedPeppers, readPeppers } from '../config/secret-file.ts';
import type { Config } from '../site/config.ts';
import { loadConfig } from '../site/config.ts';
import type { SecretSession, Session } from '../site/session.ts';
import type { Store } from '../store/store.ts';
import { STORE_EXIT } from '../store/store-error.ts';
import type { Context } from './command.ts';
import { becomeStoreOwner } from './owner.ts';

/** Opens the configuration; throws a Fault with every problem. */
export function openConfig(context: Context): Config {
  const loaded = loadConfig(context.configPath);
  if (!loaded.ok) throw new Fault(EXIT.configuration, loaded.problems);
  return loaded.config;
}

/** Reads the peppers; throws a Fault that says what is wrong with their files. */
export function openPeppers(config: Config): NamedPeppers {
  const read = readPeppers(config);
  if (read.ok) return read.peppers;
  throw new Fault(EXIT.configuration, read.problems);
}

/** Runs `use` on the configured store. */
export async function withStore<T>(context: Context, use: (session: Session) => Promise<T>): Promise<T> {
  const config = openConfig(context);
  return onStore(config, (store) => use({ config, store }));
}

/** Runs `use` on the configured store with the peppers. */
export async function withPepper<T>(
  context: Context,
  use: (session: SecretSession) => Promise<T>,
): Promise<T> {
  const config = openConfig(context);
  const peppers = openPeppers(config);
  return onStore(config, (store) => use({ config, peppers, store }));
}

/** Runs `use` on the path of the configured store, which must be there, as the user to whom it belongs. */
export async function onStoreFile(context: Context, use: (path: string) => Promise<void>): Promise<void> {
  await onStorePlace(openConfig(context), (path) => {
    if (existsSync(path)) return use(path);
    throw new Fault(
      EXIT.inputOutput,
      `store.path: ${path}: there is no store yet; mailgwd or "mailgw-ctl user add" makes it`,
    );
  });
}

/** Runs `use` on the path of the configured store, whether there is one or not, as the user to whom it belongs. */
export async function onStorePlace(
  { store: { path } }: Config,
  use: (path: string) => Promise<void>,
): Promise<void> {
  becomeStoreOwner(path);
  checkAccess(path);
  const { StoreError } = await import('../store/sqlite/store.ts');
  process.umask(0o077);
  try {
    await use(path);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new Fault(STORE_EXIT[error.kind], `store.path: ${error.message}`, { cause: error });
  }
}

async function onStore<T>(config: Config, use: (store: Store) => Promise<T>): Promise<T> {
  const { path } = config.store;
  becomeStoreOwner(path);
  checkAccess(path);
  const store = await openStore(path);
  try {
    return await use(store);
  } catch (error) {
    const code = systemCode(error);
    if (code?.startsWith('SQLITE_') !== true) throw error;
    const what = code.startsWith('SQLITE_BUSY')
      ? `is locked by another process; "fuser -v ${path}" names it, then try again`
      : `${describe(error)}; try again`;
    throw new Fault(EXIT.unavailable, `store.path: ${path}: ${what}`, { cause: error });
  } finally {
    await store.close();
  }
}

/** Says in words what SQLite would call "unable to open database file" or "attempt to write a readonly database". */
function checkAccess(path: string): void {
  const directory = dirname(path);
  if (!existsSync(directory)) {
    throw new Fault(
      EXIT.cannotCreate,
      `store.path: ${directory}: there is no such directory, or not for this user; "mailgw-ctl init" makes it`,
    );
  }
  for (const place of existsSync(path) ? [directory, path] : [directory]) {
    try {
      accessSync(place, constants.R_OK | constants.W_OK);
    } catch (error) {
      const isReadOnly = systemCode(error) === 'EROFS';
      throw new Fault(
        EXIT.inputOutput,
        isReadOnly
          ? `store.path: ${place}: is on a file system that is mounted read-only; mount it read-write`
          : `store.path: ${place}: this user (${process.getuid?.() ?? '?'}) may not write it; run the command as root or as the user of the daemon`,
      );
    }
  }
}

async function openStore(path: string): Promise<Store> {
  const { openSqliteStore, StoreError } = await import('../store/sqlite/store.ts');
  // Whatever is made here (a first database, its log) is for its owner alone.
  process.umask(0o077);
  try {
    return await openSqliteStore({ path, mode: 'tool' });
  } catch (error) {
    const status = error instanceof StoreError ? STORE_EXIT[error.kind] : EXIT.unavailable;
    throw new Fault(status, `store.path: ${describe(error)}`, { cause: error });
  }
}
