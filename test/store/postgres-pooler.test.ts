// The store in PostgreSQL through PgBouncer, which gives each transaction another connection: what a pooler changes.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { readAddress } from '../../src/store/postgres/address.ts';
import { type Database, openDatabase } from '../../src/store/postgres/database.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import { StoreError } from '../../src/store/store-error.ts';
import { POOL_SIZE, type Pooled, pgBouncerUnavailable, startPooled } from '../support/pgbouncer.ts';
import { suiteScratch } from '../support/scratch.ts';

describe('a pooler', { skip: pgBouncerUnavailable() }, () => {
  const scratch = suiteScratch();
  let pooled: Pooled;

  before(async () => {
    pooled = await startPooled(scratch);
  });

  after(() => scratch.close());

  async function open(database: string, most: number): Promise<Database> {
    const read = readAddress(pooled.pooler.url(database));
    assert.ok(read.ok);
    const opened = await openDatabase({
      address: read.address,
      password: undefined,
      name: 'mailgw test',
      most,
    });
    scratch.defer(() => opened.close());
    return opened;
  }

  it('has its few connections shared by stores that want more', async () => {
    const name = await pooled.server.database();
    const databases = await Promise.all([open(name, 6), open(name, 6)]);
    const [first] = databases;
    await first.transact({ lock: 'none', isDurable: false }, (s) =>
      s.run("INSERT INTO flag (name, value) VALUES ('n', 0)"),
    );
    const count = (database: Database): Promise<void> =>
      database.transact({ lock: 'shared', isDurable: true }, async (s) => {
        const [row, mine] = await Promise.all([
          s.first<{ at: number }>("SELECT value AS at FROM flag WHERE name = 'n' FOR UPDATE"),
          s.first<{ pid: number }>('SELECT pg_backend_pid() AS pid'),
        ]);
        const still = await s.first<{ pid: number }>('SELECT pg_backend_pid() AS pid');
        assert.equal(still?.pid, mine?.pid);
        await s.run("UPDATE flag SET value = $1 WHERE name = 'n'", [(row?.at ?? 0) + 1]);
      });
    const rounds = Array.from({ length: 100 }, (_, at) => databases[at % 2] ?? first);
    const answers = await Promise.all([
      ...rounds.map(async (database) => {
        await count(database);
      }),
      ...rounds.map(async (database, at) => {
        const row = await database.reads.first<{ at: number }>('SELECT $1::bigint AS at', [at]);
        return row?.at;
      }),
    ]);
    assert.deepEqual(
      answers.slice(100),
      rounds.map((_, at) => at),
    );
    assert.equal(await pooled.server.sql("SELECT value FROM flag WHERE name = 'n'", name), '100');
    const used = `SELECT count(*) FROM pg_stat_activity WHERE datname = '${name}' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;
    assert.ok(Number(await pooled.server.sql(used)) <= POOL_SIZE);
  });

  it('gives what was asked for in one turn each its own answer', async () => {
    const name = await pooled.server.database();
    const databases = await Promise.all([open(name, 6), open(name, 6)]);
    const ask = async (database: Database, at: number): Promise<string | undefined> => {
      const row = await database.reads.first<{ text: string }>(
        'SELECT $1::text AS text FROM generate_series(1, $2::int)',
        [`${at}`, 1 + (at % 7) * 50],
      );
      return row?.text;
    };
    const all = Array.from({ length: 600 }, (_, at) => at);
    const answers = await Promise.all(all.map((at) => ask(databases[at % 2]!, at)));
    assert.deepEqual(answers, all.map(String));
  });

  it('keeps nothing of a transaction for the next one', async () => {
    const name = await pooled.server.database();
    const database = await open(name, 6);
    await Promise.all(
      Array.from({ length: 20 }, () =>
        database.transact({ lock: 'alone', isDurable: false }, (s) => s.run('SELECT 1')),
      ),
    );
    const rows = await Promise.all(
      Array.from({ length: 20 }, () =>
        database.transact({ lock: 'none', isDurable: true }, (s) =>
          s.first<{ commit: string; asleep: string }>(
            "SELECT current_setting('synchronous_commit') AS commit, current_setting('idle_in_transaction_session_timeout') AS asleep",
          ),
        ),
      ),
    );
    for (const row of rows) assert.deepEqual(row, { commit: 'on', asleep: '5s' });
    const left = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = '${name}')`;
    assert.equal(await pooled.server.sql(left), '0');
    assert.equal(await pooled.server.sql('SELECT count(*) FROM pg_prepared_statements', name), '0');
  });

  it('says what it does not know', async () => {
    await assert.rejects(
      openPostgresStore({ url: pooled.pooler.url('nowhere'), mode: 'tool' }),
      (error) =>
        error instanceof StoreError &&
        error.kind === 'refused' &&
        /database "nowhere" does not exist/.test(error.message),
    );
  });
});
