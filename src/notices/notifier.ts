/**
 * The notifier: sends the notices that wait in the store, one at a time.
 *
 * Contract: a notice is claimed, its user and address are looked up anew, and it is sent or put off; one whose user or
 * address is gone is withdrawn. Sending is at least once, under one Message-ID.
 * Failure: as of sender.ts. After {@link RETRY}'s maximum age a notice is given up: `notice_failed`, and the dead letter
 * itself is still in the queue.
 */

import { foldAddress, isPlainAddress } from '../mail/address.ts';
import { renderNotice } from '../mail/notice.ts';
import type { RetrySchedule } from '../mail/retry.ts';
import type { Meter } from '../observe/meter.ts';
import type { SendOutcome } from '../outbound/mail-server.ts';
import { Sender, type SenderOptions, type Waiting } from '../outbound/sender.ts';
import type { Users } from '../store/directory.ts';
import type { Contents } from '../store/item.ts';
import type { LeasedNotice, Notices } from '../store/notices.ts';
import type { NoticeMail, SendNotice } from './mailer.ts';
import type { NoticeTexts } from './texts.ts';

/** The way in which notices are made and sent. */
export interface Sending {
  readonly texts: NoticeTexts;
  readonly send: SendNotice;
  /** Whether a plus tag makes another address, as for the sender policy. */
  readonly plusTags: 'compare' | 'ignore';
}

/** The options of the notifier. */
export interface NotifierOptions extends SenderOptions {
  readonly store: Notices & Contents & Users;
  /** How notices are made and sent now. */
  readonly sending: () => Sending;
  readonly meter?: Meter | undefined;
}

/** When a notice is tried again, and for how long: news that is older helps nobody. */
const RETRY: RetrySchedule = { firstMs: 60_000, longestMs: 3_600_000, maxAgeMs: 3 * 86_400_000 };

/** Creates the notifier, not yet started. */
export function createNotifier(options: NotifierOptions): Sender<LeasedNotice> {
  return new Sender(waitingNotices(options), options);
}

function waitingNotices(options: NotifierOptions): Waiting<LeasedNotice> {
  const { store, sending, log, meter, now } = options;
  return {
    retry: RETRY,
    atOnce: 1,
    nextAt: () => store.nextNoticeAt(),
    lease: async (request) => {
      const notice = await store.leaseNotice(request);
      return notice === undefined ? [] : [notice];
    },
    send: async (notice, signal): Promise<SendOutcome> => {
      const mail = await compose(options, notice);
      if (typeof mail === 'string') return { kind: 'failed', diagnostic: `withdrawn: ${mail}` };
      return await sending().send(mail, signal);
    },
    settle: async ({ id, kind, user, itemId, attempts, createdAt }, settlement) => {
      const { kind: outcome, diagnostic } = settlement;
      meter?.add('mailgw_notices_total', { kind, outcome });
      const waitedMs = now() - createdAt;
      log(`notice_${outcome}`, { id, kind, user, item: itemId, attempts, diagnostic, waited_ms: waitedMs });
      await store.settleNotice(id, attempts, settlement);
    },
  };
}

/** Composes the message of a notice, or says why it may not be sent any more. */
async function compose(
  { store, sending }: NotifierOptions,
  { id, user: name, userNumber, kind, itemId, createdAt, draft, original }: LeasedNotice,
): Promise<NoticeMail | string> {
  const { texts, plusTags } = sending();
  const user = userNumber === undefined ? await store.userByName(name) : await store.userByNumber(userNumber);
  if (user?.enabled !== true) return 'the user is gone or disabled';
  const from = foldAddress(draft.from, plusTags);
  const to = user.addresses.find((address) => foldAddress(address, plusTags) === from);
  if (to === undefined) return 'the address is no longer registered';
  if (!isPlainAddress(to)) return 'the address is not a plain one';
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
