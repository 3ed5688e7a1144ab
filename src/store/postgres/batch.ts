/**
 * A batch of messages as `mailgw_accept_1` takes it, and its answers.
 *
 * Contract: a row for each item, with what its message has in common; the raw messages behind one another in one blob. A
 * message that is alone is its own blob, and is not copied.
 */
import { betterKeys, keyOf } from '../../mail/belief.ts';
import { bounded } from '../../mail/bounded.ts';
import type { AcceptResult, ImmediateLease, ItemAcceptance } from '../acceptance.ts';
import { copyOf, keptCopy } from '../copies.ts';
import type { NewItem } from '../item.ts';
import { leasedOf } from '../new-leases.ts';
import type { Receipt } from '../receipts.ts';
import type { DatabaseClock } from './clock.ts';

/** A message that is to be accepted. */
export interface Arrival {
  readonly items: readonly NewItem[];
  readonly raw: Uint8Array;
  readonly wish: ImmediateLease | undefined;
  readonly receipt: Receipt | undefined;
}

const hex = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString('hex');

const hexOrNot = (octets: Uint8Array | null): string | undefined =>
  octets === null ? undefined : hex(octets);

const boundedOrNot = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : bounded(text);

/** What the items of a message have in common. */
interface Common {
  readonly message: number;
  readonly rawAt: number;
  readonly bytes: number;
  readonly wish: ImmediateLease | undefined;
  readonly receipt: object | undefined;
  readonly toDatabase: DatabaseClock['toDatabase'];
}

/** Gives the batch's rows as JSON that PostgreSQL takes: its text knows no NUL and no half of a surrogate pair. */
export function rowsOf(arrivals: readonly Arrival[], { toDatabase }: DatabaseClock): string {
  let rawAt = 0;
  const rows: object[] = [];
  for (const [message, { items, raw, wish, receipt: given }] of arrivals.entries()) {
    const bytes = raw.byteLength;
    const receipt = given?.kind === 'call' ? { ...given, digest: hex(given.digest) } : given;
    const common = { message, rawAt, bytes, wish, receipt, toDatabase };
    for (const item of items) rows.push(rowOf(item, common));
    if (items.length === 0) rows.push({ message, receipt });
    rawAt += bytes;
  }
  const json = JSON.stringify(rows);
  return /\\u(?:0000|d[89a-f])/.test(json) ? JSON.stringify(rows, plain) : json;
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? Buffer.from(value).toString().replaceAll('\0', '\uFFFD') : value;
}

/** Gives the row of an item; what is undefined is NULL. Written out as one shape it takes a tenth of the time. */
function rowOf(item: NewItem, { message, rawAt, bytes, wish, receipt, toDatabase }: Common): object {
  const { authentication, spam, receivedAt } = item;
  const copy = copyOf(item);
  const better = betterKeys(copy);
  const kept = keptCopy(item);
  return {
    message,
    raw_at: rawAt,
    bytes,
    most: wish?.limit ?? 0,
    lease_until: wish === undefined ? undefined : toDatabase(receivedAt + wish.leaseMs),
    wished_lane: wish?.lane,
    receipt,
    id: item.id,
    fingerprint: hex(keyOf(copy)),
    better: better.length === 0 ? undefined : better.map(hex),
    kept_fingerprint: hexOrNot(kept.fingerprint),
    kept_written: hexOrNot(kept.written),
    user_name: item.user,
    user_number: item.userNumber,
    thread: item.thread,
    thread_number: item.threadNumber,
    bounce: item.bounce,
    replied_to_at: item.repliedToAt,
    message_id: boundedOrNot(item.messageId),
    queue_id: boundedOrNot(item.queueId),
    reverse_path: bounded(item.reversePath),
    received_at: receivedAt,
    due_at: toDatabase(receivedAt),
    hold: item.hold,
    diagnostic: boundedOrNot(item.holdDetail),
    matched: item.matched,
    vouched_for: item.vouchedFor,
    policy: authentication.policy,
    result: authentication.result,
    score: spam?.score,
    flagged: spam?.flagged,
  };
}

/** Gives the raw messages behind one another. */
export function blobOf(arrivals: readonly Arrival[]): Uint8Array {
  const [first] = arrivals;
  if (first !== undefined && arrivals.length === 1) return first.raw;
  const blob = Buffer.allocUnsafeSlow(arrivals.reduce((sum, { raw }) => sum + raw.byteLength, 0));
  let at = 0;
  for (const { raw } of arrivals) {
    blob.set(raw, at);
    at += raw.byteLength;
  }
  return blob;
}

/** Reads the answer for one message. */
export function readAnswer(line: string, { items, raw }: Arrival): AcceptResult {
  if (line === 'repeated' || line === 'replayed') return { kind: line };
  const words = line.split(' ');
  const leased: string[] = [];
  const acceptances = items.map(({ id }, at): ItemAcceptance => {
    const word = words[at] ?? '';
    if (word === 'l') leased.push(id);
    if (word.startsWith('d:')) return { kind: 'duplicate', id: word.slice(2) };
    if (word.startsWith('q:')) return { kind: 'queued', id: word.slice(2) };
    if (word === 'h' || word === 'q' || word === 'l') return { kind: word === 'h' ? 'held' : 'queued', id };
    throw new Error(`the database answered ${JSON.stringify(word)} for item ${id}`);
  });
  return { kind: 'committed', acceptances, leased: leasedOf(items, leased, raw.byteLength) };
}
