/**
 * The item that shows best whether the sink works: one that has not failed, of a user of whom nothing has.
 *
 * Contract: the first new item that is due of a user who is not to be avoided; else, unless that alone will do, the first
 * new item; else none, and what is due longest is as good as any. Each waiting item of a user to be avoided takes a step
 * of the index of due items: 100,000 of them some 40 ms, and probes are seconds apart.
 */
import type { LeaseProbe } from '../leases.ts';
import type { Database } from './schema.ts';

/** Finds the number of the item that makes the best probe. */
export type FindProbe = (probe: LeaseProbe, now: number) => number | undefined;

/** Prepares the search on a writing connection. */
export function prepareProbe(database: Database): FindProbe {
  // The state twice: as the index has it, for it to be used, and as a probe wants it.
  const firstNew = database
    .prepare<[number, string], number>(
      `SELECT item_number FROM item
       WHERE head = 1 AND state IN ('ready','waiting') AND due_at <= ? AND user NOT IN (SELECT value FROM json_each(?))
         AND state = 'ready' AND attempts = 0 ORDER BY due_at LIMIT 1`,
    )
    .pluck();
  return ({ avoid, isStrict }, now) => {
    const best = firstNew.get(now, JSON.stringify(avoid));
    return best ?? (isStrict ? undefined : firstNew.get(now, '[]'));
  };
}
