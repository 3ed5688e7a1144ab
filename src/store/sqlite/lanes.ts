/**
 * Lanes in SQLite: the table of them, and the column of each item.
 *
 * Contract: the column is a function of the item's thread and of the table, whoever writes either. Without lanes it is NULL,
 * and neither index nor statement has anything to do with it.
 */
import { createLaneOf, type Lane } from '../../mail/lane.ts';
import type { LaneCount } from '../figures.ts';
import { THREAD } from '../item-columns.ts';
import type { Lanes } from '../lanes.ts';
import type { AtOnce } from './at-once.ts';
import { OPEN } from './migrations.ts';
import type { Database } from './schema.ts';

/** The lanes of a writing connection. */
export interface LaneWrites {
  /** Gives the lane of a thread; null where there are none. */
  readonly laneOf: (thread: string) => string | null;
  readonly port: AtOnce<Lanes, 'setLanes'>;
}

/** Prepares the statements; the table is read once, because the daemon alone changes it. */
export function prepareLanes(database: Database): LaneWrites {
  const read = database.prepare<[], Lane>('SELECT name, threads FROM lane ORDER BY name');
  const clear = database.prepare('DELETE FROM lane');
  const insert = database.prepare<[string, string]>('INSERT INTO lane (name, threads) VALUES (?, ?)');
  let known = read.all();
  let find = createLaneOf(known);
  const laneOf = (thread: string): string | null => find(thread) ?? null;
  database.function('lane_of', { deterministic: false }, (thread: unknown) => laneOf(String(thread)));
  const move = database.prepare<[number]>(
    `UPDATE item SET lane = lane_of(${THREAD}), due_at = iif(state = 'waiting', ?, due_at)
     WHERE lane IS NOT lane_of(${THREAD})`,
  );
  return {
    laneOf,
    port: {
      setLanes: (lanes, now) => {
        const sorted = lanes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
        const isSame = (one: Lane, at: number): boolean =>
          one.name === sorted[at]?.name && one.threads === sorted[at].threads;
        if (known.length === sorted.length && known.every(isSame)) return;
        clear.run();
        for (const { name, threads } of sorted) insert.run(name, threads);
        known = sorted;
        find = createLaneOf(sorted);
        move.run(now);
      },
    },
  };
}

/** Prepares the count of what is not settled, on a reading connection; none where there are no lanes. */
export function prepareLaneCounts(database: Database): () => readonly LaneCount[] {
  const isDivided = database.prepare<[], 1>('SELECT 1 FROM lane LIMIT 1');
  const count = database.prepare<[], LaneCount>(
    `SELECT lane, count(*) AS open FROM item WHERE state IN ${OPEN} AND lane IS NOT NULL GROUP BY lane`,
  );
  return () => (isDivided.get() === undefined ? [] : count.all());
}
