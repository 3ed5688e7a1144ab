// Leases on PostgreSQL where several hosts work on one store: nothing twice, nothing out of order, nothing stuck.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { LeasedItem } from '../../src/store/item.ts';
import type { Settle, Settlement } from '../../src/store/leases.ts';
import type { NewNotice } from '../../src/store/notices.ts';
import { QUEUE_LOCK } from '../../src/store/postgres/database.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { openBehindProxy } from '../support/cutting-proxy.ts';
import { eventually } from '../support/eventually.ts';
import {
  accept,
  deferredUntil,
  FAILED,
  ids,
  lease,
  NOW,
  newItem,
  POSTED,
  queued,
  settle,
} from '../support/item.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { roundsOf } from '../support/rounds.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';

const OPEN = "state IN ('ready','waiting','leased')";

/** Several hosts on one store, and its SQL. */
interface Site {
  readonly hosts: readonly [Store, Store, Store];
  readonly sql: (text: string) => Promise<string>;
}

/** Threads that have no head, or several, and heads that have nothing to do; empty as long as all is well. */
const BROKEN = `SELECT thread FROM item WHERE ${OPEN} GROUP BY thread HAVING count(*) FILTER (WHERE head) <> 1
  UNION SELECT thread FROM item WHERE head AND NOT ${OPEN}
  UNION SELECT thread FROM item WHERE state = 'leased' AND NOT head`;

describe('leases on PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });

  after(() => scratch.close());

  async function openSite(t: TestContext): Promise<Site> {
    const name = await server.database();
    const closing = testScratch(t);
    const open = async (host: string): Promise<Store> => {
      const store = await openPostgresStore({ url: server.url(name), mode: 'daemon', host });
      closing.defer(() => store.close());
      return store;
    };
    const hosts = [await open('one'), await open('two'), await open('three')] as const;
    return { hosts, sql: (text) => server.sql(text, name) };
  }

  it('a lease whose answer never comes is asked for again, and gives the same items', async (t) => {
    const name = await server.database();
    const { proxy, store } = await openBehindProxy(testScratch(t), server, name);
    const id = await queued(store);
    const until = (sql: string, expected: string): Promise<true> =>
      eventually(
        async () => ((await server.sql(sql, name)) === expected ? true : undefined),
        () => `${sql} is not ${expected}`,
      );
    const locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND";
    // The lease waits for the queue until nothing of its answer comes through any more.
    const held = server.sql(
      `BEGIN; SELECT pg_advisory_xact_lock(${QUEUE_LOCK}); SELECT pg_sleep(2); COMMIT`,
      name,
    );
    await until(`${locks} granted AND mode = 'ExclusiveLock'`, '1');
    const asking = lease(store);
    await until(`${locks} NOT granted`, '1');
    proxy.mute();
    await held;
    await until('SELECT state FROM item', 'leased');
    assert.deepEqual(ids(await asking), [id]);
  });

  testTogether(openSite);
  testProofs(openSite);
  testCalls(openSite);
});

/** Grants of leases, as all hosts of a test have them. */
class Grants {
  readonly #underWay = new Set<string>();
  readonly #mayBeLost: boolean;
  /** Items in the order in which they ended, by thread. */
  readonly ended = new Map<string, string[]>();
  leases = 0;

  constructor(mayBeLost: boolean) {
    this.#mayBeLost = mayBeLost;
  }

  begin({ id }: LeasedItem): void {
    assert.ok(this.#mayBeLost || !this.#underWay.has(id), `${id} is leased twice`);
    this.#underWay.add(id);
    this.leases += 1;
  }

  /** To be told before the settlement goes out: with its commit another host may have the item. */
  end({ id, thread }: LeasedItem, { kind }: Settlement): void {
    this.#underWay.delete(id);
    if (kind === 'posted' || kind === 'failed')
      this.ended.set(thread, [...(this.ended.get(thread) ?? []), id]);
  }
}

/** What becomes of an attempt, by chance. */
function outcome(): Settlement {
  const chance = randomInt(10);
  if (chance < 6) return POSTED;
  if (chance < 7) return FAILED;
  return chance < 9 ? deferredUntil(NOW) : { kind: 'returned' };
}

/** Leases and settles until nothing is open any more. */
async function work(store: Store, grants: Grants, isOver: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const items = await store.lease({ now: NOW, leaseMs: 0, limit: 1 + randomInt(6) });
    for (const item of items) grants.begin(item);
    if (items.length === 0 && (await isOver())) return;
    const settles = items.map((item): Settle => {
      const settlement = outcome();
      grants.end(item, settlement);
      return { id: item.id, attempts: item.attempts, settlement };
    });
    // Some one by one, and at the same time.
    if (randomInt(2) === 0) await store.settle(settles);
    else await Promise.all(settles.map((each) => store.settle([each])));
  }
}

type OpenSite = (t: TestContext) => Promise<Site>;

/** Registers the tests of hosts that work at the same time. */
function testTogether(openSite: OpenSite): void {
  const messages = roundsOf(3000, 300);
  const threads = 8;

  /** Brings the messages over all hosts while all of them work; `meanwhile` goes on until all is done. */
  async function run(
    { hosts, sql }: Site,
    grants: Grants,
    meanwhile = (): Promise<void> => Promise.resolve(),
  ): Promise<void> {
    let isBrought = false;
    let isDone = false;
    const bring = async (store: Store): Promise<void> => {
      for (let n = 0; n < messages / hosts.length; n++)
        await queued(store, { thread: `t/${randomInt(threads)}`, user: `u${randomInt(5)}` });
    };
    const isOver = async (): Promise<boolean> =>
      isBrought && (await sql(`SELECT count(*) FROM item WHERE ${OPEN} OR hold_reason = 'test'`)) === '0';
    const look = async (): Promise<void> => {
      while (!isDone) {
        assert.equal(await sql(BROKEN), '');
        await meanwhile();
      }
    };
    const looking = look();
    const bringing = Promise.all(hosts.map(bring)).then(() => {
      isBrought = true;
    });
    try {
      await Promise.all([bringing, ...hosts.map((store) => work(store, grants, isOver))]);
    } finally {
      isDone = true;
    }
    await looking;
  }

  it('no item is leased twice at a time, and each thread goes in the order of arrival', async (t) => {
    const site = await openSite(t);
    const grants = new Grants(false);
    await run(site, grants);
    const arrived = await site.sql(
      "SELECT string_agg(id, ',' ORDER BY item_number) FROM item GROUP BY thread ORDER BY thread",
    );
    const ended = [...grants.ended].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, items]) => items.join(','));
    assert.deepEqual(ended, arrived.split('\n'));
    t.diagnostic(`${grants.leases} leases of ${messages} items`);
  });

  it('nothing is stuck where items are held and released, and leases lost, at the same time', async (t) => {
    const site = await openSite(t);
    const leased = "SELECT id FROM item WHERE state = 'leased' ORDER BY random() OFFSET 1";
    const alone = (change: string): Promise<string> =>
      site.sql(`DO $$ DECLARE threads text[]; BEGIN
        PERFORM pg_advisory_xact_lock(${QUEUE_LOCK});
        WITH changed AS (UPDATE item SET ${change} RETURNING thread) SELECT array_agg(DISTINCT thread) INTO threads FROM changed;
        PERFORM mailgw_elect(each) FROM unnest(threads) AS each;
      END $$`);
    await run(site, new Grants(true), async () => {
      await alone(`state = 'held', head = false, hold_reason = 'test' WHERE item_number IN (
        SELECT item_number FROM item WHERE state IN ('ready','waiting') ORDER BY random() LIMIT 3)`);
      assert.equal(await site.sql(BROKEN), '');
      await alone(`state = 'ready', hold_reason = NULL WHERE hold_reason = 'test'`);
      await site.hosts[0].reclaim(NOW, (await site.sql(leased)).split('\n'));
    });
    assert.equal(await site.sql("SELECT count(*) FROM item WHERE state NOT IN ('posted','failed')"), '0');
  });

  it('of a lease that ended the item goes to another host, and the first one is not heard', async (t) => {
    const { hosts } = await openSite(t);
    const [one, two] = hosts;
    const id = await queued(one);
    const [lost] = await lease(one);
    assert.deepEqual(await lease(two), []);
    assert.equal(await two.reclaim(NOW + 59_999, []), 0);
    assert.equal(await two.reclaim(NOW + 60_000, []), 1);
    const [taken] = await lease(two, NOW + 60_000);
    assert.deepEqual([taken?.id, taken?.attempts], [id, 2]);
    await settle(one, lost!, FAILED);
    await settle(one, taken!, FAILED);
    assert.equal((await one.get(id))?.state, 'leased');
    await settle(two, taken!, POSTED);
    assert.equal((await one.get(id))?.state, 'posted');
  });

  it('a clock that is set moves nothing for other hosts', async (t) => {
    const { hosts } = await openSite(t);
    const [one, two] = hosts;
    const [waiting, leased] = [await queued(one, { thread: 'a' }), await queued(one, { thread: 'b' })];
    await settle(one, (await lease(one, NOW, 1))[0]!, deferredUntil(NOW + 5000));
    await lease(two, NOW, 1);
    const times = async (store: Store): Promise<unknown[]> => [
      (await store.get(waiting))?.dueAt,
      (await store.get(leased))?.leaseUntil,
      await store.nextDueAt(),
    ];
    const before = [NOW + 5000, NOW + 60_000, NOW + 5000];
    assert.deepEqual([await times(one), await times(two)], [before, before]);
    const byMs = 3_600_000;
    await two.retime({ now: NOW + byMs, byMs, longestMs: 60_000 });
    assert.deepEqual(await times(one), before);
    assert.deepEqual(
      await times(two),
      before.map((at) => at + byMs),
    );
    assert.equal(await two.reclaim(NOW + byMs + 59_999, []), 0);
    assert.deepEqual(ids(await lease(two, NOW + byMs + 4999)), []);
    assert.deepEqual(ids(await lease(one, NOW + 5000)), [waiting]);
  });
}

const REFUSED = { kind: 'failed', at: NOW, diagnostic: 'sink: 422' } as const;

/** A notice about an item, of a user of its own. */
function noticeOf(itemId: string): NewNotice {
  const draft = {
    from: 'alice@example.com',
    subject: 'Re: x',
    messageId: undefined,
    references: [],
    language: undefined,
    thread: 'test/thread/1',
    receivedAt: NOW,
    reason: '',
    files: [],
    text: undefined,
  };
  return { id: `about-${itemId}`, user: itemId, kind: 'refused', itemId, createdAt: NOW, draft };
}

/** Registers the tests of what proves a lease. */
function testProofs(openSite: OpenSite): void {
  it('a settlement that comes again is of the lease that it was asked for', async (t) => {
    const { hosts } = await openSite(t);
    const [store] = hosts;
    const id = await queued(store);
    await lease(store);
    const givenBack: Settle = { id, attempts: 1, settlement: { kind: 'returned' } };
    await store.settle([givenBack]);
    const [again] = await lease(store);
    assert.equal(again?.attempts, 1);
    await store.settle([givenBack]);
    assert.equal((await store.get(id))?.state, 'leased');
    await settle(store, again, POSTED);
    assert.equal((await store.get(id))?.state, 'posted');
  });

  it('a notice enters with the outcome that counts, and with no other', async (t) => {
    const { hosts, sql } = await openSite(t);
    const [one, two] = hosts;
    const [first, second] = [await queued(one, { thread: 'a' }), await queued(one, { thread: 'b' })];
    await lease(one);
    const failed = (id: string): Settle => ({
      id,
      attempts: 1,
      settlement: { ...REFUSED, notice: noticeOf(id) },
    });
    await two.settle([failed(second)]);
    assert.equal(await sql('SELECT count(*) FROM notice'), '0');
    await one.settle([failed(first), { id: second, attempts: 1, settlement: POSTED }]);
    await one.settle([failed(first)]);
    assert.equal(await sql('SELECT item_id, state, due_at FROM notice'), `${first}|waiting|${NOW}`);
    assert.equal(
      await sql('SELECT state, settled_by FROM item ORDER BY item_number'),
      'failed|one\nposted|one',
    );
  });

  it('an attempt that did not end in a post is kept with its diagnostic', async (t) => {
    const { hosts, sql } = await openSite(t);
    const [store] = hosts;
    await queued(store);
    await settle(store, (await lease(store))[0]!, {
      ...deferredUntil(NOW),
      diagnostic: 'a\0b',
    } as Settlement);
    await settle(store, (await lease(store))[0]!, FAILED);
    assert.equal(
      await sql('SELECT attempt, at, outcome, diagnostic FROM attempt ORDER BY attempt'),
      `1|${NOW}|deferred|a\uFFFDb\n2|${NOW}|failed|sink: 422`,
    );
  });
}

/** Registers the tests of calls as the database has them. */
function testCalls(openSite: OpenSite): void {
  it('a small message comes along, so that nobody asks for it; one that is not whole does not', async (t) => {
    const { hosts, sql } = await openSite(t);
    const raw = Buffer.from('\0\xff\r\n', 'latin1');
    const along = async (): Promise<Uint8Array | undefined> => {
      await accept(hosts[0], [newItem({ thread: `t/${randomInt(1e9)}` })], raw);
      await sql(`UPDATE item SET bytes = bytes + ${missing} WHERE state = 'ready'`);
      const [leased] = await hosts[1].lease({ now: NOW, leaseMs: 60_000, limit: 1, alongBytes: 1000 });
      return leased?.raw;
    };
    let missing = 0;
    assert.deepEqual(await along(), raw);
    missing = 1;
    assert.equal(await along(), undefined);
  });

  it('a lease whose answer was lost gives the same items when it is asked for again', async (t) => {
    const { hosts, sql } = await openSite(t);
    const [store] = hosts;
    const first = await queued(store, { thread: 'a' });
    const call = (isAgain: boolean): Promise<string> =>
      sql(
        `SELECT id, attempts FROM mailgw_lease_1('one', 7, ${isAgain}, ${NOW}, ${NOW + 60_000}, 9, 99999, '{}', NULL, NULL, false)`,
      );
    assert.equal(await call(false), `${first}|1`);
    const second = await queued(store, { thread: 'b' });
    assert.equal(await call(true), `${first}|1`);
    assert.deepEqual(ids(await lease(hosts[1])), [second]);
  });

  it('what a digest names may be any text', async (t) => {
    const { hosts } = await openSite(t);
    const [store] = hosts;
    const posts = [{ thread: 't/"\\\0\u{1F600}', repliedToAt: NOW, label: '\0\uD800 "x" \\u0000' }];
    const expected = [
      { thread: 't/"\\\uFFFD\u{1F600}', repliedToAt: NOW, label: '\uFFFD\uFFFD "x" \\u0000' },
    ];
    const digest = { locator: 'mailgw:digest/1', userNumber: 1, posts, expiresAt: NOW };
    const numbers = await store.addDigests([
      digest,
      { ...digest, locator: 'mailgw:digest/2', posts: [] },
      digest,
    ]);
    assert.equal(numbers[0], numbers[2]);
    assert.deepEqual(await store.digestPosts('mailgw:digest/1'), expected);
    assert.deepEqual(await store.digestPosts('mailgw:digest/2'), []);
    assert.equal(await store.digestPosts('mailgw:digest/3'), undefined);
    await queued(store, { thread: 'mailgw:digest/1' });
    assert.deepEqual((await lease(store))[0]?.digest?.posts, expected);
    assert.deepEqual(await store.addDigests([]), []);
  });

  it('digests that are added at the same time give a thread one number', async (t) => {
    const { hosts } = await openSite(t);
    const posts = Array.from({ length: 20 }, (_, n) => ({ thread: `t/${n}`, repliedToAt: NOW, label: 'x' }));
    const added = Array.from({ length: 30 }, (_, n) =>
      hosts[n % 3]!.addDigests([
        {
          locator: `mailgw:digest/${n}`,
          userNumber: 1,
          posts: posts.toSorted(() => randomInt(3) - 1),
          expiresAt: NOW,
        },
      ]),
    );
    const numbers = (await Promise.all(added)).flat();
    assert.equal(new Set(numbers).size, 30);
  });

  it('other lanes move what was posted as well, however far its numbers are apart', async (t) => {
    const { hosts, sql } = await openSite(t);
    const [store] = hosts;
    await accept(store, [newItem({ thread: 'a/1' }), newItem({ thread: 'b/1' }), newItem({ thread: 'a/2' })]);
    for (const item of await lease(store)) await settle(store, item, POSTED);
    await sql('UPDATE item SET item_number = item_number * 30000');
    await store.setLanes([{ name: 'A', threads: 'a/' }], NOW);
    assert.equal(await sql('SELECT lane FROM item ORDER BY item_number'), 'A\nnone\nA');
    await Promise.all(hosts.map((each) => each.setLanes([], NOW)));
    assert.equal(await sql('SELECT count(*) FROM item WHERE lane IS NULL'), '3');
  });
}
