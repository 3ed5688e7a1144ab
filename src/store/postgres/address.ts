/**
 * Where a PostgreSQL is, as its URL says: `postgresql://user@host:port/database?sslmode=verify-full`.
 *
 * Contract: the parts and parameters of libpq's connection URIs that a store needs; several hosts are tried in their order.
 * Failure: a parameter that is not known, or a value that means nothing, is a problem in words: what is believed to be
 * verified must not be skipped for a typing error.
 */
import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { ConnectionOptions } from 'node:tls';

/** A server of a store: a host with a port, or the directory of a Unix socket. */
export interface Server {
  readonly host: string;
  readonly port: number;
}

/** How far a server is believed, as libpq's `sslmode` says it. */
export const SSL_MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;

/** The address of a store. */
export interface StoreAddress {
  /** At least one, in the order in which they are tried. */
  readonly servers: readonly Server[];
  readonly user: string;
  readonly database: string;
  readonly sslMode: (typeof SSL_MODES)[number];
  /** Files of the certificates: whom to believe, and our own with its key. */
  readonly sslRootCert: string | undefined;
  readonly sslCert: string | undefined;
  readonly sslKey: string | undefined;
  /** Whether a pooler stands between, which gives each transaction another connection. */
  readonly pooler: 'none' | 'transaction';
}

/** The address in a URL, or what is wrong with it. */
export type ReadAddress =
  | { readonly ok: true; readonly address: StoreAddress }
  | { readonly ok: false; readonly problem: string };

const DEFAULT_PORT = 5432;

/** The user, a host list and the database; `new URL` refuses several hosts. */
const FORM = /^postgres(?:ql)?:\/\/(?:([^@/?#]*)@)?([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/;

const PARAMETERS: ReadonlySet<string> = new Set([
  'host',
  'port',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'pooler',
]);

const fails = (problem: string): ReadAddress => ({ ok: false, problem });

/** Reads the URL of a store. */
export function readAddress(url: string): ReadAddress {
  const found = FORM.exec(url);
  if (found === null) return fails('expected postgresql://USER@HOST:PORT/DATABASE');
  const [, authority = '', hosts = '', path = '', query = ''] = found;
  // What is no port behind a host, or an "@" behind it, is a password with a character that should have been escaped.
  if (authority.includes(':') || /:\D/.test(hosts.replace(/\[[^\]]*\]/g, '')) || path.includes('@'))
    return fails('a password in the URL would be read by everybody; put it into store.password_file');
  const parameters = new URLSearchParams(query);
  for (const name of parameters.keys())
    if (!PARAMETERS.has(name))
      return fails(`parameter "${name}" is not known; expected one of ${[...PARAMETERS].join(', ')}`);
  const servers = serversOf(parameters.get('host') ?? decode(hosts), parameters.get('port'));
  if (typeof servers === 'string') return fails(servers);
  const user = decode(authority) || userInfo().username;
  const sslMode = SSL_MODES.find((mode) => mode === (parameters.get('sslmode') ?? defaultMode(servers)));
  if (sslMode === undefined)
    return fails(`sslmode=${parameters.get('sslmode') ?? ''} is none of ${SSL_MODES.join(', ')}`);
  const pooler = parameters.get('pooler') ?? 'none';
  if (pooler !== 'none' && pooler !== 'transaction')
    return fails(`pooler=${pooler} is none of none, transaction`);
  return {
    ok: true,
    address: {
      servers,
      user,
      database: decode(path) || user,
      sslMode,
      sslRootCert: parameters.get('sslrootcert') ?? undefined,
      sslCert: parameters.get('sslcert') ?? undefined,
      sslKey: parameters.get('sslkey') ?? undefined,
      pooler,
    },
  };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Names this host: nobody on the way can read or change what goes to it. */
export function isLocal({ host }: Server): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '127.0.0.1' || host === '::1';
}

const defaultMode = (servers: readonly Server[]): string =>
  servers.every(isLocal) ? 'disable' : 'verify-full';

/** Reads a list of hosts; a port of one's own stands behind a colon, or in the list of ports. */
function serversOf(hosts: string, ports: string | null): readonly Server[] | string {
  const common = ports?.split(',') ?? [];
  const servers: Server[] = [];
  for (const [at, each] of (hosts || '/var/run/postgresql').split(',').entries()) {
    const [, bare = each, own] = /^(\[[^\]]+\]|[^:]*):(\d+)$/.exec(each) ?? [];
    const port = Number(own ?? common[at] ?? common[0] ?? DEFAULT_PORT);
    const host = bare.replace(/^\[|\]$/g, '');
    if (host === '') return `host number ${at + 1} is empty`;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return `port ${port} is none of 1 to 65535`;
    servers.push({ host, port });
  }
  return servers;
}

/** Names a server for people. */
export function nameOf({ host, port }: Server): string {
  return host.startsWith('/')
    ? `${host}/.s.PGSQL.${port}`
    : `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Names a store for people, without its user. */
export function placeOf({ servers, database }: StoreAddress): string {
  return `${servers.map(nameOf).join(', ')}, database ${database}`;
}

/** Gives what TLS is to verify with a server; false where it is not used. Throws where a certificate cannot be read. */
export function tlsOf(address: StoreAddress, server: Server): ConnectionOptions | false {
  if (address.sslMode === 'disable' || server.host.startsWith('/')) return false;
  const read = (file: string | undefined): string | undefined => file && readFileSync(file, 'utf8');
  return {
    ca: read(address.sslRootCert),
    cert: read(address.sslCert),
    key: read(address.sslKey),
    servername: server.host,
    rejectUnauthorized: address.sslMode !== 'require',
    ...(address.sslMode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}
