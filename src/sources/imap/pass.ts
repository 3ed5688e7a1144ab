/**
 * One pass over a folder: what is new goes through the gate, and its UID is settled in the same commit.
 *
 * Contract: the high water rises in the order of the UIDs, and only to a message that is settled or noted as not settled,
 * as all below it are. Messages are taken in batches: of one batch the last is committed after the others, and raises it.
 * While a batch is committed, the next is fetched. What a crash leaves above the high water comes again, and the accept
 * knows it. A message that cannot be read is tried again after a growing time, and given up in the end; the pass goes on.
 * Failure: rejects where the connection, the store or the gate fails as a whole; the next pass goes on from there.
 */
import { allForms } from '../../mail/address.ts';
import type { Mailboxes, OpenMessage } from '../../store/mailboxes.ts';
import { errorText } from '../../system/error-text.ts';
import { MailboxError } from './mailbox-error.ts';
import type { OpenMailbox } from './open-mailbox.ts';
import { type Fetched, Settling, type SettlingParts } from './settling.ts';

/** Messages in a batch at most, and the bytes after which it is closed: two batches are in memory at a time. */
const BATCH_MESSAGES = 32;
const BATCH_BYTES = 8 * 1024 * 1024;

/** UIDs whose sizes are asked for together. */
const SIZES_AT_ONCE = 250;

/** The days of a folder that are read first when it is walked. */
const RECENT_MS = 30 * 86_400_000;

/** The parts of a pass. */
export interface PassParts extends Omit<SettlingParts, 'forms'> {
  readonly mailboxes: Mailboxes;
  /** Tells whether the pass is to end at the next message. */
  readonly isStopping: () => boolean;
}

/** Goes over a folder once: what is above the high water, or all of it; then what was put off and is due. */
export async function passFolder(parts: PassParts, box: OpenMailbox): Promise<void> {
  const { mailboxes, config, now } = parts;
  const state = await mailboxes.mailbox(config.name);
  if (state === undefined) throw new Error(`imap ${config.name}: the store has lost the mailbox`);
  const rows = await mailboxes.openMessages(config.name);
  const pass = new Pass(parts, box, rows);
  if (state.isWalking) await pass.walk(state.highWater);
  else await pass.take(pass.unknown(await box.searchAfter(state.highWater)), true);
  const due = rows.filter(({ state: is, dueAt }) => is === 'waiting' && (dueAt ?? 0) <= now());
  await pass.take(
    due.map(({ uid }) => uid),
    false,
  );
}

class Pass {
  readonly #parts: PassParts;
  readonly #box: OpenMailbox;
  readonly #known: ReadonlySet<number>;
  readonly #settling: Settling;

  constructor(parts: PassParts, box: OpenMailbox, rows: readonly OpenMessage[]) {
    this.#parts = parts;
    this.#box = box;
    this.#known = new Set(rows.map(({ uid }) => uid));
    const forms = allForms(parts.intake.config().reply);
    this.#settling = new Settling({ ...parts, forms }, box.uidValidity, rows);
  }

  /** Drops the messages that stand in the list already. */
  unknown(uids: readonly number[]): readonly number[] {
    return uids.filter((uid) => !this.#known.has(uid));
  }

  /** Goes through the whole folder, the last days first, and notes its end. */
  async walk(highWater: number): Promise<void> {
    const { mailboxes, config, now, intake, isStopping } = this.#parts;
    const all = await this.#box.searchAfter(0);
    const since = await this.#box.searchSince(new Date(now() - RECENT_MS));
    const recent = new Set(since);
    await this.take(this.unknown(all.filter((uid) => recent.has(uid))), false);
    await this.take(this.unknown(all.filter((uid) => uid > highWater && !recent.has(uid))), true);
    if (isStopping()) return;
    await mailboxes.endWalk(config.name, all.at(-1) ?? 0, now());
    intake.log('mailbox_walked', { source: config.name, messages: all.length });
  }

  /** Takes messages in this order; `raises` where all below each of them are settled. */
  async take(uids: readonly number[], raises: boolean): Promise<void> {
    let settled: Promise<Error | undefined> = Promise.resolve(undefined);
    for await (const batch of this.#batches(uids)) {
      const failure = await settled;
      if (failure !== undefined) throw failure;
      // Its failure is looked at after the next batch has been fetched: nothing rejects in between.
      settled = this.#settle(batch, raises).then(() => undefined, asError);
      if (batch.some(endsConnection)) break;
    }
    const failure = await settled;
    if (failure !== undefined) throw failure;
  }

  async #settle(batch: readonly Fetched[], raises: boolean): Promise<void> {
    const first = batch.slice(0, -1);
    const results = await Promise.allSettled(
      first.map((fetched) => this.#settling.settle(fetched, undefined)),
    );
    for (const result of results) if (result.status === 'rejected') throw asError(result.reason);
    const last = batch.at(-1);
    if (last === undefined) return;
    await this.#settling.settle(last, raises ? last.uid : undefined);
    // What ended the connection is noted by now, and the pass ends with it.
    if (last.kind === 'failed' && endsConnection(last)) throw last.failure;
  }

  async *#batches(uids: readonly number[]): AsyncGenerator<readonly Fetched[]> {
    let batch: Fetched[] = [];
    let bytes = 0;
    for (let at = 0; at < uids.length && !this.#parts.isStopping(); at += SIZES_AT_ONCE) {
      const some = uids.slice(at, at + SIZES_AT_ONCE);
      const sizes = await this.#box.sizesOf(some);
      for (const uid of some) {
        if (this.#parts.isStopping()) break;
        const fetched = await this.#fetch(uid, sizes.get(uid));
        batch.push(fetched);
        bytes += fetched.kind === 'message' ? fetched.raw.length : 0;
        if (batch.length < BATCH_MESSAGES && bytes < BATCH_BYTES && !endsConnection(fetched)) continue;
        yield batch;
        batch = [];
        bytes = 0;
      }
    }
    if (batch.length > 0) yield batch;
  }

  async #fetch(uid: number, bytes: number | undefined): Promise<Fetched> {
    const { maxMessageBytes } = this.#parts;
    try {
      if (bytes !== undefined && bytes > maxMessageBytes) {
        const header = await this.#box.fetchHeader(uid);
        if (header !== undefined) return { uid, kind: 'too-big', header, bytes };
      } else {
        const raw = await this.#box.fetchMessage(uid, bytes);
        if (raw !== undefined && raw.length > maxMessageBytes)
          return { uid, kind: 'too-big', header: headerOf(raw), bytes: raw.length };
        if (raw !== undefined) return { uid, kind: 'message', raw };
      }
      if (!(await this.#box.has(uid))) return { uid, kind: 'gone' };
      return {
        uid,
        kind: 'failed',
        failure: new MailboxError('refused', 'the server gives no such message'),
      };
    } catch (error) {
      if (!(error instanceof MailboxError)) throw error;
      return { uid, kind: 'failed', failure: error };
    }
  }
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(errorText(error)));

/** Tells whether the connection has ended with a message. */
const endsConnection = (fetched: Fetched): boolean =>
  fetched.kind === 'failed' && fetched.failure.kind !== 'refused';

/** Cuts the header off, with the empty line after it. */
function headerOf(raw: Buffer): Buffer {
  const end = raw.indexOf('\r\n\r\n');
  return raw.subarray(0, end < 0 ? Math.min(raw.length, 64 * 1024) : end + 4);
}
