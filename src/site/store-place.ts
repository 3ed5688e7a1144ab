/**
 * Where a site's store is, as its settings say: SQLite's file at `store.path`, or the PostgreSQL of `store.url`.
 *
 * Contract: nothing here loads an adapter. Settings that say nothing without each other are problems.
 * Failure: problems in words, one line each. None of them repeats a URL or a password.
 */
import { readFileSync, statSync } from 'node:fs';
import type { BaseConfig } from '../config/config.ts';
import { readSecretText, type SecretText } from '../config/secret-file.ts';
import { placeOf, readAddress } from '../store/postgres/address.ts';
import { errorText } from '../system/error-text.ts';

/** The configuration as far as it says where the store is. */
export type StoreSettings = Pick<BaseConfig, 'store'>;

/** Gives the setting that names the store. */
export const storeKey = ({ store }: StoreSettings): 'store.url' | 'store.path' =>
  store.url === undefined ? 'store.path' : 'store.url';

/** Names the store for people. */
export function storePlace({ store }: StoreSettings): string {
  const read = store.url === undefined ? undefined : readAddress(store.url);
  return read?.ok === true ? placeOf(read.address) : store.path;
}

/** Lists what is wrong with the settings by themselves. */
export function storeProblems({ store }: StoreSettings): readonly string[] {
  const { url, passwordFile, host } = store;
  if (url !== undefined) {
    const read = readAddress(url);
    return read.ok ? [] : [`store.url: ${read.problem}`];
  }
  const alone = [
    ['store.password_file', passwordFile],
    ['store.host', host],
  ] as const;
  return alone.flatMap(([key, value]) =>
    value === undefined
      ? []
      : [`${key}: has no effect without store.url; a store in SQLite has one host and no password`],
  );
}

/** Lists what is wrong with the files that the settings name. */
export function storeFileProblems({ store }: StoreSettings): readonly string[] {
  const read = store.url === undefined ? undefined : readAddress(store.url);
  if (read?.ok !== true) return [];
  const password = readPassword(store.passwordFile);
  const { sslRootCert, sslCert, sslKey } = read.address;
  const files = [
    ['sslrootcert', sslRootCert],
    ['sslcert', sslCert],
    ['sslkey', sslKey],
  ] as const;
  const problems = files.flatMap(([name, file]) => {
    const problem = file && fileProblem(file, name === 'sslkey');
    return problem === undefined || problem === '' ? [] : [`store.url: ${name}: ${file}: ${problem}`];
  });
  return [...(password?.ok === false ? [password.problem] : []), ...problems];
}

/** Reads the password of the store's user; undefined where none is configured. */
export function readPassword(file: string | undefined): SecretText | undefined {
  if (file === undefined) return undefined;
  const read = readSecretText('store.password_file', file);
  if (!read.ok || !read.text.includes('\n')) return read;
  return {
    ok: false,
    problem: `store.password_file: ${file}: has several lines; expected the password, on one line`,
  };
}

/** Says what is wrong with a file of TLS; of a key also whether others may read it, as libpq has it. */
function fileProblem(file: string, isSecret: boolean): string | undefined {
  try {
    readFileSync(file);
    const { mode, uid } = statSync(file);
    const closed = uid === 0 ? 0o027 : 0o077;
    if (!isSecret || (mode & closed) === 0) return undefined;
    return `mode ${(mode & 0o777).toString(8).padStart(4, '0')} lets others read it; expected 0600, or 0640 where it is root's (chmod 0600 ${file})`;
  } catch (error) {
    return `cannot be read: ${errorText(error)}`;
  }
}
