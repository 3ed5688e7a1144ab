/** The contexts of addresses in PostgreSQL: a row for each address that has one. */
import type { ContextKey, Contexts } from '../contexts.ts';
import { byPlace, gathered, questions } from './gathered.ts';
import type { Ground } from './ground.ts';
import { PROMISED, repeatable } from './repeatable.ts';

// In the order of the key: two batches never wait for each other.
const SET = `INSERT INTO address_context (user_number, thread, replied_to_at, context, expires_at)
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::bigint[]) ORDER BY 1, 2, 3
  ON CONFLICT (user_number, thread, replied_to_at)
    DO UPDATE SET context = excluded.context, expires_at = excluded.expires_at`;

const ONE =
  'SELECT context FROM address_context WHERE user_number = $1 AND thread = $2 AND replied_to_at = $3';

// Each is looked up, however many the planner believes there are: OFFSET 0 is not planned away.
const SEVERAL = `SELECT place, context
  FROM ${questions('bigint', 'text', 'bigint')} AS asked (of_user, of_thread, at, place),
    LATERAL (SELECT context FROM address_context
      WHERE user_number = of_user AND thread = of_thread AND replied_to_at = at OFFSET 0) AS known`;

/** A context, of several with the place of its question. */
interface Row {
  readonly place: number;
  readonly context: string;
}

/** Gives the port. */
export function contextPort({ database }: Ground): Contexts {
  const { reads } = database;
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
    contextOf: gathered<ContextKey, string | undefined>({
      one: async ({ userNumber, thread, repliedToAt }) =>
        (await reads.first<Row>(ONE, [userNumber, thread, repliedToAt]))?.context,
      several: async (keys) => {
        const users = keys.map(({ userNumber }) => userNumber);
        const threads = keys.map(({ thread }) => thread);
        const times = keys.map(({ repliedToAt }) => repliedToAt);
        const rows = await reads.rows<Row>(SEVERAL, [users, threads, times]);
        return byPlace(keys.length, rows).map(([row]) => row?.context);
      },
    }),
  };
}
