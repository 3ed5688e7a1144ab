/**
 * API tokens: who may ask the HTTP interface, and for what.
 *
 * Contract: a token is shown once, when it is made; what is kept is its SHA-256, because 32 random bytes need no slower
 * hash. A token that is revoked is refused by the next request.
 * Failure: a Fault for a name that is taken, cannot be one or names no token, and for a scope that there is none of.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Session } from '../site/session.ts';
import type { TokenHolder } from '../store/api-access.ts';
import { conflict, invalid, unknown } from './fault.ts';

/** The scopes: what a token's holder may ask for. */
export const SCOPES = ['mint', 'send', 'users', 'read', 'queue', 'events'] as const;

/** One scope. */
export type Scope = (typeof SCOPES)[number];

/** What a token begins with, so that it is known for one wherever it is found. */
const TOKEN_PREFIX = 'mgw_';
const SECRET_BYTES = 32;

const NAME = /^[\w.@-]{1,64}$/;

/** Makes a token for a holder; gives the token, which nobody can read again. */
export async function createToken(
  { store }: Session,
  name: string,
  scopes: string,
): Promise<{ readonly token: string; readonly holder: TokenHolder }> {
  if (!NAME.test(name))
    throw invalid('name', `name "${name}": expected 1 to 64 letters, digits or any of "_.@-"`);
  const token = TOKEN_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
  const holder = { name, scopes: readScopes(scopes), createdAt: Date.now() };
  if (!(await store.addToken(holder, hashToken(token))))
    throw conflict('name', `name "${name}": has a token already; "mailgw-ctl token revoke ${name}" ends it`);
  return { token, holder };
}

/** Ends a holder's token. */
export async function revokeToken({ store }: Session, name: string): Promise<void> {
  if (await store.removeToken(name)) return;
  throw unknown('name', `name "${name}": has no token; "mailgw-ctl token list" shows who has`);
}

/** Hashes a token as the store keeps it. */
export function hashToken(token: string): Uint8Array {
  return createHash('sha256').update(token).digest();
}

function readScopes(text: string): readonly Scope[] {
  const names = text.split(/[,\s]+/).filter((name) => name !== '');
  const scopes = SCOPES.filter((scope) => names.includes(scope));
  const stranger = names.find((name) => !SCOPES.some((scope) => scope === name));
  if (stranger !== undefined || scopes.length === 0)
    throw invalid('scope', `--scope "${stranger ?? text}": expected one or more of ${SCOPES.join(', ')}`);
  return scopes;
}
