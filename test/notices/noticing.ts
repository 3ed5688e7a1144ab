// A dispatcher and a notifier on a real store, between a platform and a mailbox on the loopback.
//
// Contract: the user alice has one registered address; time is the test's, as in dispatching.ts.

import type { TestContext } from 'node:test';
import { NOTICE_KINDS } from '../../src/mail/notice.ts';
import { createDraftNotice } from '../../src/notices/draft.ts';
import { createSendNotice, type MailerOptions } from '../../src/notices/mailer.ts';
import { createNotifier, type Sending } from '../../src/notices/notifier.ts';
import { loadNoticeTexts } from '../../src/notices/texts.ts';
import { Meter } from '../../src/observe/meter.ts';
import type { Sender } from '../../src/outbound/sender.ts';
import type { NewItem } from '../../src/store/item.ts';
import type { LeasedNotice, NoticeView } from '../../src/store/notices.ts';

import type { Store } from '../../src/store/store.ts';
import { type Dispatching, startDispatching } from '../delivery/dispatching.ts';
import { eventually } from '../support/eventually.ts';
import { accept, newItem } from '../support/item.ts';
import { type Mailbox, startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { addUser } from '../support/mint.ts';
import { testScratch } from '../support/scratch.ts';

/** How notices of the tests are sent. */
export function mailerTo(mailbox: Mailbox): MailerOptions {
  return {
    place: { host: '127.0.0.1', port: mailbox.port },
    from: { address: 'noreply@reply.example.org', name: 'Tracker' },
    domain: 'reply.example.org',
    loopToken: 'mailgw.reply.example.org',
  };
}

/** A dispatcher, a notifier and a mailbox. */
export interface Noticing extends Dispatching {
  readonly mailbox: Mailbox;
  readonly notifier: Sender<LeasedNotice>;
  readonly meter: Meter;
  /** Queues a message as it stands; the item's id. */
  send(raw: string, change?: Partial<NewItem>): Promise<string>;
  /** The newest notices, as soon as so many have ended. */
  ended(count: number): Promise<readonly NoticeView[]>;
}

let ids = 0;

/** Starts a dispatcher and a notifier over a store with the user alice, and a mailbox. */
export async function startNoticing(t: TestContext, directory?: string, language = 'en'): Promise<Noticing> {
  const open: { store?: Store } = {};
  const draftNotice = createDraftNotice({
    content: async (id) => await open.store?.content(id),
    kinds: NOTICE_KINDS,
    mask: (text) => text.replaceAll('SECRET', '…'),
    newId: () => `notice${++ids}`,
  });
  const test = await startDispatching(t, { draftNotice });
  open.store = test.store;
  await addUser(test.store, 'alice');
  const mailbox = await startMailbox(testScratch(t));
  const loaded = loadNoticeTexts(directory, language);
  if (!loaded.ok) throw new Error(loaded.problems.join('\n'));
  const meter = new Meter();
  const sending: Sending = {
    texts: loaded.texts,
    send: createSendNotice(mailerTo(mailbox)),
    plusTags: 'ignore',
  };
  const notifier = createNotifier({
    store: test.store,
    sending: () => sending,
    log: (event, fields) => test.log.push({ event, ...fields }),
    meter,
    now: () => test.clock.now,
    random: () => 1,
    pollMs: 20,
  });
  t.after(() => notifier.stop());
  notifier.start();
  return {
    ...test,
    mailbox,
    notifier,
    meter,
    send: async (raw, change = {}) => {
      const item = newItem({ receivedAt: test.clock.now, thread: `t/${++ids}`, ...change });
      await accept(test.store, [item], Buffer.from(raw));
      test.dispatcher.wake();
      return item.id;
    },
    ended: (count) =>
      eventually(
        async () => {
          const notices = await test.store.listNotices(1000);
          return notices.filter(({ state }) => state !== 'waiting').length >= count ? notices : undefined;
        },
        () => `${count} notices that have ended`,
      ),
  };
}

/** The user's own mail, with a body that ends in what our notification said. */
export function reply(body: string, headers: readonly string[] = []): string {
  return replyMessage({
    to: 'someone',
    subject: 'Re: Grüße',
    messageId: `m${++ids}@client.example.com`,
    inReplyTo: 'the-notification@reply.example.org',
    headers: ['Content-Type: text/plain; charset=utf-8', ...headers],
    body,
  });
}
