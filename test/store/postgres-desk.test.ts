// What operators see of a PostgreSQL that several daemons share: sinks and verdicts of all hosts, actions and pruning at once.

import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { SinkStatus } from '../../src/store/sink-status.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, NOW, newItem } from '../support/item.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { NOTHING } from './contract-retention.ts';

const STEP = 100;

describe('PostgreSQL of several daemons', { skip: postgresUnavailable() }, () => {
  const suite = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(suite);
  });

  after(() => suite.close());

  /** Opens the stores of these hosts on one new database. */
  async function openHosts(
    t: TestContext,
    ...hosts: readonly string[]
  ): Promise<{ db: string; stores: Store[] }> {
    const scratch = testScratch(t);
    const db = await server.database();
    const stores: Store[] = [];
    for (const host of hosts) {
      const store = await openPostgresStore({ url: server.url(db), mode: 'tool', host });
      scratch.defer(() => store.close());
      stores.push(store);
    }
    return { db, stores };
  }

  const status = (state: SinkStatus['state'], sinceAt: number, diagnostic: string = state): SinkStatus => ({
    state,
    sinceAt,
    diagnostic,
  });

  it('of a sink the worst counts that a living host knows, and of that the longest', async (t) => {
    const { db, stores } = await openHosts(t, 'one', 'two', 'three');
    const [one, two, three] = stores as [Store, Store, Store];
    const sinks = async (): Promise<unknown> => (await one.backlog()).sinks;
    await one.setSinkStatus('forum', status('up', NOW));
    await two.setSinkStatus('forum', status('down', NOW + 5, 'two'));
    await three.setSinkStatus('forum', status('down', NOW + 3, 'three'));
    await two.setSinkStatus('shop', status('paused', NOW));
    const shop = { name: 'shop', ...status('paused', NOW) };
    assert.deepEqual(await sinks(), [{ name: 'forum', ...status('down', NOW + 3, 'three') }, shop]);
    assert.deepEqual((await two.counts()).sinks, await sinks());
    await server.sql(
      `INSERT INTO host (name, run, machine, version, schema_version, started_at, seen_at, clock_ms, stopped)
       SELECT name, 'r', 'm', 'v', 1, 0, extract(epoch FROM clock_timestamp()) * 1000 - ago, 0, stopped
       FROM (VALUES ('one', 0, false), ('two', 1000, false), ('three', 61000, false)) AS hosts (name, ago, stopped)`,
      db,
    );
    assert.deepEqual(await sinks(), [{ name: 'forum', ...status('down', NOW + 5, 'two') }, shop]);
    await server.sql("UPDATE host SET stopped = true WHERE name = 'two'", db);
    assert.deepEqual(await sinks(), [{ name: 'forum', ...status('up', NOW) }]);
    await two.setSinkStatus('forum', undefined);
    await one.setSinkStatus('forum', undefined);
    assert.deepEqual(await sinks(), []);
    assert.equal(
      await server.sql('SELECT string_agg(host, name) FROM sink GROUP BY name ORDER BY name', db),
      'three\ntwo',
    );
  });

  it('verdicts are those of all hosts, however many count at once', async (t) => {
    const { stores } = await openHosts(t, 'one', 'two');
    const verdicts = ['accepted', 'held', 'rejected'].map((verdict) => ({
      verdict,
      reason: 'x',
      count: 1,
      lastAt: NOW,
    }));
    const rounds = 20;
    await Promise.all(
      Array.from({ length: rounds }, (_, n) =>
        stores.map((store) => store.addVerdicts(n % 2 === 0 ? verdicts : verdicts.toReversed())),
      ).flat(),
    );
    const counts = (await stores[0]!.verdicts()).map(({ count }) => count);
    assert.deepEqual(counts, [2 * rounds, 2 * rounds, 2 * rounds]);
  });

  it('pruning at the same time removes each row once, and keeps to the bounds', async (t) => {
    const { db, stores } = await openHosts(t, 'one', 'two', 'three');
    await server.sql(
      `INSERT INTO item (id, state, head, user_name, thread, replied_to_at, reverse_path, received_at, settled_at, attempts,
         worker_deaths, bytes, sender_policy, sender_result)
       SELECT 'i' || n, 'posted', false, 'alice', 't', 0, '', ${NOW}, ${NOW} + n, 1, 0, 1, 'strict', 'pass' FROM generate_series(1, 1000) n;
       INSERT INTO known_original (thread, replied_to_at, digest, subject, author_name, author_address, sketch, bytes, expires_at)
       SELECT 't', n, '', '', '', '', '', 10, ${NOW * 2} FROM generate_series(1, 250) n`,
      db,
    );
    const request = { ...NOTHING, rowsBefore: NOW + 901, originalsBytes: 1000 };
    const sum = { rows: 0, remembered: 0 };
    await Promise.all(
      stores.map(async (store) => {
        for (let isDone = false; !isDone; ) {
          const step = await store.prune(request);
          assert.ok(step.rows <= STEP && step.remembered <= STEP);
          sum.rows += step.rows;
          sum.remembered += step.remembered;
          ({ isDone } = step);
        }
      }),
    );
    assert.deepEqual(sum, { rows: 900, remembered: 150 });
    assert.equal(
      await server.sql('SELECT min(replied_to_at) || count(*)::text FROM known_original', db),
      '151100',
    );
    assert.deepEqual(await stores[0]!.ids({ limit: 1 }), ['i901']);
  });

  it('of two operators who act on one item at once one is told that it does not apply', async (t) => {
    const { stores } = await openHosts(t, 'one', 'two');
    for (let n = 0; n < 20; n++) {
      const item = newItem({ hold: 'spam', thread: `t/${n}` });
      await accept(stores[0]!, [item]);
      const results = await Promise.all(stores.map((store) => store.operate('release', item.id, NOW)));
      assert.deepEqual(results.map(({ kind }) => kind).sort(), ['done', 'not-applicable']);
    }
  });

  it('of two copies of a reply that are released at once one goes, and the other is its copy', async (t) => {
    const { stores } = await openHosts(t, 'one', 'two');
    for (let n = 0; n < 20; n++) {
      const held = newItem({ hold: 'spam', thread: `t/${n}`, written: 'w'.repeat(16) });
      const worse = {
        ...newItem(held),
        id: `${held.id}-worse`,
        authentication: { policy: 'strict', result: 'none' },
      } as const;
      // The worse one came first: it shadows nobody.
      await accept(stores[0]!, [worse]);
      await accept(stores[0]!, [held]);
      const results = await Promise.all(
        [held, worse].map(({ id }, at) => stores[at]!.operate('release', id, NOW)),
      );
      assert.deepEqual(results.map(({ kind }) => kind).sort(), ['done', 'duplicate']);
    }
  });

  it('an item that another daemon locks is not pruned, and nobody waits for it', async (t) => {
    const { db, stores } = await openHosts(t, 'one', 'two');
    await server.sql(
      `INSERT INTO item (id, state, head, user_name, thread, replied_to_at, reverse_path, received_at, settled_at, attempts,
         worker_deaths, bytes, sender_policy, sender_result)
       SELECT 'i' || n, 'posted', false, 'alice', 't' || n, 0, '', ${NOW}, ${NOW}, 1, 0, 1, 'strict', 'pass' FROM generate_series(1, 50) n`,
      db,
    );
    const ids = await stores[0]!.ids({});
    const [drops, pruned] = await Promise.all([
      Promise.all(ids.map((id) => stores[0]!.operate('drop', id, NOW))),
      stores[1]!.prune({ ...NOTHING, rowsBefore: NOW + 1 }),
    ]);
    const dropped = drops.filter(({ kind }) => kind === 'done').length;
    assert.equal(dropped + pruned.rows, 50);
    assert.deepEqual(await stores[0]!.ids({}), []);
  });
});
