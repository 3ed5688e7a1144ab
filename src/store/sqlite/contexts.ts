/** The contexts of addresses in SQLite: a row for each address that has one. */
import type { Contexts } from '../contexts.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Rows that are removed at a time. */
const STEP_ROWS = 100;

/** The writes, and what retention asks of them. */
export interface ContextWrites {
  readonly port: AtOnce<Contexts, 'setContexts'>;
  /** Removes those that expired before then, some rows of them; how many. */
  prune(expiredBefore: number): number;
}

/** Prepares the statements on a writing connection. */
export function prepareContexts(database: Database): ContextWrites {
  const set = database.prepare<[number, string, number, string, number]>(
    `INSERT INTO address_context (user_number, thread, replied_to_at, context, expires_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (user_number, thread, replied_to_at)
       DO UPDATE SET context = excluded.context, expires_at = excluded.expires_at`,
  );
  const expire = database.prepare<[number]>(
    `DELETE FROM address_context WHERE (user_number, thread, replied_to_at) IN
       (SELECT user_number, thread, replied_to_at FROM address_context WHERE expires_at < ?
        ORDER BY expires_at LIMIT ${STEP_ROWS})`,
  );
  return {
    port: {
      setContexts: (contexts) => {
        for (const { userNumber, thread, repliedToAt, context, expiresAt } of contexts)
          set.run(userNumber, thread, repliedToAt, context, expiresAt);
      },
    },
    prune: (expiredBefore) => expire.run(expiredBefore).changes,
  };
}

/** Prepares the read on a reading connection. */
export function prepareContextViews(database: Database): AtOnce<Contexts, 'contextOf'> {
  const find = database
    .prepare<[number, string, number], string>(
      'SELECT context FROM address_context WHERE user_number = ? AND thread = ? AND replied_to_at = ?',
    )
    .pluck();
  return { contextOf: ({ userNumber, thread, repliedToAt }) => find.get(userNumber, thread, repliedToAt) };
}
