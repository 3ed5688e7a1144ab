/** The fingerprints of peppers in PostgreSQL: a row for each time that one was put in force, and none is ever removed. */
import type { Peppers } from '../peppers.ts';
import type { Ground } from './ground.ts';

/** The key of the peppers' lock, "mailgw p": of two hosts that start with a new store one alone has the first pepper. */
const PEPPER_LOCK = '7881696737188323440';

/** Gives the port. */
export function pepperPort({ database }: Pick<Ground, 'database'>): Peppers {
  return {
    peppers: async () => {
      const rows = await database.reads.rows<{ fingerprint: Uint8Array; accepted_at: number }>(
        'SELECT fingerprint, accepted_at FROM pepper ORDER BY pepper_number',
      );
      return rows.map(({ fingerprint, accepted_at }) => ({ fingerprint, acceptedAt: accepted_at }));
    },
    acceptPepper: (fingerprint, now, onlyFirst) =>
      database.transact({ lock: 'none', isDurable: true }, async (statements) => {
        await Promise.all([
          statements.run(`SELECT pg_advisory_xact_lock(${PEPPER_LOCK})`),
          statements.run(
            `INSERT INTO pepper (fingerprint, accepted_at)
             SELECT $1::bytea, $2::bigint WHERE NOT $3::boolean OR NOT EXISTS (SELECT FROM pepper)`,
            [fingerprint, now, onlyFirst],
          ),
        ]);
      }),
  };
}
