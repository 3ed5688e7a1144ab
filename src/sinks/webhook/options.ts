/**
 * The options of the webhook sink: the `[sink]` table read into what the sink needs.
 *
 * Contract: every problem is reported at once, each naming its key, the value and what was expected. A password
 * in a URL is not repeated.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as kind from '../../config/kinds.ts';
import { SINK_TYPE } from '../../config/table.ts';
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
export const MIN_SECRET_BYTES = 24;

const URL_FORMS = 'https://host/path, http://host/path or unix:/path/to.sock:/path';

type Read<T> = kind.Read<T>;

const fail = (problem: string): { ok: false; problem: string } => ({ ok: false, problem });

const url: kind.Setting<WebhookTarget> = {
  expects: URL_FORMS,
  fallback: undefined,
  doc: 'Where the webhook posts to: http, https, or `unix:/path/to.sock:/path`.',
  applies: 'now',
  read: readTarget,
  write: ({ origin, socketPath, path }) =>
    socketPath === undefined ? origin + path : `unix:${socketPath}:${path}`,
};

/** The settings of the webhook's `[sink]`, by their names; docs/settings.md and mailgw.toml(5) have them from here. */
export const WEBHOOK_SETTINGS = {
  type: SINK_TYPE,
  url,
  /** One of them, or each of a list. */
  secret_file: {
    ...kind.secretFile(
      undefined,
      'The signing secret, `whsec_` and base64 on one line; a list of two during a rotation.',
    ),
    expects: 'the absolute path of a file, or a list of them',
  },
  ca_file: {
    ...kind.file(undefined, 'PEM certificates to trust instead.'),
    expects: 'the absolute path of a file of PEM certificates',
    /** The default in words. */
    unset: 'built-in certificates',
  },
};

/** Reads the `[sink]` table of a webhook sink. */
export function readWebhookOptions(
  table: Readonly<Record<string, unknown>>,
  readSecretFile: ReadSecretFile,
): WebhookOptionsRead {
  const keys = Object.keys(WEBHOOK_SETTINGS);
  const unknown = Object.keys(table).filter((key) => !keys.includes(key));
  const problems = unknown.map((key) => `sink.${key}: unknown key; the webhook sink has ${keys.join(', ')}`);
  const target = WEBHOOK_SETTINGS.url.read(table.url);
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
  const { read: readPath, expects } = WEBHOOK_SETTINGS.secret_file;
  const files: unknown[] = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (files.length === 0) problems.push(`sink.secret_file: is missing; expected ${expects}`);
  const secrets: Buffer[] = [];
  for (const file of files) {
    const path = readPath(file);
    if (!path.ok) {
      problems.push(`sink.secret_file: ${path.problem}; expected ${expects}`);
      continue;
    }
    const secret = read('sink.secret_file', path.value, MIN_SECRET_BYTES);
    if (secret.ok) secrets.push(secret.bytes);
    else problems.push(secret.problem);
  }
  return secrets;
}

function readCa(value: unknown, target: WebhookTarget | undefined): Read<string | undefined> {
  if (value === undefined) return { ok: true, value: undefined };
  const { read, expects } = WEBHOOK_SETTINGS.ca_file;
  const path = read(value);
  if (!path.ok) return fail(`${path.problem}; expected ${expects}`);
  if (target !== undefined && !target.origin.startsWith('https:'))
    return fail(`${show(value)} has no use here; expected only where sink.url is https`);
  const distrusted = distrust(path.value, 'believed');
  if (distrusted !== undefined) return fail(distrusted);
  try {
    const pem = readFileSync(path.value, 'utf8');
    // tls.connect passes over a file without certificates in silence, and then trusts nobody.
    new X509Certificate(pem).toString();
    return { ok: true, value: pem };
  } catch (error) {
    return fail(`${show(value)} cannot be used: ${firstLine(error)}; expected ${expects}`);
  }
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

function firstLine(error: unknown): string {
  return errorText(error).split('\n', 1)[0] ?? '';
}
