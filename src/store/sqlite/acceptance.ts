/**
 * How new items enter the store, inside the writer's transaction.
 *
 * Contract: at most one item per fingerprint and belief (G2), by the insert of its dedupe row; an item that is the first
 * open one of its thread is its head, and may be leased at once. A copy of a dead letter has it tried again: who sends
 * the same mail once more wants it posted, and posted once.
 */
import { bounded } from '../../mail/bounded.ts';
import { containerOf, isDigest } from '../../mail/reserved.ts';
import type { ImmediateLease, ItemAcceptance } from '../acceptance.ts';
import { type KeptCopy, keptCopy } from '../copies.ts';
import type { NewItem } from '../item.ts';
import type { Receipt } from '../receipts.ts';
import { prepareCountBounce } from './bounces.ts';
import { prepareKeepContent } from './content.ts';
import { prepareClaim, type Repeated } from './dedupe.ts';
import type { LaneWrites } from './lanes.ts';
import { OPEN } from './migrations.ts';
import { NO_USER, prepareOwners } from './owner.ts';
import { prepareRememberPass } from './passes.ts';
import type { ReceiptWrites } from './receipts.ts';
import type { Database } from './schema.ts';
import { prepareFollow } from './threads.ts';

/** The fate of the items of one message. */
export interface Accepted {
  readonly acceptances: readonly ItemAcceptance[];
  /** The ids of those that were leased at once. */
  readonly leased: readonly string[];
}

/** Inserts the items of one message that are no duplicates, with its receipt; nothing of a call that came before. */
export type Accept = (
  items: readonly NewItem[],
  raw: Uint8Array,
  lease?: ImmediateLease,
  receipt?: Receipt,
) => Accepted | 'repeated' | 'replayed';

/** The entry of a new item into the table of states (docs/how-it-works.md, The queue). */
interface Entry {
  readonly state: 'ready' | 'leased' | 'held';
  readonly head: 0 | 1;
  readonly leaseUntil: number | null;
}

const HELD: Entry = { state: 'held', head: 0, leaseUntil: null };
const READY_BEHIND: Entry = { state: 'ready', head: 0, leaseUntil: null };
const READY: Entry = { state: 'ready', head: 1, leaseUntil: null };

/** The makings of a new row. */
interface NewRow {
  readonly item: NewItem;
  readonly entry: Entry;
  readonly copy: KeptCopy;
  readonly bytes: number;
  readonly lane: string | null;
}

const boundedOrNull = (text: string | undefined): string | null =>
  text === undefined ? null : bounded(text);

/**
 * Gives the thread by which the queue has an item in order. Of one of its own a bounce is the only item, and so is the
 * beginning of a thread: order means nothing to them, and nothing is to wait for them.
 */
function orderOf({ id, bounce, thread }: NewItem): string {
  if (bounce !== undefined) return `bounce:${id}`;
  return containerOf(thread) === undefined ? thread : `compose:${id}`;
}

/** The columns of a new row, each with its value. */
const COLUMNS: Readonly<Record<string, (row: NewRow) => number | string | Uint8Array | null>> = {
  id: ({ item }) => item.id,
  state: ({ entry }) => entry.state,
  head: ({ entry }) => entry.head,
  user: ({ item }) => item.user,
  user_number: ({ item }) => item.userNumber ?? null,
  thread: ({ item }) => orderOf(item),
  bounce: ({ item }) => item.bounce ?? null,
  bounce_thread: ({ item }) => (orderOf(item) === item.thread ? null : item.thread),
  replied_to_at: ({ item }) => item.repliedToAt,
  message_id: ({ item }) => boundedOrNull(item.messageId),
  queue_id: ({ item }) => boundedOrNull(item.queueId),
  reverse_path: ({ item }) => bounded(item.reversePath),
  received_at: ({ item }) => item.receivedAt,
  due_at: ({ item }) => (item.hold === undefined ? item.receivedAt : null),
  lease_until: ({ entry }) => entry.leaseUntil,
  attempts: ({ entry }) => (entry.state === 'leased' ? 1 : 0),
  worker_deaths: () => 0,
  hold_reason: ({ item }) => item.hold ?? null,
  last_diagnostic: ({ item }) => boundedOrNull(item.holdDetail),
  fingerprint: ({ copy }) => copy.fingerprint,
  written: ({ copy }) => copy.written,
  bytes: ({ bytes }) => bytes,
  digest: ({ item }) => (item.bounce === undefined && isDigest(item.thread) ? item.thread : null),
  lane: ({ lane }) => lane,
  matched: ({ item }) => item.matched ?? null,
  sender_policy: ({ item }) => item.authentication.policy,
  sender_result: ({ item }) => item.authentication.result,
  spam_score: ({ item }) => item.spam?.score ?? null,
  spam_flagged: ({ item }) => (item.spam === undefined ? null : Number(item.spam.flagged)),
};

/** Prepares the insert of one row, which gives its number. */
function prepareInsert(database: Database): (row: NewRow) => number | bigint {
  const names = Object.keys(COLUMNS);
  const values = Object.values(COLUMNS);
  const insert = database.prepare(
    `INSERT INTO item (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
  );
  return (row) => insert.run(...values.map((value) => value(row))).lastInsertRowid;
}

/** Prepares the statements on a writing connection; while `isPaused` nothing is leased. */
export function prepareAccept(
  database: Database,
  isPaused: () => boolean,
  elect: (thread: string) => void,
  laneOf: LaneWrites['laneOf'],
  sign: ReceiptWrites['sign'],
): Accept {
  const claim = prepareClaim(database);
  const revive = prepareRevive(database, elect);
  const insert = prepareInsert(database);
  const owners = prepareOwners(database);
  const follow = prepareFollow(database);
  const keep = prepareKeepContent(database);
  const countBounce = prepareCountBounce(database);
  const rememberPass = prepareRememberPass(database);
  const entryOf = prepareEntry(database);
  const acceptOne = (
    asJudged: NewItem,
    raw: Uint8Array,
    wish: ImmediateLease | undefined,
  ): Entry['state'] | Repeated => {
    const repeated = claim(asJudged);
    if (repeated !== undefined) return repeated;
    // Since RCPT the user may have been removed, by another process.
    const isThere = owners.isThere(asJudged.userNumber, asJudged.user);
    // And the thread may have another name; the queue knows the post by it, and whoever begins it at once would not.
    const thread = follow(asJudged);
    const isThread = thread === asJudged.thread;
    const known = isThread ? asJudged : { ...asJudged, thread };
    const item = isThere ? known : { ...known, hold: asJudged.hold ?? NO_USER };
    const lane = laneOf(thread);
    const entry = entryOf(item, lane, isThread ? wish : undefined);
    const itemNumber = insert({ item, entry, copy: keptCopy(asJudged), bytes: raw.byteLength, lane });
    keep(itemNumber, raw);
    if (item.bounce !== undefined) countBounce(item, item.bounce);
    if (isThere) rememberPass(item);
    return entry.state;
  };
  return (items, raw, lease, receipt) => {
    const fate = receipt === undefined ? 'new' : sign(receipt);
    if (fate !== 'new') return fate;
    const limit = lease === undefined || isPaused() ? 0 : lease.limit;
    const leased: string[] = [];
    const acceptances = items.map((item): ItemAcceptance => {
      const state = acceptOne(item, raw, leased.length < limit ? lease : undefined);
      if (typeof state === 'object')
        return { kind: revive(item, state) ? 'queued' : 'duplicate', id: state.id };
      if (state === 'leased') leased.push(item.id);
      return { kind: state === 'held' ? 'held' : 'queued', id: item.id };
    });
    return { acceptances, leased };
  };
}

/** Prepares the choice of a new item's entry. */
function prepareEntry(
  database: Database,
): (item: NewItem, lane: string | null, wish: ImmediateLease | undefined) => Entry {
  const open = database.prepare<[string]>(`SELECT 1 FROM item WHERE thread = ? AND state IN ${OPEN}`);
  return (item, lane, wish) => {
    if (item.hold !== undefined) return HELD;
    const order = orderOf(item);
    if (order === item.thread && open.get(order) !== undefined) return READY_BEHIND;
    // What the digest names is read with a lease of its own.
    if (wish === undefined || isDigest(item.thread) || lane !== (wish.lane ?? null)) return READY;
    return { state: 'leased', head: 1, leaseUntil: item.receivedAt + wish.leaseMs };
  };
}

/** Prepares the second life of a dead letter that a copy, believed as much and not held, came of; false if it is none. */
function prepareRevive(
  database: Database,
  elect: (thread: string) => void,
): (copy: NewItem, repeated: Repeated) => boolean {
  const revive = database
    .prepare<[number, string], string>(
      `UPDATE item SET state = 'ready', due_at = ?, settled_at = NULL, worker_deaths = 0
       WHERE id = ? AND state = 'failed' RETURNING thread`,
    )
    .pluck();
  const reviveParts = database
    .prepare<[number, string], string>(
      `UPDATE item SET state = 'ready', due_at = ?, settled_at = NULL, worker_deaths = 0
       WHERE state = 'failed' AND digest_post IS NOT NULL AND (digest, received_at, user) =
         (SELECT digest, received_at, user FROM item WHERE id = ? AND digest_post IS NULL) RETURNING thread`,
    )
    .pluck();
  return (copy, { id, isEqual }) => {
    if (!isEqual || copy.hold !== undefined) return false;
    const whole = revive.all(copy.receivedAt, id);
    // Of a reply that was split the parts are the dead letters.
    const threads = whole.length > 0 || !isDigest(copy.thread) ? whole : reviveParts.all(copy.receivedAt, id);
    for (const thread of threads) elect(thread);
    return threads.length > 0;
  };
}
