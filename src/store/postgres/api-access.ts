/**
 * API tokens and kept answers in PostgreSQL.
 *
 * Contract: a claim of a key is a row without a status, with the claimer as its body; its end is by the database's clock, which
 * is the same for all hosts. An answer takes its place.
 */
import { type ApiAccess, CLAIM_MS, type KeptAnswer, type TokenHolder } from '../api-access.ts';
import { DATABASE_NOW } from './clock.ts';
import type { Ground } from './ground.ts';
import { LAZY, PROMISED, repeatable } from './repeatable.ts';

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

/** The status of a row that is a claim. */
const CLAIMED = 0;

const CLAIM = `INSERT INTO api_answer (key, request, status, body, answered_at)
  VALUES ($1, '', ${CLAIMED}, $2, ${DATABASE_NOW} + ${CLAIM_MS})
  ON CONFLICT (key) DO UPDATE SET request = excluded.request, status = excluded.status, body = excluded.body,
    answered_at = excluded.answered_at
  WHERE CASE api_answer.status WHEN ${CLAIMED} THEN api_answer.answered_at <= ${DATABASE_NOW} OR api_answer.body = $2
    ELSE api_answer.answered_at < $3 END`;

type Answers = Pick<ApiAccess, 'claimKey' | 'releaseKey' | 'keepAnswer' | 'keptAnswer'>;

function answerPort({ database }: Ground): Answers {
  return {
    claimKey: ({ key, claimer }, forgetBefore) =>
      repeatable(
        database,
        PROMISED,
        async (statements) => (await statements.run(CLAIM, [key, claimer, forgetBefore])) === 1,
      ),
    releaseKey: async ({ key, claimer }) => {
      const sql = `DELETE FROM api_answer WHERE key = $1 AND status = ${CLAIMED} AND body = $2`;
      await repeatable(database, LAZY, (statements) => statements.run(sql, [key, claimer]));
    },
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
        'SELECT key, request, status, body, answered_at AS "answeredAt" FROM api_answer WHERE key = $1 AND status <> 0',
        [key],
      ),
  };
}
