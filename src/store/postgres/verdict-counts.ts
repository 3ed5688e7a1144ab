/**
 * How often each verdict was given, in PostgreSQL; each host adds what it has counted to rows of its own.
 *
 * Contract: counts are kept by the hour for {@link VERDICT_HOURS}; older ones, whose host ever, are added up in one row of
 * each host, that of hour 0.
 */
import type { VerdictCount } from '../../observe/figures.ts';
import { type Figures, hourOf, VERDICT_HOURS } from '../figures.ts';
import type { Nullable } from '../item-view.ts';
import type { Ground } from './ground.ts';

const CONFLICT = `ON CONFLICT (verdict, reason, cause, hour, host) DO UPDATE SET
  count = verdict_count.count + excluded.count, last_at = greatest(verdict_count.last_at, excluded.last_at)`;

// In the order of the key: two that add at once never wait for each other.
const ADD = `INSERT INTO verdict_count (verdict, reason, cause, hour, host, count, last_at)
  SELECT verdict, reason, cause, hour, $1, sum(count), max(last_at)
  FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS added (verdict, reason, cause, hour, count, last_at)
  GROUP BY verdict, reason, cause, hour ORDER BY verdict, reason, cause, hour ${CONFLICT}`;

// What another daemon folds at the same time is gone for this one.
const FOLD = `WITH old AS (DELETE FROM verdict_count WHERE hour > 0 AND hour < $1 RETURNING *)
  INSERT INTO verdict_count (verdict, reason, cause, hour, host, count, last_at)
  SELECT verdict, reason, cause, 0, host, sum(count), max(last_at) FROM old
  GROUP BY verdict, reason, cause, host ORDER BY verdict, reason, cause, host ${CONFLICT}`;

/** Gives the verdicts' part of the port. */
export function verdictCounts({ database, host }: Ground): Pick<Figures, 'addVerdicts' | 'verdicts'> {
  let newest = 0;
  return {
    addVerdicts: async (counts) => {
      if (counts.length === 0) return;
      const hour = counts.reduce((latest, { lastAt }) => Math.max(latest, hourOf(lastAt)), newest);
      await database.transact({ lock: 'none', isDurable: false }, async (statements) => {
        const added = statements.run(ADD, [
          host,
          counts.map(({ verdict }) => verdict),
          counts.map(({ reason }) => reason),
          counts.map(({ cause }) => cause ?? ''),
          counts.map(({ lastAt }) => hourOf(lastAt)),
          counts.map(({ count }) => count),
          counts.map(({ lastAt }) => lastAt),
        ]);
        const folded = hour === newest ? undefined : statements.run(FOLD, [hour - VERDICT_HOURS]);
        await Promise.all([added, folded]);
      });
      newest = Math.max(newest, hour);
    },
    verdicts: async (since) => {
      const rows = await database.reads.rows<Nullable<VerdictCount>>(
        `SELECT verdict, reason, nullif(verdict_count.cause, '') AS cause, sum(count)::bigint AS count, max(last_at) AS "lastAt"
         FROM verdict_count WHERE hour >= $1
         GROUP BY verdict, reason, verdict_count.cause ORDER BY verdict, reason, verdict_count.cause`,
        [since === undefined ? 0 : Math.max(1, hourOf(since))],
      );
      return rows.map(({ cause, ...row }) => (cause === null ? row : { ...row, cause }));
    },
  };
}
