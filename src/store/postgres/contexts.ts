/** The contexts of addresses in PostgreSQL: a row for each address that has one. */
import type { Contexts } from '../contexts.ts';
import type { Ground } from './ground.ts';
import { PROMISED, repeatable } from './repeatable.ts';

// In the order of the key: two batches never wait for each other.
const SET = `INSERT INTO address_context (user_number, thread, replied_to_at, context, expires_at)
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[]) ORDER BY 1, 2, 3
  ON CONFLICT (user_number, thread, replied_to_at)
    DO UPDATE SET context = excluded.context, expires_at = excluded.expires_at`;

/** Gives the port. */
export function contextPort({ database }: Ground): Contexts {
  return {
    setContexts: async (contexts) => {
      if (contexts.length === 0) return;
      const last = new Map(
        contexts.map((each) => [`${each.userNumber} ${each.repliedToAt} ${each.thread}`, each]),
      );
      const rows = [...last.values()];
      const values = [
        rows.map(({ userNumber }) => userNumber),
        rows.map(({ thread }) => thread),
        rows.map(({ repliedToAt }) => repliedToAt),
        rows.map(({ context }) => context),
        rows.map(({ expiresAt }) => expiresAt),
      ];
      await repeatable(database, PROMISED, (statements) => statements.run(SET, values));
    },
    contextOf: async ({ userNumber, thread, repliedToAt }) => {
      const row = await database.reads.first<{ context: string }>(
        'SELECT context FROM address_context WHERE user_number = $1 AND thread = $2 AND replied_to_at = $3',
        [userNumber, thread, repliedToAt],
      );
      return row?.context;
    },
  };
}
