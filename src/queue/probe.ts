/**
 * The item that shows best whether the sink works: one that has not failed, of a user of whom nothing has.
 *
 * Contract: of the users that are not to be taken the first who has a new item due; else, unless that alone will do,
 * the first new item; else none, and what is due longest is as good as any. Costs one step of an index for each user to
 * be avoided, however many items wait.
 */
import type { LeaseProbe } from './queue.ts';
import type { Database } from './schema.ts';

/** Finds the number of the item that makes the best probe. */
export type FindProbe = (probe: LeaseProbe, now: number) => number | undefined;

/** Prepares the search on a writing connection. */
export function prepareProbe(database: Database): FindProbe {
  const nextUser = database.prepare<[string], { itemNumber: number; user: string; dueAt: number }>(
    `SELECT item_number AS itemNumber, user, due_at AS dueAt FROM item
     WHERE head = 1 AND state = 'ready' AND attempts = 0 AND user > ? ORDER BY user, due_at LIMIT 1`,
  );
  return ({ avoid, isStrict }, now) => {
    const avoided = new Set(avoid);
    let second: number | undefined;
    for (let row = nextUser.get(''); row !== undefined; row = nextUser.get(row.user)) {
      if (row.dueAt > now) continue;
      if (!avoided.has(row.user)) return row.itemNumber;
      second ??= row.itemNumber;
    }
    return isStrict ? undefined : second;
  };
}
