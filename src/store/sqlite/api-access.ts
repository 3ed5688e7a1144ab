/** API tokens and kept answers in SQLite. */
import type { ApiAccess, KeptAnswer, TokenHolder } from '../api-access.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Prepares the statements on a writing connection. */
export function prepareApiAccess(
  database: Database,
): AtOnce<ApiAccess, 'addToken' | 'removeToken' | 'keepAnswer'> {
  const add = database.prepare<[string, Uint8Array, string, number]>(
    'INSERT INTO api_token (name, hash, scopes, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const remove = database.prepare<[string]>('DELETE FROM api_token WHERE name = ?');
  const keep = database.prepare<[string, Uint8Array, number, string, number]>(
    `INSERT OR REPLACE INTO api_answer (key, request, status, body, answered_at) VALUES (?, ?, ?, ?, ?)`,
  );
  const forget = database.prepare<[number]>('DELETE FROM api_answer WHERE answered_at < ?');
  return {
    addToken: ({ name, scopes, createdAt }, hash) =>
      add.run(name, hash, scopes.join(' '), createdAt).changes === 1,
    removeToken: (name) => remove.run(name).changes === 1,
    keepAnswer: ({ key, request, status, body, answeredAt }, forgetBefore) => {
      forget.run(forgetBefore);
      keep.run(key, request, status, body, answeredAt);
    },
  };
}

/** Prepares the reads. */
export function prepareApiAccessViews(
  database: Database,
): AtOnce<ApiAccess, 'tokens' | 'tokenHolder' | 'keptAnswer'> {
  const HOLDER = 'SELECT name, scopes, created_at AS createdAt FROM api_token';
  type Row = Omit<TokenHolder, 'scopes'> & { readonly scopes: string };
  const holders = database.prepare<[], Row>(`${HOLDER} ORDER BY name`);
  const holder = database.prepare<[Uint8Array], Row>(`${HOLDER} WHERE hash = ?`);
  const answer = database.prepare<[string], KeptAnswer>(
    'SELECT key, request, status, body, answered_at AS answeredAt FROM api_answer WHERE key = ?',
  );
  const toHolder = (row: Row): TokenHolder => ({ ...row, scopes: row.scopes.split(' ') });
  return {
    tokens: () => holders.all().map(toHolder),
    tokenHolder: (hash) => {
      const row = holder.get(hash);
      return row === undefined ? undefined : toHolder(row);
    },
    keptAnswer: (key) => answer.get(key),
  };
}
