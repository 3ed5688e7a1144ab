/** Errors of PostgreSQL and of the way to it, as the store's callers have them. */
import { errorText } from '../../system/error-text.ts';
import { StoreError, type StoreErrorKind } from '../store-error.ts';

/** Gives the SQLSTATE of an error, or Node's code of one of the way there; empty where it has none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** The connection was lost, or never made: nothing is known of what it was asked last. */
export class ConnectionLost extends Error {
  constructor(reason: string, options?: ErrorOptions) {
    super(reason, options);
    this.name = 'ConnectionLost';
  }
}

/** SQLSTATEs with which a server ends a session: an administrator, a crash, a shutdown, a session that slept. */
const ENDED: ReadonlySet<string> = new Set(['57P01', '57P02', '57P03', '57P05', '25P03']);

/** Tells whether an error means that the connection is of no use any more. */
export function isLoss(error: unknown): boolean {
  if (error instanceof ConnectionLost) return true;
  const code = codeOf(error);
  if (code === '') return error instanceof Error && /^(Connection terminated|Client )/.test(error.message);
  return code.startsWith('08') || ENDED.has(code) || /^E[A-Z]{3,}$/.test(code);
}

/** A head of a thread that another daemon's transaction made meanwhile. */
const HEADS = 'item_head';

/** Tells whether a transaction failed only because of another one, and is to be tried again. */
export function isConflict(error: unknown): boolean {
  const code = codeOf(error);
  if (code === '40001' || code === '40P01' || code === '55P03') return true;
  return code === '23505' && error instanceof Error && 'constraint' in error && error.constraint === HEADS;
}

/** Tells whether the database has no room: it is out of disk space or of memory. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === '53100';
}

const KINDS: readonly (readonly [RegExp, StoreErrorKind, string])[] = [
  [/^28/, 'refused', 'the password in store.password_file, and pg_hba.conf, say who may connect'],
  [/^3D000$/, 'refused', '"mailgw-ctl db sql" gives the SQL that makes it'],
  [/^(42501|3F000)$/, 'refused', '"mailgw-ctl db sql" gives the SQL that grants what is needed'],
  [/^(53|57|08|E)/, 'unreachable', 'mail waits in Postfix until it answers'],
];

/** Says why a store cannot be opened, naming its place; other errors as they are. */
export function explain(place: string, error: unknown): Error {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const found = KINDS.find(([form]) => form.test(code));
  const text = `${place}: ${errorText(error)}`;
  if (found !== undefined) return new StoreError(found[1], `${text}; ${found[2]}`);
  return isLoss(error) ? new StoreError('unreachable', text) : new StoreError('unusable', text);
}
