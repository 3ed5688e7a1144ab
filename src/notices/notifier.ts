/**
 * The notifier: sends the notices that wait in the store, one at a time.
 *
 * Contract: a notice is claimed, its user and address are looked up anew, and it is sent or put off; one whose user or
 * address is gone is withdrawn. Sending is at least once, under one Message-ID. It looks once per `pollMs`; where no
 * notice waits, that is one read of an empty index.
 * Failure: whatever is thrown puts the notice off; a broken store is logged and tried again. After {@link RETRY}'s
 * maximum age a notice is given up: `notice_failed`, and the dead letter itself is still in the queue.
 */

import { foldAddress, splitAddress } from '../mail/address.ts';
import { renderNotice } from '../mail/notice.ts';
import { decideRetry, type RetrySchedule } from '../mail/retry.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { Users } from '../store/directory.ts';
import type { Contents } from '../store/item.ts';
import type { LeasedNotice, Notices } from '../store/notices.ts';
import type { SendSettlement } from '../store/sending.ts';
import { Bell } from '../system/bell.ts';
import { errorText } from '../system/error-text.ts';
import type { NoticeMail, SendNotice, SendOutcome } from './mailer.ts';
import type { NoticeTexts } from './texts.ts';

/** The way in which notices are made and sent. */
export interface Sending {
  readonly texts: NoticeTexts;
  readonly send: SendNotice;
  /** Whether a plus tag makes another address, as for the sender policy. */
  readonly plusTags: 'compare' | 'ignore';
}

/** The options of the notifier. */
export interface NotifierOptions {
  readonly store: Notices & Contents & Users;
  /** How notices are made and sent now. */
  readonly sending: () => Sending;
  readonly log: Log;
  readonly meter?: Meter | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Gives a number in [0, 1). */
  readonly random: () => number;
  /** The longest time without a look at the store. */
  readonly pollMs: number;
}

/** When a notice is tried again, and for how long: news that is older helps nobody. */
const RETRY: RetrySchedule = { firstMs: 60_000, longestMs: 3_600_000, maxAgeMs: 3 * 86_400_000 };

/** Time for one notice to be sent. */
const SEND_MS = 120_000;

/** A claim outlives its attempt. */
const LEASE_MS = SEND_MS + 60_000;

/** A local part that no server reads in two ways: a notice is not worth a quoted one. */
const PLAIN_LOCAL_PART = /^[^\s\p{C}"(),:;<>@[\\\]]+$/u;

/** The notifier; its life: `start`, any number of `wake`, `stop`. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #bell = new Bell();
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /** Starts sending. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Says that there may be a notice. */
  wake(): void {
    this.#bell.ring();
  }

  /** Ends the attempt under way, which is repeated after the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#bell.ring();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const hasSent = await this.#sendNext();
      await this.#bell.wait(hasSent ? 0 : this.#options.pollMs);
    }
  }

  /** Sends the notice that is due, if one is. */
  async #sendNext(): Promise<boolean> {
    const { store, now, log } = this.#options;
    try {
      const at = await store.nextNoticeAt();
      if (at === undefined || (at > now() && at <= now() + RETRY.longestMs)) return false;
      const request = { now: now(), leaseMs: LEASE_MS, longestMs: RETRY.longestMs };
      const notice = await store.leaseNotice(request);
      if (notice === undefined) return false;
      const outcome = await this.#attempt(notice);
      if (this.#stopping.signal.aborted && outcome.kind === 'deferred') return false;
      await this.#settle(notice, outcome);
      return true;
    } catch (error) {
      log('dispatch_failed', { reason: errorText(error) });
      return false;
    }
  }

  /** Bounds an attempt: whatever is thrown inside puts the notice off. */
  async #attempt(notice: LeasedNotice): Promise<SendOutcome> {
    try {
      const mail = await this.#compose(notice);
      if (typeof mail === 'string') return { kind: 'failed', diagnostic: `withdrawn: ${mail}` };
      return await this.#options
        .sending()
        .send(mail, AbortSignal.any([AbortSignal.timeout(SEND_MS), this.#stopping.signal]));
    } catch (error) {
      return { kind: 'deferred', diagnostic: `internal: ${errorText(error)}` };
    }
  }

  /** Composes the message of a notice, or says why it may not be sent any more. */
  async #compose({
    id,
    user: name,
    userNumber,
    kind,
    itemId,
    createdAt,
    draft,
    original,
  }: LeasedNotice): Promise<NoticeMail | string> {
    const { store, sending } = this.#options;
    const { texts, plusTags } = sending();
    const user =
      userNumber === undefined ? await store.userByName(name) : await store.userByNumber(userNumber);
    if (user?.enabled !== true) return 'the user is gone or disabled';
    const from = foldAddress(draft.from, plusTags);
    const to = user.addresses.find((address) => foldAddress(address, plusTags) === from);
    if (to === undefined) return 'the address is no longer registered';
    if (!PLAIN_LOCAL_PART.test(splitAddress(to)?.localPart ?? '')) return 'the address is not a plain one';
    return {
      id,
      to,
      createdAt,
      ...renderNotice(texts.text(kind, draft.language), draft),
      inReplyTo: draft.messageId,
      references: draft.references,
      original: original ?? (itemId === undefined ? undefined : await store.content(itemId)),
    };
  }

  async #settle(notice: LeasedNotice, outcome: SendOutcome): Promise<void> {
    const { store, log, meter, now } = this.#options;
    const settlement = this.#settlementOf(notice, outcome);
    const event = `notice_${settlement.kind}` as const;
    meter?.add('mailgw_notices_total', { kind: notice.kind, outcome: settlement.kind });
    log(event, {
      id: notice.id,
      kind: notice.kind,
      user: notice.user,
      item: notice.itemId,
      attempts: notice.attempts,
      diagnostic: settlement.diagnostic,
      waited_ms: now() - notice.createdAt,
    });
    await store.settleNotice(notice.id, notice.attempts, settlement);
  }

  #settlementOf(notice: LeasedNotice, { kind, diagnostic }: SendOutcome): SendSettlement {
    const at = this.#options.now();
    if (kind !== 'deferred') return { kind, at, diagnostic };
    const failure = { attempts: notice.attempts, receivedAt: notice.createdAt };
    const decision = decideRetry(RETRY, failure, at, this.#options.random());
    return decision.kind === 'too-old'
      ? { kind: 'failed', at, diagnostic: `given up: ${diagnostic}` }
      : { kind: 'deferred', dueAt: decision.dueAt, diagnostic };
  }
}
