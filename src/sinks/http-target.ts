/** The kind of setting that is the address of a platform's HTTP interface, over TCP, TLS or a Unix socket. */
import type { Read, Setting } from '../config/kinds.ts';
import { MAX_SOCKET_PATH_BYTES } from '../system/unix-socket.ts';
import type { HttpTarget } from './http-exchange.ts';

const URL_FORMS = 'https://host/path, http://host/path or unix:/path/to.sock:/path';

const fail = (problem: string): { ok: false; problem: string } => ({ ok: false, problem });

/** Declares an address; `secret` is the key of the setting that holds what an address must not. */
export function httpTarget(doc: string, secret: string): Setting<HttpTarget> {
  return {
    expects: URL_FORMS,
    fallback: undefined,
    doc,
    applies: 'now',
    read: (value) => readTarget(value, secret),
    write: ({ origin, socketPath, path }) =>
      socketPath === undefined ? origin + path : `unix:${socketPath}:${path}`,
  };
}

/** Reads an address; credentials in one are refused without being shown, for the log keeps what is said here. */
function readTarget(value: unknown, secret: string): Read<HttpTarget> {
  if (value === undefined) return fail(`is missing; expected ${URL_FORMS}`);
  if (typeof value !== 'string') return fail(`${show(value)} is not text; expected ${URL_FORMS}`);
  if (value.startsWith('unix:')) return readUnixTarget(value);
  const shown = show(value.replace(/\/\/[^/]*@/, '//…@'));
  const url = /^https?:\/\//i.test(value) && URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined) return fail(`${shown} is not a URL that posts can go to; expected ${URL_FORMS}`);
  if (url.username !== '' || url.password !== '')
    return fail(`${shown} holds credentials; expected none, because ${secret} holds what proves who we are`);
  if (url.hash !== '') return fail(`${shown} has a fragment, which HTTP never sends; expected none`);
  return { ok: true, value: { origin: url.origin, socketPath: undefined, path: url.pathname + url.search } };
}

/** Reads the address of a socket; a longer path than sockets have is refused here, where the key is known. */
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
