// A rolling upgrade of a store in PostgreSQL: daemons of two versions on one schema, and steps that some cannot go along with.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { MIGRATIONS, type Migration } from '../../src/store/postgres/migrations.ts';
import { openPostgresStore, type PostgresOptions } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { StoreError, type StoreErrorKind } from '../../src/store/store-error.ts';
import { eventually } from '../support/eventually.ts';
import { accept, lease, NOW, newItem, POSTED, settle } from '../support/item.ts';
import { addUser } from '../support/mint.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { type Scratch, suiteScratch, testScratch } from '../support/scratch.ts';

const SCHEMA = MIGRATIONS.length;

/** A step that adds something which older daemons need not know. */
const ADDED: Migration = { sql: 'ALTER TABLE item ADD COLUMN later bigint', compatibleFrom: SCHEMA };

/** A step that takes away something which older daemons use. */
const BROKEN: Migration = {
  sql: 'ALTER TABLE item RENAME COLUMN matched TO found_by',
  compatibleFrom: SCHEMA + 1,
};

const withStep = (step: Migration): readonly Migration[] => [...MIGRATIONS, step];

/** Asserts that a store is not opened, with an error of this kind and these words. */
async function refused(opening: Promise<Store>, kind: StoreErrorKind, words: RegExp): Promise<void> {
  await assert.rejects(opening, (error) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.equal(error.kind, kind);
    assert.match(error.message, words);
    return true;
  });
}

/** Takes a reply, and posts it. */
async function works(store: Store, user: string): Promise<void> {
  const item = newItem({ user, thread: `of/${user}/${Math.random()}` });
  await accept(store, [item]);
  const [leased] = await lease(store, NOW + 3_600_000);
  assert.equal(leased?.id, item.id);
  await settle(store, leased, POSTED);
  assert.equal((await store.get(item.id))?.state, 'posted');
}

describe('a schema that is brought up to date', { skip: postgresUnavailable() }, () => {
  const suite = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(suite);
  });
  after(() => suite.close());

  const open = async (
    scratch: Scratch,
    url: string,
    host: string,
    options: Partial<PostgresOptions> = {},
  ): Promise<Store> => {
    const store = await openPostgresStore({ url, mode: 'daemon', host, ...options });
    scratch.defer(() => store.close());
    return store;
  };

  const version = async (name: string): Promise<string> =>
    await server.sql('SELECT version, compatible_from FROM mailgw_schema', name);

  it('goes on under the daemons of before, which may also be started again', async (t) => {
    const scratch = testScratch(t);
    const name = await server.database();
    const url = server.url(name);
    const old = await open(scratch, url, 'old');
    await addUser(old, 'alice');
    await works(old, 'alice');
    const fresh = await open(scratch, url, 'new', { migrations: withStep(ADDED) });
    assert.equal(await version(name), `${SCHEMA + 1}|${SCHEMA}`);
    for (const store of [old, fresh, old, fresh]) await works(store, 'alice');
    await old.close();
    await works(await open(scratch, url, 'old'), 'alice');
    assert.deepEqual(
      (await fresh.listHosts()).map((host) => [host.name, host.schemaVersion, host.state]),
      [
        ['new', SCHEMA + 1, 'live'],
        ['old', SCHEMA, 'live'],
      ],
    );
    assert.equal(await version(name), `${SCHEMA + 1}|${SCHEMA}`);
  });

  it('is not changed while a daemon is at work that could not go on', async (t) => {
    const scratch = testScratch(t);
    const name = await server.database();
    const url = server.url(name);
    const old = await open(scratch, url, 'old');
    await addUser(old, 'alice');
    const migrations = withStep(BROKEN);
    const words =
      /host old \(mailgw .*\) cannot go on with it; upgrade that host to a version that can, or stop mailgwd there/;
    await refused(open(scratch, url, 'new', { migrations }), 'locked', words);
    await refused(open(scratch, url, 'tool', { migrations, mode: 'tool' }), 'locked', words);
    assert.equal(
      await version(name),
      `${SCHEMA}|${SCHEMA}`.replace(/\d+$/, String(MIGRATIONS.at(-1)?.compatibleFrom)),
    );
    await works(old, 'alice');

    await old.close();
    await (await open(scratch, url, 'new', { migrations })).close();
    assert.equal(await version(name), `${SCHEMA + 1}|${SCHEMA + 1}`);
    await refused(
      open(scratch, url, 'old'),
      'newer-schema',
      new RegExp(`has schema ${SCHEMA + 1}, which works with mailgw of schema ${SCHEMA + 1} and later`),
    );
  });

  it('is changed once where two daemons start at the same moment', async (t) => {
    const scratch = testScratch(t);
    const name = await server.database();
    const url = server.url(name);
    const migrations = withStep(ADDED);
    const stores = await Promise.all(
      ['one', 'two', 'three'].map((host) => open(scratch, url, host, { migrations })),
    );
    assert.equal(await version(name), `${SCHEMA + 1}|${SCHEMA}`);
    await addUser(stores[0]!, 'alice');
    for (const store of stores) await works(store, 'alice');
  });

  it('is made once in a database that is empty', async (t) => {
    const scratch = testScratch(t);
    await server.sql('CREATE DATABASE empty');
    const stores = await Promise.all(
      ['one', 'two', 'three'].map((host) => open(scratch, server.url('empty'), host)),
    );
    await addUser(stores[2]!, 'alice');
    for (const store of stores) await works(store, 'alice');
  });

  it('is whole when a change is cut off in the midst', async (t) => {
    const scratch = testScratch(t);
    const name = await server.database();
    const url = server.url(name);
    const old = await open(scratch, url, 'old');
    await addUser(old, 'alice');
    const slow: Migration = { ...ADDED, sql: `CREATE TABLE first (number bigint); SELECT pg_sleep(600)` };
    const opening = open(scratch, url, 'new', { migrations: withStep(slow) });
    opening.catch(() => undefined);
    const sleeping =
      "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    const backend = await eventually(
      async () => (await server.sql(sleeping, name)) || undefined,
      () => 'no migration is under way',
    );
    await works(old, 'alice');
    await server.sql(`SELECT pg_terminate_backend(${backend})`, name);
    await refused(opening, 'unreachable', /terminating connection|closed|terminated/);
    assert.equal(await server.sql("SELECT to_regclass('first') IS NULL", name), 't');
    assert.match(await version(name), new RegExp(`^${SCHEMA}\\|`));
    await works(old, 'alice');
    await works(await open(scratch, url, 'new', { migrations: withStep(ADDED) }), 'alice');
  });
});
