/**
 * The operator's desk in PostgreSQL.
 *
 * Contract: lists and counts go through as many rows as their filter demands, on the connection of slow reads. A pause is in
 * force once it was answered: no daemon leases anything after it.
 */
import type { AgeCount, Desk, ItemFilter } from '../desk.ts';
import type { ItemView } from '../item.ts';
import type { Nullable } from '../item-view.ts';
import type { Ground } from './ground.ts';
import { VIEW, viewOf } from './item-columns.ts';
import { operateOn } from './operate.ts';
import { selection } from './selection.ts';

/** Most items that one listing gives when it names no limit. */
const DEFAULT_LIST_LIMIT = 1000;

/** Gives the port. */
export function deskPort(ground: Ground): Desk {
  const { database, clock } = ground;
  return {
    list: async (filter) => {
      const { where, values } = selection(filter);
      const rows = await database.slowly.rows<Nullable<ItemView>>(
        `SELECT ${VIEW} FROM item ${where} ORDER BY ${orderOf(filter)} LIMIT $${values.length + 1}::bigint`,
        [...values, filter.limit ?? DEFAULT_LIST_LIMIT],
      );
      return rows.map((row) => viewOf(row, clock));
    },
    ids: (filter) => idsOf(ground, filter),
    shape: (filter, bounds) => shapeOf(ground, filter, bounds),
    get: async (id) => {
      const row = await database.reads.first<Nullable<ItemView>>(`SELECT ${VIEW} FROM item WHERE id = $1`, [
        id,
      ]);
      return row && viewOf(row, clock);
    },
    operate: operateOn(ground),
    setPaused: (paused) => setPaused(ground, paused),
  };
}

/**
 * Gives the order of a list. Where nothing posted is wanted, the few that are have an index of their own, and are sorted: the
 * planner does not know that they stand together, and would go through all that was posted in the order of a greater one.
 */
function orderOf({ state, newestFirst }: ItemFilter): string {
  const isAnywhere = state === undefined || state === 'posted' || state.includes('posted');
  if (newestFirst === true) return isAnywhere ? 'id DESC' : "id || '' DESC";
  return isAnywhere ? 'item_number' : 'item_number + 0';
}

async function idsOf({ database }: Ground, filter: ItemFilter): Promise<string[]> {
  const { where, values } = selection(filter);
  const rows = await database.slowly.rows<{ id: string }>(
    `SELECT id FROM item ${where} ORDER BY ${orderOf({ ...filter, newestFirst: undefined })} LIMIT $${values.length + 1}::bigint`,
    [...values, filter.limit ?? null],
  );
  return rows.map(({ id }) => id);
}

function shapeOf({ database }: Ground, filter: ItemFilter, bounds: readonly number[]): Promise<AgeCount[]> {
  const { where, values } = selection(filter, bounds);
  const ages = bounds.map((_, age) => `WHEN received_at > $${age + 1}::bigint THEN ${age}`).join(' ');
  return database.slowly.rows<AgeCount>(
    `SELECT state, CASE WHEN false THEN 0 ${ages} ELSE ${bounds.length} END AS age, count(*) AS count,
       sum(bytes)::bigint AS bytes FROM item ${where} GROUP BY state, age`,
    values,
  );
}

/** Stops or resumes leasing. Alone: what leases meanwhile has ended by then, and whoever leases next sees it. */
function setPaused({ database }: Ground, paused: boolean): Promise<void> {
  return database.transact({ lock: 'alone', isDurable: true }, async (statements) => {
    await statements.run(
      `INSERT INTO flag (name, value) VALUES ('paused', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      [Number(paused)],
    );
  });
}
