// Notices, notifications and mailboxes of two hosts on one PostgreSQL, and what is repeated where the database was lost.

import assert from 'node:assert/strict';
import { createServer, connect as dial, type Socket } from 'node:net';
import { after, before, describe, it, type TestContext } from 'node:test';
import { readAddress } from '../../src/store/postgres/address.ts';
import { DatabaseClock } from '../../src/store/postgres/clock.ts';
import { type Database, openDatabase } from '../../src/store/postgres/database.ts';
import { recallMails } from '../../src/store/postgres/sending.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { freePort } from '../support/free-port.ts';
import { ids, NOW } from '../support/item.ts';
import { newNotification } from '../support/notification.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { roundsOf } from '../support/rounds.ts';
import { type Scratch, suiteScratch, testScratch } from '../support/scratch.ts';
import { newNotice } from './contract-notices.ts';

const SEND = { now: NOW, leaseMs: 60_000, longestMs: 3_600_000 };

/** Two hosts' stores on one database. */
interface Hosts {
  readonly one: Store;
  readonly two: Store;
  readonly name: string;
  readonly scratch: Scratch;
}

async function openAt(scratch: Scratch, url: string, host: string): Promise<Store> {
  const store = await openPostgresStore({ url, mode: 'daemon', host });
  scratch.defer(() => store.close());
  return store;
}

async function openHosts(server: Postgres, t: TestContext): Promise<Hosts> {
  const scratch = testScratch(t);
  const name = await server.database();
  const [one, two] = [
    await openAt(scratch, server.url(name), 'one'),
    await openAt(scratch, server.url(name), 'two'),
  ];
  return { one, two, name, scratch };
}

describe('PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;
  before(async () => {
    server = await startPostgres(scratch);
  });
  after(() => scratch.close());

  describe('shared by two hosts', () => {
    describeSending(
      (t) => openHosts(server, t),
      () => server,
    );
    describeMailboxOwners((t) => openHosts(server, t));
  });
  describe('that is lost', () => {
    describeLosses(() => server);
  });
});

/** Gives what asks of both in turn, so many times. */
async function ofBoth<T>(
  { one, two }: Hosts,
  count: number,
  ask: (store: Store) => Promise<T>,
): Promise<T[]> {
  return await Promise.all(Array.from({ length: count }, (_, n) => ask(n % 2 === 0 ? one : two)));
}

function describeSending(open: (t: TestContext) => Promise<Hosts>, server: () => Postgres): void {
  it('sends a user one notice of a kind a day', async (t) => {
    const hosts = await open(t);
    const answers = await ofBoth(hosts, 20, (store) => store.addNotice(newNotice()));
    assert.equal(answers.filter(Boolean).length, 1);
    assert.equal((await hosts.two.listNotices(10)).length, 1);
  });

  it('sends one notice in 24 hours where somebody else may be the cause, at midnight as well', async (t) => {
    const { one, two, name } = await open(t);
    await server().sql(
      `INSERT INTO users (name, enabled, created_at) SELECT 'user ' || n, true, 0 FROM generate_series(1, 100) AS n;
       INSERT INTO sender_pass SELECT user_number, 'a@example.com', 0 FROM users`,
      name,
    );
    const midnight = Math.ceil(NOW / 86_400_000) * 86_400_000;
    for (let userNumber = 1; userNumber <= roundsOf(100, 10); userNumber++) {
      const wish = { user: `user ${userNumber}`, userNumber, ifPassed: 'a@example.com' };
      const answers = await Promise.all([
        one.addNotice(newNotice({ ...wish, createdAt: midnight - 1 })),
        two.addNotice(newNotice({ ...wish, createdAt: midnight })),
      ]);
      assert.deepEqual(answers.toSorted(), [false, true]);
    }
  });

  it('takes one notification for an Idempotency-Key', async (t) => {
    const hosts = await open(t);
    const answers = await ofBoth(hosts, 40, (store) =>
      store.addNotification(newNotification({ idempotencyKey: 'race' })),
    );
    assert.equal(answers.filter(({ kind }) => kind === 'added').length, 1);
    const [first] = await hosts.one.listNotifications({ limit: 9 });
    for (const answer of answers)
      if (answer.kind !== 'added')
        assert.deepEqual([answer.kind, answer.earlier.id], ['repeated', first?.id]);
  });

  it('has no notification and no notice claimed twice', async (t) => {
    const hosts = await open(t);
    const waiting = Array.from({ length: 200 }, (_, n) => newNotification({ createdAt: NOW - 1000 + n }));
    const notices = Array.from({ length: 40 }, (_, n) => newNotice({ user: `user ${n}` }));
    await Promise.all(waiting.map((each) => hosts.one.addNotification(each)));
    await Promise.all(notices.map((each) => hosts.two.addNotice(each)));
    const claimed: string[] = [];
    const claim = async (store: Store): Promise<void> => {
      for (;;) {
        const found = await store.leaseNotifications({ ...SEND, limit: 7 });
        const notice = await store.leaseNotice(SEND);
        assert.deepEqual(
          found.toSorted((a, b) => a.createdAt - b.createdAt),
          found,
        );
        claimed.push(...ids(found), ...(notice === undefined ? [] : [notice.id]));
        if (found.length === 0 && notice === undefined) return;
      }
    };
    await ofBoth(hosts, 6, claim);
    assert.deepEqual(claimed.toSorted(), ids([...waiting, ...notices]).toSorted());
  });

  it('has an outcome written by the claimant alone', async (t) => {
    const { one, two } = await open(t);
    const { id } = newNotification();
    const notice = newNotice();
    await one.addNotification(newNotification({ id }));
    await one.addNotice(notice);
    await one.leaseNotifications({ ...SEND, limit: 1 });
    await one.leaseNotice(SEND);
    const sent = { kind: 'sent', at: NOW, diagnostic: '250' } as const;
    const states = async (): Promise<unknown[]> => [
      (await two.notification(id))?.state,
      (await two.listNotices(1))[0]?.state,
    ];
    await Promise.all([two.settleNotification(id, 1, sent), two.settleNotice(notice.id, 1, sent)]);
    assert.deepEqual(await states(), ['waiting', 'waiting']);
    await Promise.all([one.settleNotification(id, 1, sent), one.settleNotice(notice.id, 1, sent)]);
    assert.deepEqual(await states(), ['sent', 'sent']);
  });

  it("gives a host's claims back when its daemon starts, and nobody else's", async (t) => {
    const { one, two, name, scratch } = await open(t);
    const [mine, theirs] = [newNotification({ createdAt: NOW - 1 }), newNotification()];
    const [myNotice, theirNotice] = [newNotice({ createdAt: NOW - 1 }), newNotice({ kind: 'empty' })];
    for (const each of [mine, theirs]) await one.addNotification(each);
    for (const each of [myNotice, theirNotice]) await one.addNotice(each);
    assert.deepEqual(ids(await one.leaseNotifications({ ...SEND, limit: 1 })), [mine.id]);
    assert.deepEqual(ids(await two.leaseNotifications({ ...SEND, limit: 1 })), [theirs.id]);
    assert.equal((await one.leaseNotice(SEND))?.id, myNotice.id);
    assert.equal((await two.leaseNotice(SEND))?.id, theirNotice.id);
    const database = await openOn(scratch, server().url(name));
    await database.transact({ lock: 'none', isDurable: false }, (statements) =>
      recallMails(statements, { clock: new DatabaseClock(), host: 'one' }, NOW),
    );
    assert.deepEqual(ids(await two.leaseNotifications({ ...SEND, limit: 9 })), [mine.id]);
    assert.equal((await two.leaseNotice(SEND))?.id, myNotice.id);
    assert.equal(await two.leaseNotice(SEND), undefined);
  });
}

async function openOn(scratch: Scratch, url: string): Promise<Database> {
  const read = readAddress(url);
  assert.ok(read.ok);
  const database = await openDatabase({ address: read.address, password: undefined, name: 'test', most: 1 });
  scratch.defer(() => database.close());
  return database;
}

function describeMailboxOwners(open: (t: TestContext) => Promise<Hosts>): void {
  it('has a mailbox read by one host, and by the other when that is over', async (t) => {
    const { one, two } = await open(t);
    const claim = (store: Store, owner: string, now = NOW): Promise<string> =>
      store.claimMailbox({ source: 'box', owner, now, leaseMs: 1000 });
    for (let round = 0; round < roundsOf(50, 5); round++) {
      const now = NOW + round * 2000;
      const [first, second] = await Promise.all([claim(one, 'one', now), claim(two, 'two', now)]);
      assert.equal(first, second);
    }
    const later = NOW * 2;
    assert.equal(await claim(one, 'one', later), 'one');
    await two.releaseMailbox('box', 'two');
    assert.equal(await claim(two, 'two', later + 1000), 'one');
    assert.equal(await claim(two, 'two', later + 1001), 'two');
    await two.releaseMailbox('box', 'two');
    assert.equal(await claim(one, 'one', later), 'one');
  });
}

/** A way to the server over which the answer to a COMMIT can be lost. */
class Cutter {
  #cuts = 0;
  cut = 0;

  constructor(scratch: Scratch, port: number, to: number) {
    const server = createServer((client) => {
      this.#join(client, to);
    }).listen(port, '127.0.0.1');
    scratch.defer(() => {
      server.close();
    });
  }

  /** Loses the next answer to a COMMIT. */
  loseOne(): void {
    this.#cuts += 1;
  }

  #join(client: Socket, to: number): void {
    const database = dial(to, '127.0.0.1');
    let isLost = false;
    client.on('data', (bytes) => {
      if (this.#cuts > 0 && bytes.includes('COMMIT')) {
        this.#cuts -= 1;
        isLost = true;
      }
      database.write(bytes);
    });
    database.on('data', (bytes) => {
      if (!isLost) {
        client.write(bytes);
        return;
      }
      this.cut += 1;
      client.destroy();
    });
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const)
      socket.on('error', () => undefined).on('close', () => other.destroy());
  }
}

function describeLosses(server: () => Postgres): void {
  it('finds what was committed before the answer was lost, and adds it once', async (t) => {
    const scratch = testScratch(t);
    const name = await server().database();
    const port = await freePort();
    const cutter = new Cutter(scratch, port, server().port);
    const store = await openAt(scratch, `postgresql://postgres@127.0.0.1:${port}/${name}`, 'one');
    const losing = async <T>(ask: () => Promise<T>): Promise<T> => {
      cutter.loseOne();
      return await ask();
    };
    const notification = newNotification({ idempotencyKey: 'k' });
    assert.deepEqual(await losing(() => store.addNotification(notification)), { kind: 'added' });
    assert.equal(await losing(() => store.addNotice(newNotice())), true);
    const holder = { name: 'shop', scopes: ['send'], createdAt: NOW };
    assert.equal(await losing(() => store.addToken(holder, Buffer.alloc(32))), true);
    assert.equal(await store.addToken(holder, Buffer.alloc(32)), false);
    const notice = await store.leaseNotice(SEND);
    const deferred = { kind: 'deferred', dueAt: NOW + 1, diagnostic: '451' } as const;
    await losing(() => store.settleNotice(notice?.id ?? '', 1, deferred));
    const claim = { source: 'box', owner: 'one', now: NOW, leaseMs: 1000 };
    assert.equal(await losing(() => store.claimMailbox(claim)), 'one');
    assert.equal(cutter.cut, 5);
    assert.equal((await store.listNotices(9))[0]?.dueAt, NOW + 1);
    assert.deepEqual(ids(await store.listNotifications({ limit: 9 })), [notification.id]);
  });

  it('is waited for while it starts anew', async (t) => {
    const store = await openAt(testScratch(t), server().url(await server().database()), 'one');
    await server().stop();
    const adding = store.addNotification(newNotification());
    await server().start();
    assert.deepEqual(await adding, { kind: 'added' });
  });
}
