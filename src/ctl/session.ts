/**
 * What a command works on: configuration, then secrets, then the store, opened in that order.
 *
 * Contract: each opener does what stands before it, and the store is closed again however the command ends. Root
 * has become the store's owner before the store is touched; with PostgreSQL, the owner of the daemon's directory, where
 * that is on this host. A tool shares the store with a running daemon.
 * Failure: a Fault that names the setting, its value and the way out.
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, EXIT, Fault, systemCode, usage } from '../actions/fault.ts';
import { storeFault } from '../actions/store-fault.ts';
import { type NamedPeppers, readPeppers } from '../config/secret-file.ts';
import type { Config } from '../site/config.ts';
import { loadConfig } from '../site/config.ts';
import type { SecretSession, Session } from '../site/session.ts';
import { prepareToolStore } from '../site/store.ts';
import { readPassword, storeKey, storePlace } from '../site/store-place.ts';
import type { Store } from '../store/store.ts';
import { isStoreFailure, STORE_EXIT, StoreError } from '../store/store-error.ts';
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

/** Opens the configuration of a store that is a file; of PostgreSQL's, `instead` names the program that does it there. */
export function openFileConfig(context: Context, instead: string): Config {
  const config = openConfig(context);
  if (config.store.url === undefined) return config;
  throw usage(`store.url: ${storePlace(config)}: the store is in PostgreSQL; ${instead}`);
}

/** Runs `use` on the path of the configured store, which must be there, as the user to whom it belongs. */
export async function onStoreFile(config: Config, use: (path: string) => Promise<void>): Promise<void> {
  await onStorePlace(config, (path) => {
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
  process.umask(0o077);
  try {
    await use(path);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new Fault(STORE_EXIT[error.kind], `store.path: ${error.message}`, { cause: error });
  }
}

/** A database as settings name it. */
export interface DatabaseAccess {
  readonly url: string;
  readonly password: string | undefined;
}

/** Runs `use` on the configured database, as the user of mailgwd where its directory is on this host. */
export async function onDatabase(
  config: Config,
  url: string,
  use: (database: DatabaseAccess) => Promise<void>,
): Promise<void> {
  const { path, passwordFile } = config.store;
  // Before root is somebody else, who may not read it.
  const read = readPassword(passwordFile);
  if (read?.ok === false) throw new Fault(EXIT.configuration, read.problem);
  if (existsSync(dirname(path))) becomeStoreOwner(path);
  try {
    await use({ url, password: read?.text });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new Fault(STORE_EXIT[error.kind], `store.url: ${error.message}`, { cause: error });
  }
}

/** Runs `use` on the store of a configuration. */
export async function onStore<T>(config: Config, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore(config);
  try {
    return await use(store);
  } catch (error) {
    throw isStoreFailure(error) ? storeFault(config, error) : error;
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

async function openStore(config: Config): Promise<Store> {
  const { path, url } = config.store;
  try {
    const open = prepareToolStore(config);
    // Where the database asks the system who connects, that is the daemon's user too.
    if (url === undefined || existsSync(dirname(path))) becomeStoreOwner(path);
    if (url === undefined) checkAccess(path);
    // Whatever is made here (a first database, its log) is for its owner alone.
    process.umask(0o077);
    return await open();
  } catch (error) {
    if (error instanceof Fault) throw error;
    const status = error instanceof StoreError ? STORE_EXIT[error.kind] : EXIT.unavailable;
    throw new Fault(status, `${storeKey(config)}: ${describe(error)}`, { cause: error });
  }
}
