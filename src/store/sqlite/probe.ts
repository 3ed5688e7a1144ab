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
export type FindProbe = (probe: LeaseProbe, now: number, lane?: string) => number | undefined;

/** Prepares the search on a writing connection. */
export function prepareProbe(database: Database): FindProbe {
  // The state twice: as the index has it, for it to be used, and as a probe wants it.
  const select = (from: string) =>
    database
      .prepare<(number | string)[], number>(
        `SELECT item_number FROM item ${from}
         head = 1 AND state IN ('ready','waiting') AND due_at <= ? AND user NOT IN (SELECT value FROM json_each(?))
         AND state = 'ready' AND attempts = 0 ORDER BY due_at LIMIT 1`,
      )
      .pluck();
  const ofAll = select('WHERE');
  const ofLane = select('INDEXED BY item_lane_due WHERE lane = ? AND');
  return ({ avoid, isStrict }, now, lane) => {
    const firstNew = (left: string): number | undefined =>
      lane === undefined ? ofAll.get(now, left) : ofLane.get(lane, now, left);
    return firstNew(JSON.stringify(avoid)) ?? (isStrict ? undefined : firstNew('[]'));
  };
}
