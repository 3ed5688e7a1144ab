/**
 * Retention in PostgreSQL: what is out of date goes, a little at a time.
 *
 * Contract: only what is out of date is touched: posted items, dedupe rows, calls of providers, notices and notifications
 * that ended, removed users, digests, and what is remembered of notifications. One call removes at most {@link STEP_ROWS}
 * rows of a kind and {@link STEP_BYTES} of content. Several daemons prune at the same time: each picks rows that no other
 * has locked, and its pick is what the statement that removes them goes by, so that an item which the operator
 * retries meanwhile stays. The file system gets nothing back: the database uses its own space again.
 */
import { MOST_NOTIFIED } from '../notified.ts';
import type { Pruned, PruneRequest, Retention } from '../retention.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';

/** Most rows of a kind that one call removes. */
const STEP_ROWS = 100;

/** Most bytes of content that one call removes. */
const STEP_BYTES = 4 * 1024 * 1024;

/** The least time between two counts of who was notified: a million rows take a tenth of a second. */
const COUNT_MS = 60_000;

/** The key of the lock of who goes by a sum, "mailgw b": two who did would both remove what is beyond it. */
const BOUNDS_LOCK = '7881696737188323426';

/** Gives the port. */
export function retentionPort({ database }: Ground): Retention {
  let countAt = 0;
  return {
    prune: async (request) => {
      const isCounted = performance.now() >= countAt;
      const gone = await database.transact({ lock: 'none', isDurable: false }, (statements) =>
        prune(statements, request, isCounted),
      );
      if (isCounted && gone.unbounded < STEP_ROWS) countAt = performance.now() + COUNT_MS;
      return prunedOf(gone);
    },
  };
}

/** What went of each kind. */
interface Gone {
  readonly contents: Swept;
  readonly rows: Swept;
  readonly dedupes: number;
  readonly users: number;
  /** What is remembered, and of it what was beyond the bound of who was notified. */
  readonly remembered: number;
  readonly unbounded: number;
  readonly others: readonly number[];
}

function prunedOf({ contents, rows, dedupes, users, remembered, others }: Gone): Pruned {
  const most = Math.max(dedupes, users, remembered, ...others);
  const isDone = contents.isDone && rows.isDone && most < STEP_ROWS;
  return {
    contents: contents.count,
    rows: rows.count,
    dedupes,
    users,
    remembered,
    freedBytes: 0,
    isDone,
  };
}

/** Removes one step of each kind: all of it is asked at once. */
async function prune(statements: Statements, request: PruneRequest, isCounted: boolean): Promise<Gone> {
  const { expiredBefore, originalsBytes = Infinity } = request;
  const remove = (sql: string, before = 0): Promise<number> => statements.run(sql, [before]);
  const bounding = statements.run(BOUNDING);
  const [contents, rows, dedupes, users, expired, beyond, others] = await Promise.all([
    sweep(statements, CONTENTS, request.contentBefore),
    sweep(statements, ROWS, request.rowsBefore),
    remove(DEDUPES, request.dedupeBefore),
    remove(USERS, request.usersBefore),
    Promise.all(EXPIRED.map((sql) => remove(sql, expiredBefore))),
    Promise.all([
      isCounted ? statements.run(NOTIFIED_BOUND) : 0,
      Number.isFinite(originalsBytes) ? statements.run(ORIGINALS_BOUND, [originalsBytes]) : 0,
    ]),
    Promise.all([
      remove(CALLS, request.dedupeBefore),
      remove(NOTICES, request.noticesBefore),
      remove(NOTIFICATIONS, request.notificationsBefore),
      remove(DIGESTS, request.digestsBefore),
    ]),
    bounding,
  ]);
  const remembered = [...expired, ...beyond].reduce((sum, count) => sum + count, 0);
  return { contents, rows, dedupes, users, remembered, unbounded: beyond[0], others };
}

interface Swept {
  readonly count: number;
  readonly isDone: boolean;
}

async function sweep(statements: Statements, sql: string, before: number): Promise<Swept> {
  const row = await statements.first<{ due: number; count: number }>(sql, [before]);
  const { due, count } = row ?? { due: 0, count: 0 };
  return { count, isDone: count === due && due < STEP_ROWS };
}

/** Picks rows that nobody else removes, and gives the statement that removes them; a pick is made once, whatever the plan. */
const removing = (table: string, key: readonly string[], due: string): string => `
  WITH due AS MATERIALIZED (SELECT ${key.join(', ')} FROM ${table} WHERE ${due} LIMIT ${STEP_ROWS} FOR UPDATE SKIP LOCKED)
  DELETE FROM ${table} USING due WHERE ${key.map((column) => `${table}.${column} = due.${column}`).join(' AND ')}`;

/** Picks the items of a step: until its bytes are used up, and always at least one, however large. */
const step = (due: string, bytes: string): string => `
  WITH due AS MATERIALIZED (SELECT item_number, settled_at, ${bytes} AS bytes FROM item
      WHERE ${due} AND settled_at < $1 ORDER BY settled_at LIMIT ${STEP_ROWS} FOR UPDATE SKIP LOCKED),
    step AS (SELECT item_number FROM
      (SELECT item_number, row_number() OVER oldest AS place, sum(bytes) OVER oldest AS bytes FROM due
       WINDOW oldest AS (ORDER BY settled_at, item_number)) AS summed
      WHERE place = 1 OR bytes <= ${STEP_BYTES})`;

const SWEPT = 'SELECT (SELECT count(*) FROM due) AS due, (SELECT count(*) FROM swept) AS count';

const CONTENTS = `${step('content_kept', 'bytes')},
    forgotten AS (DELETE FROM content USING step WHERE content.item_number = step.item_number),
    swept AS (UPDATE item SET content_kept = false FROM step WHERE item.item_number = step.item_number RETURNING 1)
  ${SWEPT}`;

const ROWS = `${step("state = 'posted'", 'CASE WHEN content_kept THEN bytes ELSE 0 END')},
    swept AS (DELETE FROM item USING step WHERE item.item_number = step.item_number RETURNING 1)
  ${SWEPT}`;

const DEDUPES = removing('dedupe', ['fingerprint'], 'received_at < $1 ORDER BY received_at');

const CALLS = removing('source_call', ['source', 'call'], 'received_at < $1 ORDER BY received_at');

const NOTICES = removing('notice', ['notice_number'], "state <> 'waiting' AND settled_at < $1");

const NOTIFICATIONS = removing(
  'notification',
  ['notification_number'],
  "state <> 'waiting' AND settled_at < $1",
);

const USERS = removing('removed_user', ['user_number'], 'removed_at < $1 ORDER BY removed_at');

// Nobody but the digest has its thread, and it goes with that; an item that is not posted needs it.
const DIGESTS = `
  WITH due AS MATERIALIZED (SELECT thread_number FROM digest JOIN thread USING (thread_number)
    WHERE expires_at < $1
      AND NOT EXISTS (SELECT FROM item WHERE item.digest = thread.locator AND item.state <> 'posted')
    ORDER BY expires_at LIMIT ${STEP_ROWS} FOR UPDATE SKIP LOCKED)
  DELETE FROM thread USING due WHERE thread.thread_number = due.thread_number`;

const EXPIRED = [
  removing('known_original', ['original_number'], 'expires_at < $1 ORDER BY expires_at'),
  removing(
    'address_context',
    ['user_number', 'thread', 'replied_to_at'],
    'expires_at < $1 ORDER BY expires_at',
  ),
  removing('notified', ['message_id', 'user_number'], 'expires_at < $1 ORDER BY expires_at'),
];

// By itself, and before the statements that ask for it: what those count is then what no other daemon removes.
const BOUNDING = `SELECT set_config('mailgw.is_bounding', pg_try_advisory_xact_lock(${BOUNDS_LOCK})::text, true)`;

const IS_BOUNDING = "current_setting('mailgw.is_bounding') = 'true'";

// No row is looked at, and none is locked, while the sum is within the bound.
const ORIGINALS_BOUND = `
  WITH excess AS MATERIALIZED (SELECT sum(bytes) - $1::bigint AS bytes FROM known_original WHERE ${IS_BOUNDING}),
    oldest AS MATERIALIZED (SELECT original_number, bytes FROM known_original WHERE (SELECT bytes FROM excess) > 0
      ORDER BY original_number LIMIT ${STEP_ROWS} FOR UPDATE SKIP LOCKED),
    summed AS (SELECT original_number, sum(bytes) OVER (ORDER BY original_number) - bytes AS before FROM oldest)
  DELETE FROM known_original USING summed
  WHERE known_original.original_number = summed.original_number AND before < (SELECT bytes FROM excess)`;

const NOTIFIED_BOUND = `
  WITH excess AS MATERIALIZED (SELECT count(*) - ${MOST_NOTIFIED} AS rows FROM notified WHERE ${IS_BOUNDING}),
    due AS MATERIALIZED (SELECT message_id, user_number FROM notified WHERE (SELECT rows FROM excess) > 0
      ORDER BY expires_at LIMIT (SELECT least(greatest(rows, 0), ${STEP_ROWS}) FROM excess) FOR UPDATE SKIP LOCKED)
  DELETE FROM notified USING due
  WHERE notified.message_id = due.message_id AND notified.user_number = due.user_number`;
