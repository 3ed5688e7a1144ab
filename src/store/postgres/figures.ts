/**
 * The store in figures, in PostgreSQL.
 *
 * Contract: a full count takes what is open, held or failed from indexes that hold those alone, and what was posted from an
 * index without its rows; questions that come while one is answered get the same answer. A backlog costs no more however
 * much was posted.
 */
import {
  type BounceCounts,
  type Figures,
  type LaneCount,
  MOST_COUNTED,
  type QueueCounts,
} from '../figures.ts';
import { ITEM_STATES, type ItemState } from '../item.ts';
import type { Nullable } from '../item-view.ts';
import type { Ground } from './ground.ts';
import { readSinks } from './sink-status.ts';
import { ENDED_UNPOSTED, OPEN } from './tables.ts';
import { verdictCounts } from './verdict-counts.ts';

/** Gives the port. */
export function figurePort(ground: Ground): Figures {
  let answering: Promise<QueueCounts> | undefined;
  return {
    ...verdictCounts(ground),
    counts: () => {
      answering ??= counts(ground).finally(() => {
        answering = undefined;
      });
      return answering;
    },
    backlog: () => backlog(ground),
    bounceCounts: (user) => bounceCounts(ground, user),
  };
}

const PAUSED = "EXISTS (SELECT FROM flag WHERE name = 'paused' AND value = 1) AS paused";

/** The items of one state, and of one lane where they are open. */
interface Counted {
  readonly state: ItemState;
  readonly lane: string | null;
  readonly count: number;
  readonly oldestReceivedAt: number | null;
}

const COUNTED = `SELECT state, lane, count(*) AS count, min(received_at) AS "oldestReceivedAt" FROM item
    WHERE state IN ${OPEN} GROUP BY state, lane
  UNION ALL SELECT state, NULL, count(*), NULL FROM item WHERE state IN ${ENDED_UNPOSTED} GROUP BY state
  UNION ALL SELECT 'posted', NULL, count(*), NULL FROM item WHERE state = 'posted'`;

async function counts({ database }: Ground): Promise<QueueCounts> {
  const [rows, flags, sinks] = await Promise.all([
    database.slowly.rows<Counted>(COUNTED),
    database.reads.first<{ paused: boolean; isDivided: boolean }>(
      `SELECT ${PAUSED}, EXISTS (SELECT FROM lane) AS "isDivided"`,
    ),
    readSinks(database.reads),
  ]);
  const byState = Object.fromEntries(ITEM_STATES.map((state) => [state, 0])) as Record<ItemState, number>;
  for (const { state, count } of rows) byState[state] += count;
  const oldest = rows.flatMap(({ oldestReceivedAt: at }) => (at === null ? [] : [at]));
  return {
    byState,
    oldestReceivedAt: oldest.length === 0 ? undefined : Math.min(...oldest),
    paused: flags?.paused === true,
    sinks,
    lanes: flags?.isDivided === true ? lanesOf(rows) : [],
  };
}

function lanesOf(rows: readonly Counted[]): LaneCount[] {
  const open = new Map<string, number>();
  for (const { lane, count } of rows) if (lane !== null) open.set(lane, (open.get(lane) ?? 0) + count);
  return [...open.keys()].sort().map((lane) => ({ lane, open: open.get(lane) ?? 0 }));
}

async function backlog({ database: { reads } }: Ground) {
  const [row, sinks] = await Promise.all([
    reads.first<{ open: number; paused: boolean }>(
      `SELECT count(*) AS open, ${PAUSED} FROM (SELECT FROM item WHERE state IN ${OPEN} LIMIT ${MOST_COUNTED}) AS counted`,
    ),
    readSinks(reads),
  ]);
  return { open: row?.open ?? 0, paused: row?.paused === true, sinks };
}

async function bounceCounts({ database }: Ground, user: string | undefined): Promise<BounceCounts> {
  const row = await database.reads.first<Nullable<BounceCounts>>(
    `SELECT coalesce(sum(hard), 0)::bigint AS hard, coalesce(sum(soft), 0)::bigint AS soft, max(last_at) AS "lastAt"
     FROM bounce_count JOIN users USING (user_number) WHERE name = coalesce($1, name)`,
    [user ?? null],
  );
  return { hard: row?.hard ?? 0, soft: row?.soft ?? 0, lastAt: row?.lastAt ?? undefined };
}
