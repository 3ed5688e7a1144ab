/** API tokens and kept answers in PostgreSQL. */
import type { ApiAccess, KeptAnswer, TokenHolder } from '../api-access.ts';
import type { Ground } from './ground.ts';
import { PROMISED, repeatable } from './repeatable.ts';

const HOLDER = 'SELECT name, scopes, created_at AS "createdAt" FROM api_token';

type HolderRow = Omit<TokenHolder, 'scopes'> & { readonly scopes: string };

const toHolder = (row: HolderRow): TokenHolder => ({ ...row, scopes: row.scopes.split(' ') });

/** Gives the port. */
export function apiAccessPort(ground: Ground): ApiAccess {
  return { ...tokenPort(ground), ...answerPort(ground) };
}

type Tokens = Pick<ApiAccess, 'addToken' | 'removeToken' | 'tokens' | 'tokenHolder'>;

function tokenPort({ database }: Ground): Tokens {
  const { reads } = database;
  return {
    addToken: ({ name, scopes, createdAt }, hash) =>
      repeatable(database, PROMISED, async (statements, isAgain) => {
        const count = await statements.run(
          `INSERT INTO api_token (name, hash, scopes, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
          [name, hash, scopes.join(' '), createdAt],
        );
        if (count === 1 || !isAgain) return count === 1;
        const own = await statements.rows('SELECT FROM api_token WHERE name = $1 AND hash = $2', [
          name,
          hash,
        ]);
        return own.length === 1;
      }),
    removeToken: (name) =>
      database.transact(
        PROMISED,
        async (statements) => (await statements.run('DELETE FROM api_token WHERE name = $1', [name])) === 1,
      ),
    tokens: async () => (await reads.rows<HolderRow>(`${HOLDER} ORDER BY name`)).map(toHolder),
    tokenHolder: async (hash) => {
      const row = await reads.first<HolderRow>(`${HOLDER} WHERE hash = $1`, [hash]);
      return row === undefined ? undefined : toHolder(row);
    },
  };
}

function answerPort({ database }: Ground): Pick<ApiAccess, 'keepAnswer' | 'keptAnswer'> {
  return {
    keepAnswer: async ({ key, request, status, body, answeredAt }, forgetBefore) => {
      await repeatable(database, PROMISED, (statements) =>
        Promise.all([
          statements.run('DELETE FROM api_answer WHERE answered_at < $1', [forgetBefore]),
          statements.run(
            `INSERT INTO api_answer (key, request, status, body, answered_at) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (key) DO UPDATE SET request = excluded.request, status = excluded.status,
               body = excluded.body, answered_at = excluded.answered_at`,
            [key, request, status, body, answeredAt],
          ),
        ]),
      );
    },
    keptAnswer: (key) =>
      database.reads.first<KeptAnswer>(
        'SELECT key, request, status, body, answered_at AS "answeredAt" FROM api_answer WHERE key = $1',
        [key],
      ),
  };
}
