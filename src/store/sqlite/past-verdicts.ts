/** The verdicts of the last days by which a recipient got nothing, in SQLite. Contract as of the port. */
import type { PastVerdict } from '../../observe/past-verdicts.ts';
import type { Nullable } from '../item-view.ts';
import {
  MOST_FORGOTTEN,
  MOST_PAST_VERDICTS,
  type NumberedVerdict,
  PAST_VERDICT_COLUMNS,
  PAST_VERDICT_MS,
  type PastVerdicts,
  saidOf,
  WANTED_FIELDS,
} from '../past-verdicts.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** The columns as SQLite has them, where `user` is a name like any other. */
const COLUMNS = { ...PAST_VERDICT_COLUMNS, user: 'user' };
const FIELDS = Object.keys(COLUMNS) as (keyof PastVerdict)[];

/** Prepares the statements on a writing connection. */
export function preparePastVerdicts(database: Database): AtOnce<PastVerdicts, 'addPastVerdicts'> {
  const add = database.prepare<(string | number | null)[]>(
    `INSERT INTO past_verdict (${Object.values(COLUMNS).join(', ')}) VALUES (${FIELDS.map(() => '?').join(', ')})`,
  );
  const forgetOld = prepareForget(database, 'at < ? ORDER BY at');
  const forgetBeyond = prepareForget(
    database,
    'number <= (SELECT max(number) FROM past_verdict) - ? ORDER BY number',
  );
  return {
    addPastVerdicts: (verdicts, now) => {
      for (const verdict of verdicts) add.run(...FIELDS.map((field) => verdict[field] ?? null));
      forgetOld.run(now - PAST_VERDICT_MS);
      forgetBeyond.run(MOST_PAST_VERDICTS);
    },
  };
}

/** Prepares the removal of a bounded number of those that a condition names, by an index. */
const prepareForget = (database: Database, which: string) =>
  database.prepare<[number]>(
    `DELETE FROM past_verdict WHERE number IN (SELECT number FROM past_verdict WHERE ${which} LIMIT ${MOST_FORGOTTEN})`,
  );

/** Prepares the read. */
export function preparePastVerdictView(database: Database): AtOnce<PastVerdicts, 'pastVerdicts'> {
  const columns = FIELDS.map((field) => `${COLUMNS[field]} AS "${field}"`).join(', ');
  const agrees = WANTED_FIELDS.map((field) => `(@${field} IS NULL OR ${COLUMNS[field]} = @${field})`).join(
    ' AND ',
  );
  const view = database.prepare<[Record<string, unknown>], Nullable<NumberedVerdict>>(
    `SELECT number, ${columns} FROM past_verdict
     WHERE at >= @since AND number < @before AND ${agrees} ORDER BY number DESC LIMIT @limit`,
  );
  const nothing = Object.fromEntries(WANTED_FIELDS.map((field) => [field, null]));
  return {
    pastVerdicts: ({ before = Number.MAX_SAFE_INTEGER, ...query }) =>
      view.all({ ...nothing, ...query, before }).map(saidOf),
  };
}
