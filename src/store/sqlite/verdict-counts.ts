/**
 * How often each verdict was given, in SQLite, for `mailgw-ctl stats` to see; the daemon adds what it has counted.
 *
 * Contract: counts are kept by the hour for {@link VERDICT_HOURS}; older ones are added up in one row, that of hour 0.
 */
import type { VerdictCount } from '../../observe/figures.ts';
import { type Figures, hourOf, VERDICT_HOURS } from '../figures.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Prepares the statements on a writing connection. */
export function prepareVerdicts(database: Database): AtOnce<Figures, 'addVerdicts'> {
  const conflict = `ON CONFLICT (verdict, reason, cause, hour) DO UPDATE SET
    count = count + excluded.count, last_at = max(last_at, excluded.last_at)`;
  const add = database.prepare<[string, string, string, number, number, number]>(
    `INSERT INTO verdict_count (verdict, reason, cause, hour, count, last_at) VALUES (?, ?, ?, ?, ?, ?) ${conflict}`,
  );
  const fold = database.prepare<[number]>(
    `INSERT INTO verdict_count (verdict, reason, cause, hour, count, last_at)
     SELECT verdict, reason, cause, 0, sum(count), max(last_at) FROM verdict_count WHERE hour > 0 AND hour < ?
     GROUP BY verdict, reason, cause ${conflict}`,
  );
  const forget = database.prepare<[number]>('DELETE FROM verdict_count WHERE hour > 0 AND hour < ?');
  let newest = 0;
  return {
    addVerdicts: (counts) => {
      for (const { verdict, reason, cause, count, lastAt } of counts) {
        add.run(verdict, reason, cause ?? '', hourOf(lastAt), count, lastAt);
      }
      const hour = counts.reduce((latest, { lastAt }) => Math.max(latest, hourOf(lastAt)), newest);
      if (hour === newest) return;
      newest = hour;
      fold.run(hour - VERDICT_HOURS);
      forget.run(hour - VERDICT_HOURS);
    },
  };
}

/** Prepares the read: all verdicts, or those given in the hour of `since` and later. */
export function prepareVerdictView(database: Database): AtOnce<Figures>['verdicts'] {
  const view = database.prepare<[number], Omit<VerdictCount, 'cause'> & { cause: string | null }>(
    `SELECT verdict, reason, nullif(cause, '') AS cause, sum(count) AS count, max(last_at) AS lastAt FROM verdict_count
     WHERE hour >= ? GROUP BY verdict, reason, cause ORDER BY verdict, reason, cause`,
  );
  return (since) => {
    const rows = view.all(since === undefined ? 0 : Math.max(1, hourOf(since)));
    return rows.map(({ cause, ...row }) => (cause === null ? row : { ...row, cause }));
  };
}
