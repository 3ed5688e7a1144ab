/**
 * Retention in SQLite: what is out of date goes, a little at a time, inside the writer's transaction.
 *
 * Contract: only what is out of date is touched: posted items, dedupe rows, notices and notifications that ended, removed
 * users, digests, and what is remembered of notifications; one call removes at
 * most {@link STEP_ROWS} rows of a kind and {@link STEP_BYTES} of content, so that a batch with a call in it is not
 * noticeably later than one without. Freed pages are used again by the next messages; beyond `keepFreeBytes` they
 * leave the file, from its end, with the checkpoint that follows (docs/decisions.md).
 */
import type { Retention } from '../retention.ts';
import type { AtOnce } from './at-once.ts';
import { prepareContexts } from './contexts.ts';
import { preparePruneDigests } from './digests.ts';
import { prepareNotified } from './notified.ts';
import { prepareOriginals } from './originals.ts';
import { prepareReceipts } from './receipts.ts';
import { overwriting } from './removal.ts';
import type { Database } from './schema.ts';

/** Most rows of a kind that one call removes. */
const STEP_ROWS = 100;

/** Most bytes of content that one call removes: every page of it is read to be freed. */
const STEP_BYTES = 4 * 1024 * 1024;

/** An item with what its removal weighs. */
interface Row {
  readonly itemNumber: number;
  readonly bytes: number;
}

/** Prepares the statements on a writing connection. */
export function preparePrune(
  database: Database,
  originals = prepareOriginals(database),
  addressContexts = prepareContexts(database),
  receipts = prepareReceipts(database),
  notified = prepareNotified(database),
): AtOnce<Retention> {
  const contents = prepareContents(database);
  const rows = prepareRows(database);
  const dedupes = database.prepare<[number]>(
    `DELETE FROM dedupe WHERE fingerprint IN
       (SELECT fingerprint FROM dedupe WHERE received_at < ? ORDER BY received_at LIMIT ${STEP_ROWS})`,
  );
  const notices = database.prepare<[number]>(
    `DELETE FROM notice WHERE notice_number IN
       (SELECT notice_number FROM notice WHERE state <> 'waiting' AND settled_at < ? LIMIT ${STEP_ROWS})`,
  );
  const notifications = database.prepare<[number]>(
    `DELETE FROM notification WHERE notification_number IN
       (SELECT notification_number FROM notification WHERE state <> 'waiting' AND settled_at < ? LIMIT ${STEP_ROWS})`,
  );
  const users = database.prepare<[number]>(
    `DELETE FROM removed_user WHERE user_number IN
       (SELECT user_number FROM removed_user WHERE removed_at < ? ORDER BY removed_at LIMIT ${STEP_ROWS})`,
  );
  const digests = preparePruneDigests(database, STEP_ROWS);
  const shrink = prepareShrink(database);
  return {
    prune: (request) => {
      const stripped = contents(request.contentBefore);
      const removed = rows(request.rowsBefore);
      const forgotten = dedupes.run(request.dedupeBefore).changes;
      const calls = receipts.prune(request.dedupeBefore, STEP_ROWS);
      notices.run(request.noticesBefore ?? 0);
      const ended = notifications.run(request.notificationsBefore ?? 0).changes;
      const erased = overwriting(database, () => users.run(request.usersBefore ?? 0).changes);
      const expired = digests(request.digestsBefore ?? 0);
      const remembered =
        originals.prune(request.expiredBefore ?? 0, request.originalsBytes ?? Infinity) +
        addressContexts.prune(request.expiredBefore ?? 0) +
        notified.prune(request.expiredBefore ?? 0);
      const freed = shrink(request.keepFreeBytes);
      return {
        contents: stripped.count,
        rows: removed.count,
        dedupes: forgotten,
        users: erased,
        remembered,
        freedBytes: freed.bytes,
        isDone:
          stripped.isDone &&
          removed.isDone &&
          Math.max(forgotten, calls, erased, ended, expired, remembered) < STEP_ROWS &&
          freed.isDone,
      };
    },
  };
}

type Sweep = (before: number) => { readonly count: number; readonly isDone: boolean };

function prepareContents(database: Database): Sweep {
  const due = database.prepare<[number], Row>(
    `SELECT item_number AS itemNumber, bytes FROM item WHERE content_kept = 1 AND settled_at < ?
     ORDER BY settled_at LIMIT ${STEP_ROWS}`,
  );
  const forget = database.prepare<[number]>('DELETE FROM content WHERE item_number = ?');
  const mark = database.prepare<[number]>('UPDATE item SET content_kept = 0 WHERE item_number = ?');
  return (before) =>
    within(due.all(before), ({ itemNumber }) => {
      forget.run(itemNumber);
      mark.run(itemNumber);
    });
}

function prepareRows(database: Database): Sweep {
  const due = database.prepare<[number], Row>(
    `SELECT item_number AS itemNumber, bytes * content_kept AS bytes FROM item
     WHERE state = 'posted' AND settled_at < ? ORDER BY settled_at LIMIT ${STEP_ROWS}`,
  );
  const remove = database.prepare<[number]>('DELETE FROM item WHERE item_number = ?');
  return (before) => within(due.all(before), ({ itemNumber }) => remove.run(itemNumber));
}

/** Removes rows until the step's bytes are used up; always at least one, however large. */
function within(rows: readonly Row[], remove: (row: Row) => void): ReturnType<Sweep> {
  let count = 0;
  let bytes = 0;
  for (const row of rows) {
    if (count > 0 && bytes + row.bytes > STEP_BYTES) return { count, isDone: false };
    remove(row);
    count++;
    bytes += row.bytes;
  }
  return { count, isDone: count < STEP_ROWS };
}

/** Gives free pages back to the file system; a store that was made without auto_vacuum keeps them. */
function prepareShrink(database: Database): (keepBytes: number) => { bytes: number; isDone: boolean } {
  const number = (pragma: string): number => Number(database.pragma(pragma, { simple: true }));
  const pageBytes = number('page_size');
  const canShrink = number('auto_vacuum') === 2;
  return (keepBytes) => {
    const excess = canShrink ? number('freelist_count') - Math.ceil(keepBytes / pageBytes) : 0;
    if (excess <= 0) return { bytes: 0, isDone: true };
    const pages = Math.min(excess, STEP_BYTES / pageBytes);
    database.pragma(`incremental_vacuum(${pages})`);
    return { bytes: pages * pageBytes, isDone: pages === excess };
  };
}
