// The sender of notifications on a real store, at a mail server that takes, refuses, puts off, hangs up and hangs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { Meter } from '../../src/observe/meter.ts';
import { openMailServer } from '../../src/outbound/mail-server.ts';
import { createNotificationSender } from '../../src/outbound/notification-sender.ts';
import type { NewNotification, NotificationView } from '../../src/store/notifications.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logged } from '../delivery/dispatching.ts';
import { eventually } from '../support/eventually.ts';
import { NOW } from '../support/item.ts';
import { fieldsOf, type Mailbox, startMailbox } from '../support/mailbox.ts';
import { addUser } from '../support/mint.ts';
import { newNotification, outgoingMail } from '../support/notification.ts';
import { testScratch } from '../support/scratch.ts';
import { serverAt } from './outgoing.ts';

const DAY_MS = 86_400_000;

/** A sender that runs, and everything around it. */
interface SenderAtWork {
  readonly store: Store;
  readonly mailbox: Mailbox;
  readonly log: Logged[];
  readonly meter: Meter;
  /** Adds a notification to alice, unless to somebody else, and wakes the sender; its id. */
  add(change?: Partial<NewNotification>): Promise<string>;
  /** The notification, as soon as it is as wanted. */
  seen(id: string, wanted: (view: NotificationView) => boolean): Promise<NotificationView>;
  /** Lets time pass and wakes the sender. */
  pass(ms: number): void;
  /** Stops the sender. */
  stop(): Promise<void>;
}

/** Starts a sender over a store with the user alice, and a mailbox. */
async function startSender(t: TestContext): Promise<SenderAtWork> {
  const scratch = testScratch(t);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  const alice = await addUser(store, 'alice');
  const mailbox = await startMailbox(scratch);
  const server = serverAt(mailbox);
  const clock = { now: NOW };
  const log: Logged[] = [];
  const meter = new Meter();
  const sender = createNotificationSender({
    store,
    server: () => server,
    log: (event, fields) => log.push({ event, ...fields }),
    meter,
    now: () => clock.now,
    random: () => 1,
    pollMs: 20,
  });
  scratch.defer(async () => {
    await sender.stop();
    server.close();
  });
  sender.start();
  return {
    store,
    mailbox,
    log,
    meter,
    add: async (change = {}) => {
      const notification = newNotification({ userNumber: alice.number, createdAt: clock.now, ...change });
      await store.addNotification(notification);
      sender.wake();
      return notification.id;
    },
    seen: (id, wanted) =>
      eventually(
        async () => {
          const view = await store.notification(id);
          return view !== undefined && wanted(view) ? view : undefined;
        },
        () => JSON.stringify(log),
      ),
    pass: (ms) => {
      clock.now += ms;
      sender.wake();
    },
    stop: () => sender.stop(),
  };
}

const hasEnded = ({ state }: NotificationView): boolean => state !== 'waiting';
const wasTried =
  (attempts: number) =>
  (view: NotificationView): boolean =>
    view.attempts === attempts && view.lastDiagnostic !== undefined;

describe('a mail server', () => {
  it('may listen on a Unix socket, which may be absent at first', async (t) => {
    const scratch = testScratch(t);
    const mailbox = await startMailbox(scratch);
    const path = scratch.path('smtp.sock');
    const server = openMailServer({ place: { path }, connections: 8, finalAt: [] });
    const send = () => server.send(outgoingMail(), AbortSignal.timeout(5000));
    const { kind, isDown, diagnostic } = await send();
    assert.deepEqual([kind, isDown], ['deferred', true]);
    assert.match(diagnostic, /ENOENT/);
    const proxy = createServer((socket) => {
      socket.pipe(connect(mailbox.port, '127.0.0.1')).pipe(socket);
    });
    proxy.listen(path);
    await once(proxy, 'listening');
    assert.equal((await send()).kind, 'sent');
    server.close();
    await new Promise((resolve) => proxy.close(resolve));
    assert.equal(mailbox.mails.length, 1);
  });
});

describe('a notification that waits', () => {
  it('is sent with its reply address for a reverse-path, counted and logged', async (t) => {
    const test = await startSender(t);
    const id = await test.add();
    const view = await test.seen(id, hasEnded);
    assert.deepEqual([view.state, view.attempts, view.lastDiagnostic], ['sent', 1, '250 2.0.0 taken']);
    const [mail] = test.mailbox.mails;
    assert.equal(mail?.mailFrom, `<reply+${'a'.repeat(48)}@reply.example.org>`);
    assert.deepEqual(
      fieldsOf(mail, 'Message-ID')
        .join()
        .replace(/[<>\s]/g, ''),
      view.messageId,
    );
    assert.deepEqual(
      test.meter.samples('mailgw_notifications_total').filter(({ value }) => value > 0),
      [{ labels: { outcome: 'sent' }, value: 1 }],
    );
    const [logged] = test.log;
    assert.deepEqual(
      [logged?.event, logged?.user, logged?.thread, logged?.attempts],
      ['notification_sent', 'alice', 'test/thread/1', 1],
    );
  });

  it('is one of 200 that go over at most 8 connections, each once', async (t) => {
    const test = await startSender(t);
    const added = await Promise.all(Array.from({ length: 200 }, () => test.add()));
    for (const id of added) await test.seen(id, hasEnded);
    const messageIds = test.mailbox.mails.map((mail) => fieldsOf(mail, 'Message-ID').join());
    assert.equal(messageIds.length, 200);
    assert.equal(new Set(messageIds).size, 200);
    assert.ok(test.mailbox.connections.most <= 8, JSON.stringify(test.mailbox.connections));
    assert.ok(test.mailbox.connections.made < 40, JSON.stringify(test.mailbox.connections));
  });

  for (const [where, refuse] of [
    ['at RCPT', (mailbox: Mailbox) => (mailbox.rcptReply = '550 5.1.1 <alice@example.com>: no such user')],
    ['at the end of data', (mailbox: Mailbox) => (mailbox.dataReply = '554 5.7.1 refused')],
  ] as const) {
    it(`fails at once where it is refused for good ${where}, and the next one is sent`, async (t) => {
      const test = await startSender(t);
      refuse(test.mailbox);
      const view = await test.seen(await test.add(), hasEnded);
      assert.deepEqual([view.state, view.attempts], ['failed', 1]);
      assert.match(view.lastDiagnostic ?? '', /55[04] 5\.[17]\.1/);
      assert.doesNotMatch(view.lastDiagnostic ?? '', /alice@/);
      assert.deepEqual(
        test.log.map(({ event }) => event),
        ['notification_failed'],
      );
      test.mailbox.rcptReply = '250 2.1.5 OK';
      test.mailbox.dataReply = '250 2.0.0 taken';
      assert.equal((await test.seen(await test.add(), hasEnded)).state, 'sent');
    });

    it(`waits longer each time where it is put off ${where}, and is then sent under the same Message-ID`, async (t) => {
      const test = await startSender(t);
      if (where === 'at RCPT') test.mailbox.rcptReply = '450 4.2.1 later';
      else test.mailbox.dataReply = '451 4.3.0 later';
      const id = await test.add();
      assert.equal((await test.seen(id, wasTried(1))).dueAt, NOW + 10_000);
      test.pass(10_000);
      assert.equal((await test.seen(id, (view) => view.dueAt === NOW + 30_000)).attempts, 2);
      test.mailbox.rcptReply = '250 2.1.5 OK';
      test.mailbox.dataReply = '250 2.0.0 taken';
      const before = test.mailbox.mails.length;
      test.pass(20_000);
      const view = await test.seen(id, hasEnded);
      assert.deepEqual([view.state, view.attempts], ['sent', 3]);
      assert.equal(test.mailbox.mails.length, before + 1);
      assert.equal(new Set(test.mailbox.mails.map(({ raw }) => raw.toString())).size, 1);
      assert.deepEqual(
        test.log.map(({ event }) => event),
        ['notification_deferred', 'notification_deferred', 'notification_sent'],
      );
    });
  }

  it('is put off where the connection breaks in the midst of it', async (t) => {
    const test = await startSender(t);
    test.mailbox.breaksInData = true;
    const id = await test.add();
    await test.seen(id, wasTried(1));
    assert.equal(test.mailbox.mails.length, 0);
    test.mailbox.breaksInData = false;
    test.pass(10_000);
    assert.equal((await test.seen(id, hasEnded)).state, 'sent');
  });

  it('is given up after five days, with an event', async (t) => {
    const test = await startSender(t);
    await test.mailbox.down();
    const id = await test.add();
    await test.seen(id, wasTried(1));
    test.pass(5 * DAY_MS - 1);
    await test.seen(id, (view) => view.attempts === 2 && view.dueAt === NOW + 5 * DAY_MS - 1 + 20_000);
    test.pass(20_000);
    const view = await test.seen(id, hasEnded);
    assert.equal(view.state, 'failed');
    assert.match(view.lastDiagnostic ?? '', /^given up: .*ECONNREFUSED/);
    assert.equal(test.log.at(-1)?.event, 'notification_failed');
    const failed = test.meter
      .samples('mailgw_notifications_total')
      .find(({ labels }) => labels.outcome === 'failed');
    assert.equal(failed?.value, 1);
  });

  it('is tried with few others while nobody answers, and all are sent afterwards', async (t) => {
    const test = await startSender(t);
    await test.mailbox.down();
    const added = await Promise.all(Array.from({ length: 60 }, () => test.add()));
    for (const id of added) await test.seen(id, wasTried(1));
    await test.mailbox.up();
    test.pass(10_000);
    for (const id of added) assert.equal((await test.seen(id, hasEnded)).state, 'sent');
    assert.equal(test.mailbox.mails.length, 60);
  });

  it("does not wait for one that the server hangs on, and the daemon's end cuts that off without settling it", async (t) => {
    const test = await startSender(t);
    test.mailbox.dataReply = undefined;
    const hanging = await test.add();
    await test.mailbox.nthMail(1);
    test.mailbox.dataReply = '250 2.0.0 taken';
    assert.equal((await test.seen(await test.add(), hasEnded)).state, 'sent');
    await test.stop();
    const view = await test.store.notification(hanging);
    assert.deepEqual([view?.state, view?.attempts, view?.lastDiagnostic], ['waiting', 1, undefined]);
  });

  for (const [why, change] of [
    ['the user was disabled', (store: Store) => store.setUser('alice', { enabled: false })],
    ['the user was removed', (store: Store) => store.removeUser('alice', NOW)],
    [
      'the address is no longer theirs',
      (store: Store) => store.setUser('alice', { addresses: ['a@example.org'] }),
    ],
  ] as const) {
    it(`is withdrawn where ${why} meanwhile`, async (t) => {
      const test = await startSender(t);
      await change(test.store);
      const view = await test.seen(await test.add(), hasEnded);
      assert.equal(view.state, 'failed');
      assert.match(view.lastDiagnostic ?? '', /^withdrawn: the (user|address) is /);
      assert.equal(test.mailbox.commands.length, 0);
    });
  }

  it("is sent to the address as the user's has it, compared without case", async (t) => {
    const test = await startSender(t);
    const mail = outgoingMail({ envelope: { from: 'reply+x@reply.example.org', to: 'Alice@EXAMPLE.com' } });
    assert.equal((await test.seen(await test.add({ mail }), hasEnded)).state, 'sent');
  });
});
