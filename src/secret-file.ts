/**
 * Secrets in files of their own.
 *
 * Contract: base64 on one line, for nobody but the owner to read; every problem names the key, the file and what was
 * expected, and never the secret.
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from './error-text.ts';

/** A secret read from its file, or what is wrong with the file. */
export type Secret =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly problem: string };

/** Where systemd keeps the credentials of all services (systemd.exec(5)). */
const CREDENTIALS = '/run/credentials';

/** Reads a secret file: base64 on one line, at least `minBytes`, not readable by group or world. */
export function readSecretFile(key: string, file: string, minBytes: number): Secret {
  const fail = (problem: string): Secret => ({ ok: false, problem: `${key}: ${file}: ${problem}` });
  let source: string;
  try {
    // systemd's credentials carry an ACL, which shows as a group permission; nobody but systemd writes there.
    const credentials = process.env.CREDENTIALS_DIRECTORY ?? CREDENTIALS;
    const guarded = [credentials, CREDENTIALS].some((directory) => file.startsWith(join(directory, '/')));
    const { mode } = statSync(file);
    if (!guarded && (mode & 0o077) !== 0) {
      return fail(
        `mode ${(mode & 0o777).toString(8).padStart(4, '0')} lets group or world in; expected 0600 or 0400 (chmod 0600 ${file})`,
      );
    }
    source = readFileSync(file, 'utf8');
  } catch (error) {
    return fail(`cannot be read: ${errorText(error)}${adviceOn(error, file)}`);
  }
  const line = source.trim().replace(/^whsec_/, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(line)) return fail('does not hold base64 on one line');
  const bytes = Buffer.from(line, 'base64');
  if (bytes.length < minBytes) return fail(`holds ${bytes.length} bytes; expected at least ${minBytes}`);
  return { ok: true, bytes };
}

/** What to do about a file that cannot be read. */
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
