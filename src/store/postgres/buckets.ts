/**
 * Buckets in PostgreSQL: loadBuckets, bucket, saveBuckets, othersBuckets.
 *
 * Contract: each host has a row of its own of a bucket, so that none waits for another's: with its view of it, and what it
 * has taken itself, which the others add to theirs. Times are the database's clock. A row that a host gives up goes with
 * those of others that are full by then.
 */
import type { BucketChange, Buckets, NamedBucket } from '../buckets.ts';
import { DATABASE_NOW } from './clock.ts';
import type { Ground } from './ground.ts';

/** A row may become visible so much later than its time says; what is missed even so comes with its next change. */
const LATE_MS = 2000;

const COLUMNS = 'name, host, full_at AS "fullAt", saved_at AS "savedAt", life, taken_ms AS "takenMs"';

const SAVE = `INSERT INTO bucket (name, host, full_at, saved_at, changed_at, life, taken_ms)
  SELECT each.name, $1, each.full_at, $6, ${DATABASE_NOW}, each.life, each.taken_ms
  FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::double precision[]) AS each (name, full_at, life, taken_ms)
  ON CONFLICT (name, host) DO UPDATE SET full_at = excluded.full_at, saved_at = excluded.saved_at,
    changed_at = excluded.changed_at, life = excluded.life, taken_ms = excluded.taken_ms`;

const REMOVE = `DELETE FROM bucket WHERE name = ANY($2) AND (host = $1 OR full_at <= ${DATABASE_NOW})`;

/** Gives the port. */
export function bucketPort({ database, clock, host }: Ground): Buckets {
  let readUpTo = 0;
  let saving: Promise<unknown> = Promise.resolve();
  const toHost = (row: NamedBucket): NamedBucket => ({
    ...row,
    fullAt: clock.toHost(row.fullAt),
    savedAt: clock.toHost(row.savedAt),
  });
  const read = async (condition: string, values: readonly (string | number)[]): Promise<NamedBucket[]> => {
    const [at, rows] = await Promise.all([
      database.reads.first<{ at: number }>(`SELECT ${DATABASE_NOW} AS at`),
      database.reads.rows<NamedBucket>(`SELECT ${COLUMNS} FROM bucket ${condition}`, values),
    ]);
    readUpTo = (at?.at ?? 0) - LATE_MS;
    return rows.map(toHost);
  };
  const save = ({ savedAt, names, fullAts, lives, takenMs, gone }: BucketChange): Promise<unknown> =>
    database.transact({ lock: 'none', isDurable: false }, (statements) =>
      Promise.all([
        gone.length > 0 && statements.run(REMOVE, [host, gone]),
        names.length > 0 &&
          statements.run(SAVE, [
            host,
            names,
            fullAts.map((at) => Math.ceil(clock.toDatabase(at))),
            lives,
            takenMs,
            Math.round(clock.toDatabase(savedAt)),
          ]),
      ]),
    );
  return {
    loadBuckets: () => read('', []),
    bucket: async (name) => {
      const row = await database.reads.first<NamedBucket>(
        `SELECT ${COLUMNS} FROM bucket WHERE name = $1 ORDER BY full_at DESC LIMIT 1`,
        [name],
      );
      return row && toHost(row);
    },
    saveBuckets: async (change) => {
      // One after the other: an older state must not come last.
      const before = saving;
      const mine = before.then(() => save(change));
      saving = mine.catch(() => undefined);
      await mine;
    },
    othersBuckets: () => read('WHERE changed_at >= $1 AND host <> $2', [readUpTo, host]),
  };
}
