// The entrance of a store in PostgreSQL: what several hosts accept at the same time, what lost connections leave behind, and
// what a commit is worth.

import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import { commitMeasures } from '../../src/observe/commit-measures.ts';
import type { AcceptResult } from '../../src/store/acceptance.ts';
import type { NewItem } from '../../src/store/item.ts';
import { QUEUE_LOCK } from '../../src/store/postgres/database.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { CallReceipt } from '../../src/store/receipts.ts';
import type { Store } from '../../src/store/store.ts';
import { openBehindProxy } from '../support/cutting-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { accept, NOW, newItem, RAW } from '../support/item.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { roundsOf } from '../support/rounds.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';

/** Bytes of one part of a message in the database. */
const PART_BYTES = 256 * 1024;

const idOf = (result: AcceptResult): string | undefined =>
  result.kind === 'committed' ? result.acceptances[0]?.id : undefined;

describe('the entrance of a store in PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });

  after(() => scratch.close());

  /** Opens one database as two hosts. */
  async function twoHosts(t: TestContext): Promise<{ hosts: [Store, Store]; database: string }> {
    const scratchOfTest = testScratch(t);
    const database = await server.database();
    const open = async (host: string): Promise<Store> => {
      const store = await openPostgresStore({ url: server.url(database), mode: 'daemon', host });
      scratchOfTest.defer(() => store.close());
      return store;
    };
    return { hosts: [await open('one'), await open('two')], database };
  }

  it('of the copies of a mail that two hosts take at the same time one is an item, and all name it', async (t) => {
    const { hosts, database } = await twoHosts(t);
    const mails = Array.from({ length: roundsOf(300) }, () => randomBytes(16).toString('latin1'));
    const copies = mails.flatMap((fingerprint) => [0, 1, 0, 1].map((host) => ({ fingerprint, host })));
    // In another order on each host, and of another thread's name each second time.
    const shuffled = copies.sort(() => randomInt(3) - 1);
    const answers = await Promise.all(
      shuffled.map(async ({ fingerprint, host }) => {
        const item = newItem({ fingerprint, thread: `mail/${randomInt(2)}` });
        return { fingerprint, id: idOf(await hosts[host]!.accept([item], RAW)) };
      }),
    );
    assert.equal(await server.sql('SELECT count(*) FROM item', database), String(mails.length));
    for (const mail of mails) {
      const named = new Set(answers.filter(({ fingerprint }) => fingerprint === mail).map(({ id }) => id));
      assert.equal(named.size, 1);
    }
  });

  it('commits what waits behind the batch under way when it is closed, and measures both', async (t) => {
    const { database } = await twoHosts(t);
    const commits = commitMeasures();
    const url = server.url(database);
    const store = await openPostgresStore({ url, mode: 'tool', measures: commits.memory });
    let isClosed = false;
    testScratch(t).defer(async () => {
      if (!isClosed) await store.close();
    });
    const held = server.sql(
      `BEGIN; SELECT pg_advisory_xact_lock(${QUEUE_LOCK}); SELECT pg_sleep(2); COMMIT`,
      database,
    );
    const waiting = (what: string): Promise<true> =>
      eventually(
        async () =>
          (await server.sql(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND ${what}`)) === '0'
            ? undefined
            : true,
        () => `no lock is ${what}`,
      );
    await waiting("granted AND mode = 'ExclusiveLock'");
    const first = store.accept([newItem()], RAW);
    await waiting('NOT granted');
    const behind = [store.accept([newItem()], RAW), store.accept([newItem()], RAW)];
    isClosed = true;
    await store.close();
    const results = await Promise.all([first, ...behind]);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ['committed', 'committed', 'committed'],
    );
    await held;
    assert.equal(await server.sql('SELECT count(*) FROM item', database), '3');
    assert.equal(commits.messages.sum, 3);
    assert.deepEqual(commits.messages.counts.slice(0, 2), [1, 1], 'one of one message, one of two');
    assert.ok(commits.seconds.sum > 0);
  });

  it('of a thread that two hosts take items of at the same time one is the head: the first', async (t) => {
    const { hosts, database } = await twoHosts(t);
    const wish = { limit: 1, leaseMs: 60_000 };
    const taken = Array.from({ length: roundsOf(1000) }, (_, at) =>
      hosts[at % 2]!.accept([newItem({ thread: `busy/${at % 3}` })], RAW, wish),
    );
    const results = await Promise.all(taken);
    const leased = results.flatMap((result) => (result.kind === 'committed' ? result.leased : []));
    assert.equal(leased.length, 3, 'nothing overtakes');
    const heads = await server.sql(
      `SELECT count(*) FROM item WHERE head AND state = 'leased' AND attempts = 1
         AND item_number = (SELECT min(item_number) FROM item AS other WHERE other.thread = item.thread)`,
      database,
    );
    assert.equal(heads, '3');
    assert.equal(await server.sql('SELECT count(*) FROM item WHERE head', database), '3');
  });

  it('a message that cannot be stored fails alone, wherever it is in a batch', async (t) => {
    const { hosts } = await twoHosts(t);
    const [store] = hosts;
    const twin = newItem();
    await accept(store, [twin]);
    const items = Array.from({ length: 20 }, (_, at) => newItem(at % 7 === 3 ? { id: twin.id } : {}));
    const results = await Promise.allSettled(items.map((item) => accept(store, [item])));
    assert.deepEqual(
      results.map(({ status }) => status),
      items.map(({ id }) => (id === twin.id ? 'rejected' : 'fulfilled')),
    );
  });

  it('text that PostgreSQL has no characters for is kept with others in their place', async (t) => {
    const { hosts, database } = await twoHosts(t);
    const item = newItem({ messageId: 'a\0b', reversePath: 'half \uD83D of one', queueId: '\\u0000' });
    await accept(hosts[0], [item]);
    assert.equal(
      await server.sql('SELECT message_id, reverse_path, queue_id FROM item', database),
      'a\uFFFDb|half \uFFFD of one|\\u0000',
    );
  });

  it('messages of all sizes come back octet for octet, out of one batch', async (t) => {
    const { hosts } = await twoHosts(t);
    const [store] = hosts;
    const sizes = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 5 * PART_BYTES, 2_000_000, 9_000_000];
    const mails = sizes.map((bytes) => ({ item: newItem(), octets: randomBytes(bytes) }));
    await Promise.all(mails.map(({ item, octets }) => accept(store, [item], Uint8Array.from(octets))));
    for (const { item, octets } of mails)
      assert.ok(Buffer.from((await store.content(item.id)) ?? 'none').equals(octets), `${octets.length}`);
    assert.equal(await store.content('none'), undefined);
  });

  it('of a call that two hosts hear at the same time the items are stored once', async (t) => {
    const { hosts, database } = await twoHosts(t);
    const receipt: CallReceipt = {
      kind: 'call',
      source: 'hook',
      call: '1',
      digest: Buffer.from('a'),
      at: NOW,
    };
    const hear = (change: Partial<CallReceipt> = {}): Promise<AcceptResult>[] =>
      hosts.map((host) => host.accept([newItem()], RAW, undefined, { ...receipt, ...change }));
    const kinds = (await Promise.all(hear())).map(({ kind }) => kind).sort();
    assert.deepEqual(kinds, ['committed', 'repeated']);
    const others = await Promise.all(hear({ digest: Buffer.from('b') }));
    assert.deepEqual(
      others.map(({ kind }) => kind),
      ['replayed', 'replayed'],
    );
    assert.equal(await server.sql('SELECT count(*) FROM item', database), '1');
    assert.equal(await hosts[0].passCall(receipt), 'repeated');
    assert.equal(await hosts[1].passCall({ ...receipt, call: '2' }), 'new');
  });

  it('the receipt of a mailbox’s message is committed with its items', async (t) => {
    const { hosts, database } = await twoHosts(t);
    await server.sql(
      `INSERT INTO mailbox VALUES ('box', 'a', 7, 10, false, 0);
       INSERT INTO mailbox_message VALUES ('box', 7, 11, 'waiting', 1, '', 0, 0), ('box', 7, 12, 'waiting', 1, '', 0, 0)`,
      database,
    );
    const place = { kind: 'mailbox', source: 'box', uidValidity: 7, at: NOW } as const;
    await Promise.all([
      hosts[0].accept([newItem()], RAW, undefined, { ...place, uid: 11, highWater: 12, owesCourtesy: false }),
      hosts[0].accept([newItem()], RAW, undefined, { ...place, uid: 12, highWater: 9, owesCourtesy: true }),
    ]);
    await hosts[1].passMessage({ ...place, uid: 13, highWater: undefined, owesCourtesy: true });
    assert.equal(await server.sql('SELECT high_water, touched_at FROM mailbox', database), `12|${NOW}`);
    assert.equal(
      await server.sql('SELECT uid, state, attempts, due_at FROM mailbox_message ORDER BY uid', database),
      `12|courtesy|0|${NOW}\n13|courtesy|0|${NOW}`,
    );
  });

  it('what was accepted is there once, wherever connections are cut', async (t) => {
    const scratchOfTest = testScratch(t);
    const database = await server.database();
    const { proxy, store } = await openBehindProxy(scratchOfTest, server, database);
    const cuts = roundsOf(500, 30);
    const told: { readonly item: NewItem; readonly result: AcceptResult }[] = [];
    const send = async (): Promise<void> => {
      const item = newItem({ thread: `t/${randomInt(2000)}` });
      const receipt: CallReceipt = { kind: 'call', source: 'hook', call: item.id, digest: RAW, at: NOW };
      const mayHaveCall = randomInt(2) === 0 ? receipt : undefined;
      const raw = randomBytes(randomInt(20_000));
      const result = await store.accept([item], raw, { limit: 1, leaseMs: 60_000 }, mayHaveCall);
      told.push({ item, result });
    };
    proxy.begin({ toServer: 200_000, toClient: 2500 });
    while (proxy.cuts < cuts) await Promise.allSettled(Array.from({ length: 5 }, send));
    proxy.reach = undefined;
    await send();
    const rows = (await server.sql('SELECT id, state FROM item', database)).split('\n');
    const states = new Map(rows.map((row) => row.split('|') as [string, string]));
    assert.equal(states.size, rows.length, 'each item once');
    assert.ok(told.length >= cuts, 'nearly all of them are accepted all the same');
    for (const { item, result } of told) {
      assert.ok(result.kind === 'committed', `${item.id}: ${result.kind}`);
      assert.deepEqual(result.acceptances, [{ kind: 'queued', id: item.id }]);
      const isLeased = result.leased.length > 0;
      assert.equal(states.get(item.id), isLeased ? 'leased' : 'ready', 'a lease that is there is told of');
    }
    const parts = await server.sql('SELECT count(*) FROM content WHERE part = 0', database);
    assert.equal(parts, String(rows.length));
  });
});

describe('a commit of a store in PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();

  after(() => scratch.close());

  it('is on disk although the server’s settings have none wait for it', async () => {
    // Nobody writes the log meanwhile but those who wait for it.
    const settings = ['synchronous_commit=off', 'wal_writer_delay=10s', 'checkpoint_timeout=1h'];
    const server = await startPostgres(scratch, { settings });
    const database = await server.database();
    const store = await openPostgresStore({ url: server.url(database), mode: 'daemon', host: 'one' });
    const item = newItem();
    await accept(store, [item]);
    await server.sql("INSERT INTO flag (name, value) VALUES ('lost', 1)", database);
    await server.stop('SIGQUIT');
    await store.close();
    await server.start();
    assert.equal(await server.sql('SELECT id FROM item', database), item.id);
    assert.equal(await server.sql("SELECT count(*) FROM flag WHERE name = 'lost'", database), '0');
  });

  it('is with the standby before a copy of what it brought is answered; signs of life go on meanwhile', async (t) => {
    const server = await startPostgres(testScratch(t));
    const database = await server.database();
    const store = await openPostgresStore({ url: server.url(database), mode: 'daemon', host: 'one' });
    const standBy = async (standby: string): Promise<void> => {
      await server.sql(`ALTER SYSTEM SET synchronous_standby_names = '${standby}'`, database);
      await server.sql('SELECT pg_reload_conf()', database);
    };
    const item = newItem();
    await accept(store, [item]);
    // As after a crash of the primary, which gave up waiting for it: the row is there, and the standby has it not.
    await standBy('away');
    await eventually(
      async () => ((await server.sql('SHOW synchronous_standby_names')) === 'away' ? true : undefined),
      () => 'the setting',
    );
    const seenAt = (): Promise<string> => server.sql('SELECT seen_at FROM host', database);
    const before = await seenAt();
    let isAnswered = false;
    const copy = store.accept([newItem({ fingerprint: item.fingerprint })], RAW).finally(() => {
      isAnswered = true;
    });
    const waiting =
      "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%mailgw_accept%'";
    await eventually(
      async () => ((await server.sql(waiting, database)) === '1' ? true : undefined),
      () => 'an accept that waits for the standby',
    );
    await eventually(
      async () => ((await seenAt()) === before ? undefined : true),
      () => 'a sign of life',
    );
    assert.equal(isAnswered, false);
    await standBy('');
    assert.equal(idOf(await copy), item.id);
    await store.close();
  });
});
