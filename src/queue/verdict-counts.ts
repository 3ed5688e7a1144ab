/** How often each verdict was given, in SQLite, for `mailgw-ctl stats` to see; the daemon adds what it has counted. */
import type { VerdictCount } from './queue.ts';
import type { Database } from './schema.ts';

/** The operation on the counts, to be called inside a transaction. */
export interface VerdictOperations {
  /** Adds to the counts. */
  readonly addVerdicts: (counts: readonly VerdictCount[]) => void;
}

/** Prepares the statement on a writing connection. */
export function prepareVerdictOperations(database: Database): VerdictOperations {
  const add = database.prepare<[string, string, number, number]>(
    `INSERT INTO verdict_count (verdict, reason, count, last_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (verdict, reason) DO UPDATE SET count = count + excluded.count, last_at = excluded.last_at`,
  );
  return {
    addVerdicts: (counts) => {
      for (const { verdict, reason, count, lastAt } of counts) add.run(verdict, reason, count, lastAt);
    },
  };
}

/** Prepares the read. */
export function prepareVerdictView(database: Database): () => VerdictCount[] {
  const all = database.prepare<[], VerdictCount>(
    'SELECT verdict, reason, count, last_at AS lastAt FROM verdict_count ORDER BY verdict, reason',
  );
  return () => all.all();
}
