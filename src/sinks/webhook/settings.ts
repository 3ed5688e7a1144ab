/** The settings of the webhook's `[sink]`: docs/settings.md and mailgw.toml(5), `init`, `doctor` and reload have them from here. */
import { randomBytes } from 'node:crypto';
import * as kind from '../../config/kinds.ts';
import { MAX_SOCKET_PATH_BYTES } from '../../system/unix-socket.ts';
import type { HttpTarget } from '../http-exchange.ts';
import type { NewSecret } from '../sink-kind.ts';

/** Bytes that a secret must have (Standard Webhooks: 24 to 64), and those of one that `init` makes. */
const MIN_SECRET_BYTES = 24;
const NEW_SECRET_BYTES = 32;

const URL_FORMS = 'https://host/path, http://host/path or unix:/path/to.sock:/path';

type Read<T> = kind.Read<T>;

const fail = (problem: string): { ok: false; problem: string } => ({ ok: false, problem });

const url: kind.Setting<HttpTarget> = {
  expects: URL_FORMS,
  fallback: undefined,
  doc: 'Where the webhook posts to: http, https, or `unix:/path/to.sock:/path`.',
  applies: 'now',
  read: readTarget,
  write: ({ origin, socketPath, path }) =>
    socketPath === undefined ? origin + path : `unix:${socketPath}:${path}`,
};

const NEW_SECRET: NewSecret = {
  what: 'the secret that posts are signed with; the platform needs it',
  content: () => `whsec_${randomBytes(NEW_SECRET_BYTES).toString('base64')}\n`,
};

/** The settings by their names in the file. */
export const WEBHOOK_SETTINGS = {
  url: {
    ...url,
    begins: {
      comment: 'The address that the platform takes replies at; or unix:/path/to.sock:/hooks/mail.',
      value: 'http://127.0.0.1:3000/hooks/mail',
    },
  },
  /** One of them, or each of a list. */
  secret_file: {
    ...kind.secretFile(
      undefined,
      'The signing secret, `whsec_` and base64 on one line; a list of two during a rotation.',
    ),
    expects: 'the absolute path of a file, or a list of them',
    leastBytes: MIN_SECRET_BYTES,
    begins: {
      comment: 'The secret that posts are signed with (Standard Webhooks); the platform needs the same one.',
      value: 'webhook.secret',
      makes: NEW_SECRET,
    },
  },
  ca_file: {
    ...kind.file(undefined, 'PEM certificates to trust instead.'),
    expects: 'the absolute path of a file of PEM certificates',
    unset: 'built-in certificates',
  },
};

function readTarget(value: unknown): Read<HttpTarget> {
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

function readUnixTarget(value: string): Read<HttpTarget> {
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

function show(value: unknown): string {
  return JSON.stringify(value);
}
