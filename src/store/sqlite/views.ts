/** What the store's reading connection answers: users, threads and buckets for the gate, items for the operator. */

import type { Desk, ItemFilter } from '../desk.ts';
import { type Figures, MOST_COUNTED, type QueueCounts } from '../figures.ts';
import type { Inspection } from '../inspection.ts';
import { type Contents, ITEM_STATES, type ItemState, type ItemView } from '../item.ts';
import { type Nullable, toItemView, VIEW_FIELDS } from '../item-view.ts';
import type { Leases } from '../leases.ts';
import type { Store } from '../store.ts';
import type { ALONE } from './alone.ts';
import { prepareApiAccessViews } from './api-access.ts';
import type { AtOnce } from './at-once.ts';
import { prepareBounceViews } from './bounces.ts';
import { prepareBucketViews } from './buckets.ts';
import { prepareReadContent } from './content.ts';
import { prepareContextViews } from './contexts.ts';
import { prepareDuplicateOf } from './dedupe.ts';
import { prepareDigestViews } from './digests.ts';
import { prepareDirectoryViews } from './directory-views.ts';
import { inspect } from './inspection.ts';
import { columnsOf } from './item-columns.ts';
import { prepareLaneCounts } from './lanes.ts';
import { prepareMailboxViews } from './mailboxes.ts';
import { OPEN } from './migrations.ts';
import { prepareNoticesOf, prepareNoticeViews } from './notices.ts';
import { prepareNotificationViews } from './notifications.ts';
import { prepareNotifiedViews } from './notified.ts';
import type { Operations } from './operations.ts';
import { prepareOriginalViews } from './originals.ts';
import { preparePastVerdictView } from './past-verdicts.ts';
import { preparePepperViews } from './peppers.ts';
import { prepareRemovalViews } from './removal.ts';
import { prepareRestoreViews } from './restores.ts';
import type { Database } from './schema.ts';
import { prepareSelectionViews, selection } from './selection.ts';
import { prepareSinkView } from './sink-status.ts';
import { prepareThreadViews } from './threads.ts';
import { prepareVerdictView } from './verdict-counts.ts';

/** Most items that one listing gives when it names no limit. */
const DEFAULT_LIST_LIMIT = 1000;

/** The reads: what the writer does not do. */
export type Views = AtOnce<Omit<Store, 'close' | keyof typeof ALONE | keyof Operations>>;

/** Prepares the reads of all ports on a reading connection. */
export function prepareViews(database: Database): Views {
  const items = prepareItemViews(database);
  return {
    ...items,
    ...prepareNoticeViews(database),
    ...prepareNotificationViews(database),
    ...prepareNotifiedViews(database),
    ...inspect(database, items.get, prepareNoticesOf(database)),
    ...prepareSelectionViews(database),
    ...prepareBounceViews(database),
    verdicts: prepareVerdictView(database),
    ...preparePastVerdictView(database),
    ...prepareDirectoryViews(database),
    ...prepareDigestViews(database),
    ...prepareThreadViews(database),
    ...prepareRemovalViews(database),
    ...prepareBucketViews(database),
    ...preparePepperViews(database),
    ...prepareRestoreViews(database),
    ...prepareOriginalViews(database),
    ...prepareContextViews(database),
    ...prepareMailboxViews(database),
    ...prepareApiAccessViews(database),
  };
}

type ViewRow = Nullable<ItemView>;

const SELECT_VIEW = `SELECT ${columnsOf(VIEW_FIELDS)} FROM item`;

function prepareItemViews(database: Database) {
  const paused = database.prepare<[], 1>("SELECT 1 FROM flag WHERE name = 'paused' AND value = 1").pluck();
  const due = database
    .prepare<[], number | null>(
      "SELECT min(due_at) FROM item WHERE head = 1 AND state IN ('ready','waiting')",
    )
    .pluck();
  const dueInLane = database
    .prepare<[string], number>(
      `SELECT due_at FROM item INDEXED BY item_lane_due
       WHERE lane = ? AND head = 1 AND state IN ('ready','waiting') ORDER BY due_at LIMIT 1`,
    )
    .pluck();
  const byId = database.prepare<[string], ViewRow>(`${SELECT_VIEW} WHERE id = ?`);
  const byState = database.prepare<[], { state: ItemState; count: number }>(
    'SELECT state, count(*) AS count FROM item GROUP BY state',
  );
  const oldest = database
    .prepare<[], number | null>(`SELECT min(received_at) FROM item WHERE state IN ${OPEN}`)
    .pluck();
  const open = database
    .prepare<[], number>(
      `SELECT count(*) FROM (SELECT 1 FROM item WHERE state IN ${OPEN} LIMIT ${MOST_COUNTED})`,
    )
    .pluck();
  const sinks = prepareSinkView(database);
  const laneCounts = prepareLaneCounts(database);
  return {
    content: prepareReadContent(database),
    nextDueAt: (lane) => {
      if (paused.get() === 1) return undefined;
      return (lane === undefined ? due.get() : dueInLane.get(lane)) ?? undefined;
    },
    get: (id) => {
      const row = byId.get(id);
      return row === undefined ? undefined : toItemView(row);
    },
    list: (filter) => list(database, filter),
    duplicateOf: prepareDuplicateOf(database),
    counts: () => {
      const counted = new Map(byState.all().map((row) => [row.state, row.count]));
      return {
        byState: Object.fromEntries(
          ITEM_STATES.map((state) => [state, counted.get(state) ?? 0]),
        ) as QueueCounts['byState'],
        oldestReceivedAt: oldest.get() ?? undefined,
        paused: paused.get() === 1,
        sinks: sinks(),
        lanes: laneCounts(),
      };
    },
    backlog: () => ({ open: open.get() ?? 0, paused: paused.get() === 1, sinks: sinks() }),
  } satisfies Partial<AtOnce<Contents & Desk & Leases & Figures & Inspection>>;
}

function list(database: Database, filter: ItemFilter): ItemView[] {
  const { where, values } = selection(filter);
  const order = filter.newestFirst === true ? 'id DESC' : 'item_number';
  return database
    .prepare<(string | number)[], ViewRow>(`${SELECT_VIEW} ${where} ORDER BY ${order} LIMIT ?`)
    .all(...values, filter.limit ?? DEFAULT_LIST_LIMIT)
    .map(toItemView);
}
