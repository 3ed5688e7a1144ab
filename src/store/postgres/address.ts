/**
 * Where a PostgreSQL is, as its URL says: `postgresql://user@host:port/database?sslmode=verify-full`.
 *
 * Contract: the parts and parameters of libpq's connection URIs that a store needs, with their meaning there; several hosts
 * are tried in their order. Another host than this one is believed by its certificate and name unless the URL says less.
 * Failure: a parameter that is not known, or a value that means nothing, is a problem in words: what is believed to be
 * verified must not be skipped for a typing error.
 */
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { userInfo } from 'node:os';
import type { ConnectionOptions } from 'node:tls';
import { errorText } from '../../system/error-text.ts';
import { StoreError } from '../store-error.ts';

/** A server of a store: a host with a port, or the directory of a Unix socket. */
export interface Server {
  readonly host: string;
  readonly port: number;
}

/** How far a server is believed, as libpq's `sslmode` says it: `require` with `sslrootcert` is `verify-ca`. */
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
  const parameters = parametersOf(query);
  if (typeof parameters === 'string') return fails(parameters);
  const servers = serversOf(parameters.get('host') ?? decode(hosts), parameters.get('port'));
  if (typeof servers === 'string') return fails(servers);
  const trust = trustOf(parameters, servers);
  if (typeof trust === 'string') return fails(trust);
  const user = decode(authority) || userInfo().username;
  const pooler = parameters.get('pooler') ?? 'none';
  if (pooler !== 'none' && pooler !== 'transaction')
    return fails(`pooler=${pooler} is none of none, transaction`);
  return { ok: true, address: { servers, user, database: decode(path) || user, ...trust, pooler } };
}

/** Reads the parameters, in which a plus is a plus; or says what is wrong with them. */
function parametersOf(query: string): ReadonlyMap<string, string> | string {
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query.replaceAll('+', '%2B'))) {
    if (!PARAMETERS.has(name))
      return `parameter "${name}" is not known; expected one of ${[...PARAMETERS].join(', ')}`;
    if (parameters.has(name)) return `parameter "${name}" is given twice`;
    parameters.set(name, value);
  }
  return parameters;
}

type Trust = Pick<StoreAddress, 'sslMode' | 'sslRootCert' | 'sslCert' | 'sslKey'>;

/** Reads what is to be believed of the servers, and our own certificate; or says what is wrong with it. */
function trustOf(parameters: ReadonlyMap<string, string>, servers: readonly Server[]): Trust | string {
  const files = { sslRootCert: 'sslrootcert', sslCert: 'sslcert', sslKey: 'sslkey' } as const;
  for (const name of Object.values(files)) {
    const file = parameters.get(name);
    if (file !== undefined && !file.startsWith('/')) return `${name}=${file}: expected an absolute path`;
  }
  const [sslRootCert, sslCert, sslKey] = Object.values(files).map((name) => parameters.get(name));
  if ((sslCert === undefined) !== (sslKey === undefined))
    return 'sslcert and sslkey go together: a certificate and its key';
  const given = parameters.get('sslmode');
  const isPlain = servers.every(isLocal) && (sslRootCert ?? sslCert) === undefined;
  const sslMode = SSL_MODES.find((mode) => mode === (given ?? (isPlain ? 'disable' : 'verify-full')));
  if (sslMode === undefined) return `sslmode=${given ?? ''} is none of ${SSL_MODES.join(', ')}`;
  if (sslMode === 'disable' && (sslRootCert ?? sslCert) !== undefined)
    return 'sslmode=disable makes no use of certificates';
  return {
    sslMode: sslMode === 'require' && sslRootCert ? 'verify-ca' : sslMode,
    sslRootCert,
    sslCert,
    sslKey,
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
function isLocal({ host }: Server): boolean {
  return host.startsWith('/') || host === 'localhost' || host === '127.0.0.1' || host === '::1';
}

/** Reads a list of hosts; a port of one's own stands behind a colon, or in the list of ports. */
function serversOf(hosts: string, ports: string | undefined): readonly Server[] | string {
  const list = (hosts || '/var/run/postgresql').split(',');
  const common = ports?.split(',') ?? [];
  if (common.length > 1 && common.length !== list.length)
    return `there are ${list.length} hosts and ${common.length} ports`;
  const servers: Server[] = [];
  for (const [at, each] of list.entries()) {
    const [, bare = each, own] = /^(\[[^\]]+\]|[^:]*):(\d*)$/.exec(each) ?? [];
    const host = bare.replace(/^\[(.*)\]$/, '$1');
    if (host === '') return `host number ${at + 1} is empty`;
    if (!host.startsWith('/') && host.includes(':') && !isIPv6(host))
      return `${host}: expected a host, an address, or HOST:PORT`;
    const given = own || (common[at] ?? common[0]) || String(DEFAULT_PORT);
    const port = Number(given);
    if (!/^\d+$/.test(given) || port < 1 || port > 65_535) return `port ${given} is none of 1 to 65535`;
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

/**
 * Gives what TLS is to verify with a server; false where it is not used. The driver adds the server's name.
 * Throws a {@link StoreError} where a certificate cannot be read.
 */
export function tlsOf(address: StoreAddress, server: Server): ConnectionOptions | false {
  if (address.sslMode === 'disable' || server.host.startsWith('/')) return false;
  return {
    ca: readCertificate('sslrootcert', address.sslRootCert),
    cert: readCertificate('sslcert', address.sslCert),
    key: readCertificate('sslkey', address.sslKey),
    rejectUnauthorized: address.sslMode !== 'require',
    ...(address.sslMode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
  };
}

function readCertificate(name: string, file: string | undefined): string | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new StoreError('refused', `${name}: ${file} cannot be read: ${errorText(error)}`);
  }
  if (text.includes('-----BEGIN ')) return text;
  throw new StoreError('refused', `${name}: ${file} is no PEM file: it has no line "-----BEGIN …-----"`);
}
