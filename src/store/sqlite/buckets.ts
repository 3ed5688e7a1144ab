/** The token buckets of the rates in SQLite: the statements that write and read them. */
import type { Buckets, NamedBucket } from '../buckets.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Prepares the statements on a writing connection. */
export function prepareBuckets(database: Database): AtOnce<Buckets, 'saveBuckets'> {
  const set = database.prepare<[string, number, number]>(
    `INSERT INTO bucket (name, full_at, saved_at) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET full_at = excluded.full_at, saved_at = excluded.saved_at`,
  );
  const remove = database.prepare<[string]>('DELETE FROM bucket WHERE name = ?');
  return {
    saveBuckets: ({ savedAt, names, fullAts, gone }) => {
      for (const name of gone) remove.run(name);
      names.forEach((name, index) => set.run(name, fullAts[index] ?? savedAt, savedAt));
    },
  };
}

/** Prepares the reads on a reading connection. */
export function prepareBucketViews(
  database: Database,
): AtOnce<Buckets, 'loadBuckets' | 'bucket' | 'othersBuckets'> {
  const columns =
    "SELECT name, full_at AS fullAt, saved_at AS savedAt, '' AS host, 0 AS life, 0 AS takenMs FROM bucket";
  const all = database.prepare<[], NamedBucket>(columns);
  const byName = database.prepare<[string], NamedBucket>(`${columns} WHERE name = ?`);
  return {
    loadBuckets: () => all.all(),
    bucket: (name) => byName.get(name),
    othersBuckets: () => [], // one daemon has a store in SQLite
  };
}
