/**
 * Leases in SQLite: which due heads of threads are claimed, and what their holder gets of them.
 *
 * Contract: runs within the writer's transaction. An item whose user is gone is held instead. Without users to be left out
 * the costs do not grow with what waits; with them, by what waits of theirs.
 */

import type { LeasedItem } from '../item.ts';
import type { LeaseRequest, Leases } from '../leases.ts';
import type { AtOnce } from './at-once.ts';
import { prepareDigestPosts } from './digests.ts';
import { columnsOf, type ItemRow } from './item-columns.ts';
import { prepareOwners } from './owner.ts';
import { prepareProbe } from './probe.ts';
import type { Database } from './schema.ts';

const LEASED = [
  'itemNumber',
  'id',
  'user',
  'userNumber',
  'thread',
  'orderedBy',
  'bounce',
  'repliedToAt',
  'messageId',
  'queueId',
  'reversePath',
  'receivedAt',
  'senderPolicy',
  'senderResult',
  'spamScore',
  'spamFlagged',
  'attempts',
  'workerDeaths',
  'bytes',
  'digest',
  'digestPost',
] as const;

type LeaseRow = Pick<ItemRow, (typeof LEASED)[number]>;

/** Prepares the statements on a writing connection; while `isPaused` nothing is leased. */
export function prepareLease(
  database: Database,
  isPaused: () => boolean,
  elect: (thread: string) => void,
): AtOnce<Leases>['lease'] {
  const owners = prepareOwners(database);
  const findProbe = prepareProbe(database);
  const digestPosts = prepareDigestPosts(database);
  const columns = columnsOf(LEASED);
  const dueRows = prepareDue(database, columns);
  const byNumber = database.prepare<[number], LeaseRow>(`SELECT ${columns} FROM item WHERE item_number = ?`);
  const claim = database.prepare<[number, number]>(
    "UPDATE item SET state = 'leased', attempts = attempts + 1, lease_until = ? WHERE item_number = ?",
  );
  return (request) => {
    if (isPaused()) return [];
    const { now, leaseMs, limit, probe, lane } = request;
    const number = probe === undefined ? undefined : findProbe(probe, now, lane);
    if (number === undefined && probe?.isStrict === true) return [];
    const rows =
      number === undefined
        ? dueRows({ ...request, limit: probe === undefined ? limit : 1 })
        : byNumber.all(number);
    const owned = rows.filter((row) => owners.isThere(row.userNumber ?? undefined, row.user));
    for (const row of owned) claim.run(now + leaseMs, row.itemNumber);
    for (const row of rows.filter((each) => !owned.includes(each))) {
      owners.hold(row.itemNumber);
      elect(row.orderedBy);
    }
    return owned.map((row) => {
      const item = toLeasedItem(row);
      if (row.digest === null) return item;
      const posts = digestPosts(row.digest) ?? [];
      return { ...item, digest: { locator: row.digest, posts, post: row.digestPost ?? undefined } };
    });
  };
}

/** Prepares the look for what is due: in a lane by its own index, and where there are none as if there never were. */
function prepareDue(database: Database, columns: string): (request: LeaseRequest) => LeaseRow[] {
  const due = `head = 1 AND state IN ('ready','waiting') AND due_at <= ? AND bytes <= ?`;
  const others = 'AND user NOT IN (SELECT value FROM json_each(?))';
  const select = (from: string, rest: string) =>
    database.prepare<(string | number)[], LeaseRow>(
      `SELECT ${columns} FROM item ${from} ${due} ${rest} ORDER BY due_at LIMIT ?`,
    );
  const all = [select('WHERE', ''), select('WHERE', others)] as const;
  const ofLane = 'INDEXED BY item_lane_due WHERE lane = ? AND';
  const laned = [select(ofLane, ''), select(ofLane, others)] as const;
  return ({ now, limit, maxBytes = Number.MAX_SAFE_INTEGER, leftOut = [], lane }) => {
    const values = leftOut.length === 0 ? [limit] : [JSON.stringify(leftOut), limit];
    const which = leftOut.length === 0 ? 0 : 1;
    return lane === undefined
      ? all[which].all(now, maxBytes, ...values)
      : laned[which].all(lane, now, maxBytes, ...values);
  };
}

function toLeasedItem(row: LeaseRow): LeasedItem {
  return {
    id: row.id,
    user: row.user,
    userNumber: row.userNumber ?? undefined,
    thread: row.thread,
    bounce: row.bounce ?? undefined,
    repliedToAt: row.repliedToAt,
    messageId: row.messageId ?? undefined,
    queueId: row.queueId ?? undefined,
    reversePath: row.reversePath,
    receivedAt: row.receivedAt,
    authentication: { policy: row.senderPolicy, result: row.senderResult },
    spam:
      row.spamFlagged === null
        ? undefined
        : { score: row.spamScore ?? undefined, flagged: row.spamFlagged === 1 },
    attempts: row.attempts + 1,
    workerDeaths: row.workerDeaths,
    bytes: row.bytes,
  };
}
