/**
 * The options of the webhook sink: the `[sink]` table read into what the sink needs.
 *
 *     url          https://…, http://… or unix:/path/to.sock:/hooks/mail
 *     secret_file  a file with a Standard Webhooks secret; a list of files signs with each, for rotation
 *     ca_file      PEM certificates that an https platform is trusted by, instead of the built-in ones
 *
 * Contract: every problem is reported at once, each naming its key, the value and what was expected. A password
 * in a URL is not repeated.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errorText } from '../../system/error-text.ts';
import { distrust } from '../../system/trusted-file.ts';
import { MAX_SOCKET_PATH_BYTES } from '../../system/unix-socket.ts';

/** Where the posts go: an HTTP origin, or a Unix socket, and the path with its query. */
export interface WebhookTarget {
  readonly origin: string;
  readonly socketPath: string | undefined;
  readonly path: string;
}

/** The options of a webhook sink; `secrets` sign each post once per secret, `ca` is PEM. */
export interface WebhookOptions {
  readonly target: WebhookTarget;
  readonly secrets: readonly Buffer[];
  readonly ca: string | undefined;
}

/** Reads the secret file that a key names, or says what is wrong with it in a line that names the key. */
export type ReadSecretFile = (
  key: string,
  file: string,
  minBytes: number,
) => { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly problem: string };

/** The options, or every problem that the table has. */
export type WebhookOptionsRead =
  | { readonly ok: true; readonly options: WebhookOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Bytes that a secret must have (Standard Webhooks: 24 to 64). */
const MIN_SECRET_BYTES = 24;

const KEYS = ['type', 'url', 'secret_file', 'ca_file'];
const URL_FORMS = 'https://host/path, http://host/path or unix:/path/to.sock:/path';

type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

const fail = (problem: string): { ok: false; problem: string } => ({ ok: false, problem });

/** Reads the `[sink]` table of a webhook sink. */
export function readWebhookOptions(
  table: Readonly<Record<string, unknown>>,
  readSecretFile: ReadSecretFile,
): WebhookOptionsRead {
  const unknown = Object.keys(table).filter((key) => !KEYS.includes(key));
  const problems = unknown.map((key) => `sink.${key}: unknown key; the webhook sink has ${KEYS.join(', ')}`);
  const target = readTarget(table.url);
  if (!target.ok) problems.push(`sink.url: ${target.problem}`);
  const secrets = readSecrets(table.secret_file, readSecretFile, problems);
  const ca = readCa(table.ca_file, target.ok ? target.value : undefined);
  if (!ca.ok) problems.push(`sink.ca_file: ${ca.problem}`);
  if (!target.ok || !ca.ok || problems.length > 0) return { ok: false, problems };
  return { ok: true, options: { target: target.value, secrets, ca: ca.value } };
}

function readTarget(value: unknown): Read<WebhookTarget> {
  if (value === undefined) return fail(`is missing; expected ${URL_FORMS}`);
  if (typeof value !== 'string') return fail(`${show(value)} is not text; expected ${URL_FORMS}`);
  if (value.startsWith('unix:')) return readUnixTarget(value);
  const shown = show(value.replace(/\/\/[^/]*@/, '//…@'));
  const url = /^https?:\/\//i.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined) return fail(`${shown} is not a URL that posts can go to; expected ${URL_FORMS}`);
  if (url.username !== '' || url.password !== '')
    return fail(`${shown} holds credentials; expected none, because sink.secret_file signs every post`);
  if (url.hash !== '') return fail(`${shown} has a fragment, which HTTP never sends; expected none`);
  return { ok: true, value: { origin: url.origin, socketPath: undefined, path: url.pathname + url.search } };
}

function readUnixTarget(value: string): Read<WebhookTarget> {
  const [, socketPath, path] = /^unix:(\/[^:]+):(\/[\x21-\x7e]*)$/.exec(value) ?? [];
  if (socketPath === undefined || path === undefined)
    return fail(`${show(value)} does not name a socket and a path; expected unix:/path/to.sock:/path`);
  const bytes = Buffer.byteLength(socketPath);
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    return fail(
      `the socket path of ${show(value)} has ${bytes} bytes; expected at most ${MAX_SOCKET_PATH_BYTES}`,
    );
  }
  return { ok: true, value: { origin: 'http://localhost', socketPath, path } };
}

function readSecrets(value: unknown, read: ReadSecretFile, problems: string[]): Buffer[] {
  const expected = 'expected the absolute path of a file, or a list of them';
  const files: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (files.length === 0) problems.push(`sink.secret_file: is missing; ${expected}`);
  const secrets: Buffer[] = [];
  for (const file of files) {
    if (!isAbsolutePath(file)) {
      problems.push(`sink.secret_file: ${show(file)} is not an absolute path; ${expected}`);
      continue;
    }
    const secret = read('sink.secret_file', file, MIN_SECRET_BYTES);
    if (secret.ok) secrets.push(secret.bytes);
    else problems.push(secret.problem);
  }
  return secrets;
}

function readCa(value: unknown, target: WebhookTarget | undefined): Read<string | undefined> {
  if (value === undefined) return { ok: true, value: undefined };
  const expected = 'expected the absolute path of a file of PEM certificates';
  if (!isAbsolutePath(value)) return fail(`${show(value)} is not an absolute path; ${expected}`);
  if (target !== undefined && !target.origin.startsWith('https:'))
    return fail(`${show(value)} has no use here; expected only where sink.url is https`);
  const distrusted = distrust(value, 'believed');
  if (distrusted !== undefined) return fail(distrusted);
  try {
    const pem = readFileSync(value, 'utf8');
    // tls.connect passes over a file without certificates in silence, and then trusts nobody.
    new X509Certificate(pem).toString();
    return { ok: true, value: pem };
  } catch (error) {
    return fail(`${show(value)} cannot be used: ${firstLine(error)}; ${expected}`);
  }
}

function isAbsolutePath(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith('/');
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

function firstLine(error: unknown): string {
  return errorText(error).split('\n', 1)[0] ?? '';
}
