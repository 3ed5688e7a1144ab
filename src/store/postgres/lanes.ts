/**
 * Lanes in PostgreSQL: the table of them, and the column of each item.
 *
 * Contract: the column is a function of the item's thread and of the table, whoever writes either (`mailgw_lane_of`). What
 * is in the queue, or may come back to it, moves with the table in one transaction, alone. What was posted moves in
 * steps before and after it, while mail flows on: there may be millions of those, and their lanes are only shown.
 */
import { type Lane, NO_LANE } from '../../mail/lane.ts';
import { THREAD } from '../item-columns.ts';
import type { Lanes } from '../lanes.ts';
import type { Value } from './connection.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';

/** Items that one statement looks at: no answer takes so long that the connection would count as lost. */
const STEP_ROWS = 20_000;

/** The lane of an item by the lanes $1, with the prefixes $2: `mailgw_lane_of` for a million rows at once. */
const LANE = `CASE WHEN cardinality($1::text[]) > 0 THEN coalesce(
  (SELECT name FROM unnest($1::text[], $2::text[]) AS new (name, threads)
   WHERE mailgw_place(${THREAD}) <> '' AND starts_with(mailgw_place(${THREAD}), threads)
   ORDER BY length(threads) DESC LIMIT 1), '${NO_LANE}') END`;

const FIND = `SELECT item_number AS number FROM item WHERE state <> 'posted' AND lane IS DISTINCT FROM ${LANE}`;

const MOVE = `UPDATE item SET lane = ${LANE}, due_at = CASE WHEN state = 'waiting' THEN $3 ELSE due_at END
  WHERE item_number = ANY($4::bigint[])`;

const MOVE_POSTED = `UPDATE item SET lane = ${LANE}
  WHERE item_number > $3 AND item_number <= $4 AND state = 'posted' AND lane IS DISTINCT FROM ${LANE}`;

/** Gives the port. */
export function lanePort({ database, clock }: Ground): Lanes {
  const movePosted = async (values: readonly Value[]): Promise<void> => {
    const range = await database.reads.first<{ first: number | null; last: number | null }>(
      'SELECT (SELECT min(item_number) FROM item) AS first, (SELECT max(item_number) FROM item) AS last',
    );
    const last = range?.last ?? 0;
    for (let after = (range?.first ?? 1) - 1; after < last; after += STEP_ROWS)
      await database.transact({ lock: 'none', isDurable: false }, (statements) =>
        statements.run(MOVE_POSTED, [...values, after, after + STEP_ROWS]),
      );
  };
  return {
    setLanes: async (lanes, now) => {
      const sorted = lanes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      if (isSame(await readLanes(database.reads), sorted)) return;
      const values = [sorted.map(({ name }) => name), sorted.map(({ threads }) => threads)];
      await movePosted(values);
      await database.transact({ lock: 'alone', isDurable: true }, (statements) =>
        replace(statements, values, clock.toDatabase(now)),
      );
      await movePosted(values);
    },
  };
}

/** Replaces the table, and moves all but what was posted. */
async function replace(statements: Statements, values: readonly Value[], dueAt: number): Promise<void> {
  await Promise.all([
    statements.run('DELETE FROM lane'),
    statements.run('INSERT INTO lane (name, threads) SELECT * FROM unnest($1::text[], $2::text[])', values),
  ]);
  const found = await statements.rows<{ number: number }>(FIND, values);
  const numbers = found.map(({ number }) => number);
  for (let at = 0; at < numbers.length; at += STEP_ROWS)
    await statements.run(MOVE, [...values, dueAt, numbers.slice(at, at + STEP_ROWS)]);
}

/** Reads the lanes in the order of their names. */
async function readLanes(statements: Statements): Promise<readonly Lane[]> {
  return await statements.rows<Lane>('SELECT name, threads FROM lane ORDER BY name');
}

function isSame(known: readonly Lane[], lanes: readonly Lane[]): boolean {
  return (
    known.length === lanes.length &&
    known.every(({ name, threads }, at) => name === lanes[at]?.name && threads === lanes[at].threads)
  );
}
