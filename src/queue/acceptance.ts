/**
 * How new items enter the store, inside the writer's transaction.
 *
 * Contract: at most one item per fingerprint and belief (G2), by the insert of its dedupe row; an item that is the first
 * open one of its thread is its head, and may be leased at once. A copy of a dead letter has it tried again: who sends
 * the same mail once more wants it posted, and posted once.
 */
import { bounded } from '../mail/bounded.ts';
import { prepareCountBounce } from './bounces.ts';
import { prepareKeepContent } from './content.ts';
import { keptCopy, prepareClaim, type Repeated } from './dedupe.ts';
import { NO_USER, prepareOwners } from './owner.ts';
import { prepareRememberPass } from './passes.ts';
import type { Acceptance, ImmediateLease, NewItem } from './queue.ts';
import type { Database } from './schema.ts';

/** What became of the items of one message. */
export interface Accepted {
  readonly acceptances: readonly Acceptance[];
  /** The ids of those that were leased at once. */
  readonly leased: readonly string[];
}

/** Inserts the items of one message that are no duplicates. */
export type Accept = (items: readonly NewItem[], raw: Uint8Array, lease?: ImmediateLease) => Accepted;

/** Where a new item enters the table of states (docs/how-it-works.md, The queue). */
interface Entry {
  readonly state: 'ready' | 'leased' | 'held';
  readonly head: 0 | 1;
  readonly leaseUntil: number | null;
}

const HELD: Entry = { state: 'held', head: 0, leaseUntil: null };
const READY_BEHIND: Entry = { state: 'ready', head: 0, leaseUntil: null };
const READY: Entry = { state: 'ready', head: 1, leaseUntil: null };

/** Prepares the statements on a writing connection; while `isPaused` nothing is leased. */
export function prepareAccept(
  database: Database,
  isPaused: () => boolean,
  elect: (thread: string) => void,
): Accept {
  const claim = prepareClaim(database);
  const revive = prepareRevive(database, elect);
  const open = database.prepare<[string]>(
    "SELECT 1 FROM item WHERE thread = ? AND state IN ('ready','waiting','leased')",
  );
  const insert = database.prepare(
    `INSERT INTO item (id, state, head, user, user_number, thread, bounce, bounce_thread, replied_to_at, message_id, queue_id, reverse_path, received_at, due_at,
       lease_until, attempts, worker_deaths, hold_reason, last_diagnostic, fingerprint, written, bytes, sender_policy, sender_result, spam_score, spam_flagged)
     VALUES (@id, @state, @head, @user, @userNumber, @thread, @bounce, @bounceThread, @repliedToAt, @messageId, @queueId, @reversePath, @receivedAt, @dueAt,
       @leaseUntil, @attempts, 0, @hold, @diagnostic, @fingerprint, @written, @bytes, @policy, @result, @score, @flagged)`,
  );
  const owners = prepareOwners(database);
  const keep = prepareKeepContent(database);
  const countBounce = prepareCountBounce(database);
  const rememberPass = prepareRememberPass(database);
  const entryOf = (item: NewItem, leaseMs: number | undefined): Entry => {
    if (item.hold !== undefined) return HELD;
    if (item.bounce === undefined && open.get(item.thread) !== undefined) return READY_BEHIND;
    if (leaseMs === undefined) return READY;
    return { state: 'leased', head: 1, leaseUntil: item.receivedAt + leaseMs };
  };
  const acceptOne = (
    asJudged: NewItem,
    raw: Uint8Array,
    leaseMs: number | undefined,
  ): Entry['state'] | Repeated => {
    const repeated = claim(asJudged);
    if (repeated !== undefined) return repeated;
    // Since RCPT the user may have been removed, by another process.
    const isThere = owners.isThere(asJudged.userNumber, asJudged.user);
    const item = isThere ? asJudged : { ...asJudged, hold: asJudged.hold ?? NO_USER };
    const entry = entryOf(item, leaseMs);
    const { lastInsertRowid } = insert.run({
      id: item.id,
      state: entry.state,
      head: entry.head,
      user: item.user,
      userNumber: item.userNumber ?? null,
      // Of its own thread a bounce is the only item: order means nothing to it, and no reply is to wait for it.
      thread: item.bounce === undefined ? item.thread : `bounce:${item.id}`,
      bounce: item.bounce ?? null,
      bounceThread: item.bounce === undefined ? null : item.thread,
      repliedToAt: item.repliedToAt,
      messageId: item.messageId === undefined ? null : bounded(item.messageId),
      queueId: item.queueId === undefined ? null : bounded(item.queueId),
      reversePath: bounded(item.reversePath),
      receivedAt: item.receivedAt,
      dueAt: item.hold === undefined ? item.receivedAt : null,
      leaseUntil: entry.leaseUntil,
      attempts: entry.state === 'leased' ? 1 : 0,
      hold: item.hold ?? null,
      diagnostic: item.holdDetail === undefined ? null : bounded(item.holdDetail),
      ...keptCopy(asJudged),
      bytes: raw.byteLength,
      policy: item.authentication.policy,
      result: item.authentication.result,
      score: item.spam?.score ?? null,
      flagged: item.spam === undefined ? null : Number(item.spam.flagged),
    });
    keep(lastInsertRowid, raw);
    if (item.bounce !== undefined) countBounce(item, item.bounce);
    if (isThere) rememberPass(item);
    return entry.state;
  };
  return (items, raw, lease) => {
    let room = lease === undefined || isPaused() ? 0 : lease.limit;
    const leased: string[] = [];
    const acceptances = items.map((item): Acceptance => {
      const state = acceptOne(item, raw, room > 0 ? lease?.leaseMs : undefined);
      if (typeof state === 'object')
        return { kind: revive(item, state) ? 'queued' : 'duplicate', id: state.id };
      if (state === 'leased') {
        leased.push(item.id);
        room--;
      }
      return { kind: state === 'held' ? 'held' : 'queued', id: item.id };
    });
    return { acceptances, leased };
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
  return (copy, { id, isEqual }) => {
    const thread = isEqual && copy.hold === undefined ? revive.get(copy.receivedAt, id) : undefined;
    if (thread === undefined) return false;
    elect(thread);
    return true;
  };
}
