/**
 * The items in SQLite: every statement that changes one, inside the writer's transaction.
 *
 * Contract: functions here run within a transaction that the writer opened, and leave the invariant of `head`
 * behind: of every thread with open items exactly one has head = 1, the leased one or else the oldest.
 */
import { bounded } from '../../mail/bounded.ts';
import type { Desk, OperatorAction, OperatorResult } from '../desk.ts';
import { THREAD } from '../item-columns.ts';
import { isPoison, type Leases, poisoned, type Settle, type Settlement } from '../leases.ts';
import { ACTIONS, isNewPost, OPERATED, refusalBy } from '../operator-actions.ts';
import { type Accept, prepareAccept } from './acceptance.ts';
import type { AtOnce } from './at-once.ts';
import { type DedupeChanges, prepareDedupeChanges } from './dedupe.ts';
import { prepareSplit } from './digests.ts';
import { columnsOf, type ItemRow } from './item-columns.ts';
import type { LaneWrites } from './lanes.ts';
import { prepareLease } from './leases.ts';
import { OPEN } from './migrations.ts';
import { prepareAddNotice } from './notices.ts';
import { prepareOwners } from './owner.ts';
import type { ReceiptWrites } from './receipts.ts';
import type { Database } from './schema.ts';

/** The writes on items. */
type ItemStatements = AtOnce<Leases, 'lease' | 'settle' | 'reclaim' | 'retime'> &
  AtOnce<Desk, 'operate' | 'setPaused'> & {
    /** Inserts the items of one message that are no duplicates. */
    readonly accept: Accept;
  };

/** Settings of the operations on items. */
export interface ItemSettings {
  /** Whether a posted item keeps its content until it is pruned. */
  readonly keepContent: boolean;
}

/** Prepares the statements on a writing connection. */
export function prepareItems(
  database: Database,
  { keepContent }: ItemSettings,
  laneOf: LaneWrites['laneOf'],
  sign: ReceiptWrites['sign'],
): ItemStatements {
  const elect = prepareElection(database);
  const isPaused = preparePaused(database);
  return {
    accept: prepareAccept(database, isPaused, elect, laneOf, sign),
    lease: prepareLease(database, isPaused, elect),
    settle: prepareSettle(database, keepContent, elect, prepareSplit(database, elect, laneOf)),
    reclaim: prepareReclaim(database, elect),
    retime: prepareRetime(database),
    operate: prepareOperate(database, elect),
    setPaused: prepareSetPaused(database),
  };
}

/**
 * Gives back the election of a thread's head, to be called after an item entered or left the open states; it tells whether the
 * thread has a new one.
 */
export function prepareElection(database: Database): (thread: string) => boolean {
  const leased = database.prepare<[string]>(
    "SELECT 1 FROM item WHERE thread = ? AND head = 1 AND state = 'leased'",
  );
  const unseat = database.prepare<[string, string]>(
    `UPDATE item SET head = 0 WHERE thread = ? AND head = 1
       AND item_number > (SELECT min(item_number) FROM item WHERE thread = ? AND state IN ${OPEN})`,
  );
  const seat = database.prepare<[string]>(
    `UPDATE item SET head = 1 WHERE head = 0 AND item_number =
       (SELECT min(item_number) FROM item WHERE thread = ? AND state IN ${OPEN})`,
  );
  return (thread) => {
    if (leased.get(thread) !== undefined) return false;
    unseat.run(thread, thread);
    return seat.run(thread).changes > 0;
  };
}

/** Prepares the question whether the operator has stopped leasing. */
function preparePaused(database: Database): () => boolean {
  const paused = database.prepare("SELECT 1 FROM flag WHERE name = 'paused' AND value = 1");
  return () => paused.get() !== undefined;
}

/** A leased item, as far as its settlement asks. */
interface SettledRow {
  readonly itemNumber: number;
  readonly id: string;
  readonly thread: string;
  readonly workerDeaths: number;
}

function prepareSettle(
  database: Database,
  keepContent: boolean,
  elect: (thread: string) => boolean,
  split: ReturnType<typeof prepareSplit>,
): AtOnce<Leases>['settle'] {
  const leased = database.prepare<[string, number], SettledRow>(
    `SELECT item_number AS itemNumber, id, thread, worker_deaths AS workerDeaths FROM item
     WHERE id = ? AND state = 'leased' AND attempts = ?`,
  );
  const write = prepareOutcome(database, keepContent);
  const addNotice = prepareAddNotice(database);
  // Only of attempts without a post: the usual one costs no statement more.
  const keepAttempt = database.prepare<[number, number, number, string, string]>(
    'INSERT OR REPLACE INTO attempt (item_number, attempt, at, outcome, diagnostic) VALUES (?, ?, ?, ?, ?)',
  );
  const settleOne = ({ id, attempts, settlement: asked }: Settle): boolean => {
    const item = leased.get(id, attempts);
    if (item === undefined) return false; // the lease was lost: whoever holds the item now will settle it
    const settlement = unlessPoison(asked, item);
    if ('notice' in settlement && settlement.notice !== undefined) addNotice(settlement.notice);
    if (settlement.kind === 'deferred' || settlement.kind === 'failed') {
      const { kind, at, diagnostic } = settlement;
      keepAttempt.run(item.itemNumber, attempts, at, kind, bounded(diagnostic));
    }
    // Before the parent's message goes, of which each part has its own.
    if (settlement.kind === 'split') split(item, settlement);
    write(item, settlement);
    // After a deferral as well: an older item may have been released or retried during the lease.
    return elect(item.thread) || settlement.kind !== 'posted';
  };
  return (settles) => settles.map(settleOne).includes(true);
}

/** Gives the settlement as asked for; that of poison where a deferral would be one death of a worker too many. */
function unlessPoison(asked: Settlement, { workerDeaths }: SettledRow): Settlement {
  return asked.kind === 'deferred' && isPoison(workerDeaths, asked.workerDied)
    ? poisoned(asked.at, asked.diagnostic)
    : asked;
}

/** Prepares the changes of an item's row, one for each kind of settlement. */
function prepareOutcome(
  database: Database,
  keepContent: boolean,
): (item: SettledRow, settlement: Settlement) => void {
  const end = database.prepare<[string, number, string | null, number, number]>(
    `UPDATE item SET state = ?, head = 0, settled_at = ?, last_diagnostic = coalesce(?, last_diagnostic),
       content_kept = ?, due_at = NULL, lease_until = NULL WHERE item_number = ?`,
  );
  const wait = database.prepare<[number, string, number, number]>(
    `UPDATE item SET state = 'waiting', due_at = ?, last_diagnostic = ?, worker_deaths = ?, lease_until = NULL
     WHERE item_number = ?`,
  );
  // Whoever gives it back may have found it in the wrong lane: another process wrote it before the lanes changed.
  const giveBack = database.prepare<[number]>(
    `UPDATE item SET state = 'ready', attempts = attempts - 1, lease_until = NULL, lane = lane_of(${THREAD})
     WHERE item_number = ?`,
  );
  const strip = database.prepare<[number]>('DELETE FROM content WHERE item_number = ?');
  return ({ itemNumber, workerDeaths }, settlement) => {
    switch (settlement.kind) {
      case 'posted':
        end.run('posted', settlement.at, null, Number(keepContent), itemNumber);
        if (!keepContent) strip.run(itemNumber);
        break;
      case 'split':
        end.run('posted', settlement.at, bounded(settlement.diagnostic), Number(keepContent), itemNumber);
        if (!keepContent) strip.run(itemNumber);
        break;
      case 'failed':
        end.run('failed', settlement.at, bounded(settlement.diagnostic), 0, itemNumber);
        break;
      case 'returned':
        giveBack.run(itemNumber);
        break;
      case 'deferred': {
        const deaths = workerDeaths + Number(settlement.workerDied);
        wait.run(settlement.dueAt, bounded(settlement.diagnostic), deaths, itemNumber);
        break;
      }
    }
  };
}

function prepareReclaim(database: Database, elect: (thread: string) => void): AtOnce<Leases>['reclaim'] {
  const expired = database.prepare<[number], { itemNumber: number; id: string; thread: string }>(
    "SELECT item_number AS itemNumber, id, thread FROM item WHERE state = 'leased' AND lease_until <= ?",
  );
  const free = database.prepare<[number, number]>(
    "UPDATE item SET state = 'ready', due_at = ?, lease_until = NULL WHERE item_number = ?",
  );
  return (now, inFlight) => {
    const busy = new Set(inFlight);
    const lost = expired.all(now).filter((item) => !busy.has(item.id));
    for (const item of lost) {
      free.run(now, item.itemNumber);
      elect(item.thread);
    }
    return lost.length;
  };
}

function prepareRetime(database: Database): AtOnce<Leases>['retime'] {
  const move = database.prepare<[number, number]>(
    `UPDATE item SET due_at = iif(state = 'waiting', due_at + ?, due_at), lease_until = lease_until + ? WHERE state IN ${OPEN}`,
  );
  const clamp = database.prepare<[number, number, number]>(
    `UPDATE item SET due_at = ? WHERE state IN ${OPEN}
       AND (state = 'ready' AND due_at > ? OR state = 'waiting' AND due_at > ?)`,
  );
  return ({ now, byMs, longestMs }) => {
    if (byMs !== 0) move.run(byMs, byMs);
    clamp.run(now, now, now + longestMs);
  };
}

type OperatedRow = Pick<ItemRow, (typeof OPERATED)[number]>;

function prepareOperate(database: Database, elect: (thread: string) => void): AtOnce<Desk>['operate'] {
  const find = database.prepare<[string], OperatedRow>(
    `SELECT ${columnsOf(OPERATED)} FROM item WHERE id = ?`,
  );
  const dedupe = prepareDedupeChanges(database);
  const refusalOf = prepareRefusal(database, dedupe);
  const ready = database.prepare<[number, number]>(
    `UPDATE item SET state = 'ready', due_at = ?, hold_reason = NULL, settled_at = NULL, worker_deaths = 0, content_kept = 0
     WHERE item_number = ?`,
  );
  const hold = database.prepare<[number]>(
    "UPDATE item SET state = 'held', head = 0, due_at = NULL, settled_at = NULL, hold_reason = 'operator' WHERE item_number = ?",
  );
  const drop = database.prepare<[number]>('DELETE FROM item WHERE item_number = ?');
  return (action, id, now) => {
    const item = find.get(id);
    if (item === undefined) return { kind: 'unknown' };
    const refusal = refusalOf(action, item);
    if (refusal !== undefined) return refusal;
    const { to } = ACTIONS[action];
    if (to === 'ready') ready.run(now, item.itemNumber);
    else if (to === 'held') hold.run(item.itemNumber);
    else drop.run(item.itemNumber);
    if (action === 'release') dedupe.release(item);
    // What was posted is on the platform: a repetition stays one.
    if (action === 'drop' && item.state !== 'posted') dedupe.forget(item);
    elect(item.orderedBy);
    return { kind: 'done', id, state: to };
  };
}

/** Prepares the reasons why an action does not apply to an item. */
function prepareRefusal(
  database: Database,
  dedupe: DedupeChanges,
): (action: OperatorAction, item: OperatedRow) => OperatorResult | undefined {
  const owners = prepareOwners(database);
  return (action, item) => {
    const { state, user } = item;
    const refusal = refusalBy(action, { ...item, isContentKept: item.contentKept === 1 });
    if (refusal !== undefined || ACTIONS[action].to !== 'ready') return refusal;
    if (!owners.isThere(item.userNumber ?? undefined, user)) return { kind: 'no-user', user };
    if (!isNewPost(action, state)) return undefined;
    const other = dedupe.counterpart(item, state === 'held');
    return other && { kind: 'duplicate', was: state, of: other.id, state: other.state };
  };
}

function prepareSetPaused(database: Database): AtOnce<Desk>['setPaused'] {
  const set = database.prepare<[number]>(
    "INSERT INTO flag (name, value) VALUES ('paused', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
  );
  return (paused) => {
    set.run(Number(paused));
  };
}

/** Voids the leases of a dead daemon; to be called once, by the daemon that holds the store's lock (G4). */
export function voidLeases(database: Database, now: number): void {
  const elect = prepareElection(database);
  const threads = database
    .prepare<[number], string>(
      "UPDATE item SET state = 'ready', due_at = ?, lease_until = NULL WHERE state = 'leased' RETURNING thread",
    )
    .pluck()
    .all(now);
  for (const thread of threads) elect(thread);
}
