/** What an operator's filter selects, in SQLite: items, their ids, and how many there are by state and age. */
import type { AgeCount, Desk, ItemFilter } from '../desk.ts';
import { THREAD } from '../item-columns.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** The condition of a filter and the values in it. */
export interface Selection {
  readonly where: string;
  readonly values: readonly (string | number)[];
}

/** Writes the condition of a filter. */
export function selection(filter: ItemFilter): Selection {
  const { startsWith, state, user, thread, since, settledSince, hasContent, messageId, before, lane } =
    filter;
  const conditions = ['1'];
  const values: (string | number)[] = [];
  const add = (condition: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    conditions.push(condition);
    values.push(value);
  };
  add('id >= ?', startsWith);
  add('id < ? || char(0x10ffff)', startsWith);
  if (typeof state === 'string') add('state = ?', state);
  else if (state !== undefined) {
    conditions.push(`state IN (${state.map(() => '?').join(',')})`);
    values.push(...state);
  }
  add('id < ?', before);
  add("trim(message_id, '<>') = ?", messageId);
  add('user = ?', user);
  add(`${THREAD} = ?`, thread);
  add('lane = ?', lane);
  add('received_at >= ?', since);
  add('settled_at >= ?', settledSince);
  if (hasContent === true) conditions.push("(state <> 'posted' OR content_kept = 1)");
  return { where: `WHERE ${conditions.join(' AND ')}`, values };
}

/** Prepares the reads by filter. */
export function prepareSelectionViews(database: Database): AtOnce<Desk, 'ids' | 'shape'> {
  return {
    ids: (filter) => {
      const { where, values } = selection(filter);
      return database
        .prepare<(string | number)[], string>(`SELECT id FROM item ${where} ORDER BY item_number LIMIT ?`)
        .pluck()
        .all(...values, filter.limit ?? -1);
    },
    shape: (filter, bounds) => {
      const { where, values } = selection(filter);
      const ages = bounds.map((_, age) => `WHEN received_at > ? THEN ${age}`).join(' ');
      return database
        .prepare<(string | number)[], AgeCount>(
          `SELECT state, CASE WHEN 0 THEN 0 ${ages} ELSE ${bounds.length} END AS age, count(*) AS count,
             sum(bytes) AS bytes FROM item ${where} GROUP BY state, age`,
        )
        .all(...bounds, ...values);
    },
  };
}
