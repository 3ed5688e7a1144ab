/**
 * Secrets: files of one line, mostly base64, or the credentials that systemd made of them.
 *
 * Contract: the file that a setting names is read where this process may read it. Where only somebody else may, root in the
 * first place, the service's credential of the same base name stands for it (LoadCredential= in mailgw.service), which systemd
 * copied when it started the service. So a tool that runs as root and the daemon read the same secret under one name.
 * Failure: a problem in words that names the setting and the file; nothing is thrown.
 */
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { errorText } from '../system/error-text.ts';
import type { BaseConfig } from './config.ts';

/** A secret read from its file, or what is wrong with the file. */
export type Secret =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly problem: string };

/** Where systemd keeps the credentials of all services (systemd.exec(5)). */
export const CREDENTIALS = '/run/credentials';

/** Bytes that a pepper has at least. */
export const PEPPER_BYTES = 32;

/** A pepper, and the file that holds it. */
export interface NamedPepper {
  readonly bytes: Uint8Array;
  readonly file: string;
}

/** The peppers of a site: the first mints, all verify. */
export type NamedPeppers = readonly [NamedPepper, ...NamedPepper[]];

/** The peppers read from their files, or what is wrong with them. */
export type PeppersRead =
  | { readonly ok: true; readonly peppers: NamedPeppers }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads the peppers that `reply.pepper_file` names. */
export function readPeppers({ reply }: Pick<BaseConfig, 'reply'>): PeppersRead {
  const problems: string[] = [];
  const [first, ...more] = reply.pepperFile.flatMap((file) => {
    const secret = readSecretFile('reply.pepper_file', file, PEPPER_BYTES);
    if (secret.ok) return [{ bytes: secret.bytes, file }];
    problems.push(secret.problem);
    return [];
  });
  return first === undefined || problems.length > 0
    ? { ok: false, problems }
    : { ok: true, peppers: [first, ...more] };
}

/** A secret that is text, or what is wrong with its file. */
export type SecretText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: string };

/** Reads a secret file: base64 on one line, at least `minBytes`, not readable by group or world. */
export function readSecretFile(key: string, file: string, minBytes: number): Secret {
  const read = readSecretText(key, file);
  if (!read.ok) return read;
  const fail = (problem: string): Secret => ({
    ok: false,
    problem: `${key}: ${secretPlace(file)}: ${problem}`,
  });
  const line = read.text.replace(/^whsec_/, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(line)) return fail('does not hold base64 on one line');
  const bytes = Buffer.from(line, 'base64');
  if (bytes.length < minBytes) return fail(`holds ${bytes.length} bytes; expected at least ${minBytes}`);
  return { ok: true, bytes };
}

/** Reads a secret file as it stands, without white space around it; not readable by group or world. */
export function readSecretText(key: string, file: string): SecretText {
  const place = secretPlace(file);
  const fail = (problem: string): SecretText => ({ ok: false, problem: `${key}: ${place}: ${problem}` });
  try {
    const { mode } = statSync(place);
    if (!isCredential(place) && (mode & 0o077) !== 0) {
      return fail(
        `mode ${(mode & 0o777).toString(8).padStart(4, '0')} lets group or world in; expected 0600 or 0400 (chmod 0600 ${place})`,
      );
    }
    const text = readFileSync(place, 'utf8').trim();
    return text === '' ? fail('is empty; expected the secret, on one line') : { ok: true, text };
  } catch (error) {
    return fail(`cannot be read: ${errorText(error)}${adviceOn(error, file)}`);
  }
}

/** Gives the place where a file's text is read: the file, or the credential that stands for it. */
export function secretPlace(file: string): string {
  const credentials = process.env.CREDENTIALS_DIRECTORY;
  if (credentials === undefined || !isForbidden(file)) return file;
  const credential = join(credentials, basename(file));
  return existsSync(credential) ? credential : file;
}

/** Tells whether a file was written after systemd made the credential that is read in its place. */
export function isNewerThanCredential(file: string): boolean {
  const place = secretPlace(file);
  if (place === file) return false;
  try {
    // ctime, since a file that was moved here keeps its mtime.
    return statSync(file).ctimeMs > statSync(place).ctimeMs;
  } catch {
    return false; // its directory is closed too: nobody but root can tell
  }
}

/**
 * Tells whether a file is a credential of systemd's. Its ACL may show as a group permission, and nobody but systemd
 * writes there.
 */
function isCredential(file: string): boolean {
  const directories = [process.env.CREDENTIALS_DIRECTORY ?? CREDENTIALS, CREDENTIALS];
  return directories.some((directory) => file.startsWith(join(directory, '/')));
}

function isForbidden(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EACCES';
  }
}

/** Says what to do about a file that cannot be read. */
function adviceOn(error: unknown, file: string): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return file.startsWith(join(CREDENTIALS, '/'))
        ? '; systemd passes it while the service runs (LoadCredential=)'
        : '; restore it from a backup, or on a new site "mailgw-ctl init" makes one';
    case 'EACCES':
      return '; run the command as root or as the user of the daemon, to whom the file must belong';
    default:
      return '';
  }
}
