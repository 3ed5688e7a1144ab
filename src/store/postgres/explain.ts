/** Errors of PostgreSQL and of the way to it, as the store's callers have them. */
import { errorText } from '../../system/error-text.ts';
import { StoreError, type StoreErrorKind, StoreLost } from '../store-error.ts';

/** Gives the SQLSTATE of an error, or Node's code of one of the way there; empty where it has none. */
export function codeOf(error: unknown): string {
  if (error instanceof TakesNoWrites) return READ_ONLY;
  if (error instanceof ConnectionLost) return codeOf(error.cause);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** The connection was lost, or never made: nothing is known of what it was asked last. */
export class ConnectionLost extends StoreLost {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'ConnectionLost';
  }
}

/** The server answers and takes no writes: another one may. What was asked was not done. */
export class TakesNoWrites extends ConnectionLost {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'TakesNoWrites';
  }
}

/** Gives the loss that an error means; undefined where the connection is still of use. */
export function lossOf(error: unknown): ConnectionLost | undefined {
  if (error instanceof ConnectionLost) return error;
  if (!isLoss(error)) return undefined;
  const Loss = codeOf(error) === READ_ONLY ? TakesNoWrites : ConnectionLost;
  return new Loss(wordsOf(error), { cause: error });
}

/** Says what happened: where an address has two families, the driver's error has a text for each and none of its own. */
function wordsOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(errorText).join('; ');
  return errorText(error) === TIMED_OUT ? 'the server has not answered in time' : errorText(error);
}

/** The driver's word for a connection that was not made in time. */
const TIMED_OUT = 'timeout expired';

/**
 * What a server says to a write when it is a standby, or was told to take none. It was the primary when the connection
 * was made, so the store has moved. None of our transactions is read-only by itself.
 */
const READ_ONLY = '25006';

/** SQLSTATEs with which a server ends a session: an administrator, a crash, a shutdown, a session that slept. */
const ENDED: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', READ_ONLY]);

/** Node's codes of system calls and of names that are not resolved; those of TLS have more words. */
const SYSTEM = /^(E[A-Z]{3,}|EAI_[A-Z]+)$/;

/** Tells whether an error means that the connection is of no use any more. */
export function isLoss(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  const code = codeOf(error);
  if (code !== '') return code.startsWith('08') || ENDED.has(code) || SYSTEM.test(code);
  return error instanceof Error && LOST_WORDS.test(error.message);
}

const LOST_WORDS = new RegExp(`^(Connection terminated|Client |${TIMED_OUT}$)`);

/** Tells whether a server is there and has no connection left; then none was made, and later there may be one. */
export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('53');
}

/** The keys of rows that another daemon's transaction made meanwhile: the head of a thread, and the fingerprint of a copy. */
const MADE_MEANWHILE: ReadonlySet<unknown> = new Set(['item_head', 'dedupe_pkey']);

/** Tells whether a transaction failed only because of another one, and is to be tried again. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  if (code === '40001' || code === '40P01' || code === '55P03') return true;
  return (
    code === '23505' &&
    error instanceof Error &&
    'constraint' in error &&
    MADE_MEANWHILE.has(error.constraint)
  );
}

/** Tells whether a statement failed only because one before it in its transaction had. */
export function isAftermath(error: unknown): boolean {
  return codeOf(error) === '25P02';
}

/** Tells whether the database has no room: it is out of disk space or of memory. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === '53100';
}

const WHO = 'the password in store.password_file, and pg_hba.conf, say who may connect';
const GRANT = '"mailgw-ctl db sql" gives the SQL that grants what is needed';
const LATER = 'mail waits in Postfix until it answers';

/** By code, the first that fits. */
const KINDS: readonly (readonly [RegExp, StoreErrorKind, string])[] = [
  [/^28/, 'refused', WHO],
  [/^(42501|3F000)$/, 'refused', GRANT],
  [/^EACCES$/, 'refused', 'the user of mailgwd may not use the socket'],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'refused',
    'the certificate of the server is for other names than that in store.url',
  ],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, 'refused', 'renew the certificate of the server, or set the clocks'],
  [
    /^(UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|CERT_)/,
    'refused',
    'sslrootcert in store.url names the file with the certificate of the authority that the server has its own from',
  ],
  [
    /^(ERR_OSSL_|ERR_SSL_)/,
    'refused',
    'the server and the files of sslcert, sslkey, sslrootcert do not agree',
  ],
  [
    /^53300$/,
    'unreachable',
    'all its connections are in use: see max_connections, and the limit of the role',
  ],
  [/^25006$/, 'unreachable', 'name all servers in store.url, and the one that takes writes is used'],
  [/^(53|57|08|E)/, 'unreachable', LATER],
];

/** By words, for what has no code that says it: the driver's own errors, and PgBouncer's, which are all one protocol error. */
const WORDS: readonly (readonly [RegExp, StoreErrorKind, string])[] = [
  [/SASL: .*client password must be/, 'refused', `it asks for a password: ${WHO}`],
  [/SASL|authentication failed|no such user/i, 'refused', WHO],
  [
    /does not support SSL/,
    'refused',
    'set "ssl = on" there; or write sslmode=disable into store.url, and all mail goes there in the clear',
  ],
  [
    /^(.*: )?(no such database|database ".*" does not exist)/,
    'refused',
    '"mailgw-ctl db sql" gives the SQL that makes it',
  ],
];

/** Says why a store cannot be opened, naming its place; other errors as they are. */
export function explain(place: string, error: unknown): Error {
  if (error instanceof StoreError)
    return error.message.startsWith(place) ? error : new StoreError(error.kind, `${place}: ${error.message}`);
  const words = wordsOf(error);
  const code = codeOf(error);
  const found = WORDS.find(([form]) => form.test(words)) ?? KINDS.find(([form]) => form.test(code));
  const server = `${place.replace(/, database .*$/, '')}: `;
  const text = `${place}: ${words.startsWith(server) ? words.slice(server.length) : words}`;
  if (found !== undefined) return new StoreError(found[1], `${text}; ${found[2]}`);
  return isLoss(error)
    ? new StoreError('unreachable', `${text}; ${LATER}`)
    : new StoreError('unusable', text);
}
