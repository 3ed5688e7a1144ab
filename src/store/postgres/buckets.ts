/** The token buckets of the rates in PostgreSQL: the statements that write and read them. */
import type { Buckets } from '../buckets.ts';
import type { Ground } from './ground.ts';
import { LAZY } from './repeatable.ts';

type Loaded = Awaited<ReturnType<Buckets['loadBuckets']>>;

const COLUMNS = 'SELECT name, full_at AS "fullAt", saved_at AS "savedAt" FROM bucket';

/** Gives the port. */
export function bucketPort({ database }: Ground): Buckets {
  const { reads } = database;
  return {
    loadBuckets: () => reads.rows<Loaded[number]>(COLUMNS),
    bucket: (name) => reads.first<Loaded[number]>(`${COLUMNS} WHERE name = $1`, [name]),
    saveBuckets: async ({ savedAt, names, fullAts, gone }) => {
      const times = names.map((_, index) => fullAts[index] ?? savedAt);
      await database.transact(LAZY, (statements) =>
        Promise.all([
          statements.run('DELETE FROM bucket WHERE name = ANY($1::text[])', [gone]),
          statements.run(
            `INSERT INTO bucket (name, full_at, saved_at)
             SELECT name, full_at, $3 FROM unnest($1::text[], $2::bigint[]) AS changed (name, full_at) ORDER BY name
             ON CONFLICT (name) DO UPDATE SET full_at = excluded.full_at, saved_at = excluded.saved_at`,
            [names, times, savedAt],
          ),
        ]),
      );
    },
  };
}
