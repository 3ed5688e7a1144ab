// What `mailgw-ctl doctor` says of a PostgreSQL, and the metrics of it: real servers that are well, and ill in one way each.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { checkDatabase } from '../../src/ctl/doctor/database.ts';
import { judgeDatabase } from '../../src/ctl/doctor/database-health.ts';
import type { Finding } from '../../src/ctl/doctor/finding.ts';
import { watchDatabase } from '../../src/daemon/database-metrics.ts';
import { Meter } from '../../src/observe/meter.ts';
import { loadConfig } from '../../src/site/config.ts';
import type { DatabaseHealth } from '../../src/store/health.ts';
import { roleSql } from '../../src/store/postgres/role.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { DaemonProcess, runOk } from '../support/process.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { initialise } from './tool.ts';

/** What the tests have in common. */
interface Ground {
  readonly server: () => Postgres;
  readonly open: () => Promise<Store>;
  readonly healthOf: (user?: string) => Promise<DatabaseHealth>;
  readonly judged: (
    check: string,
    change?: (health: DatabaseHealth) => Partial<DatabaseHealth>,
  ) => Promise<Finding>;
  readonly scratch: Scratch;
}

const find = (findings: readonly Finding[], check: string): Finding => {
  const found = findings.find((finding) => finding.check === `database.${check}`);
  assert.ok(found !== undefined, check);
  return found;
};

describe('doctor on PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;
  let standby: Postgres;
  let config: Parameters<typeof checkDatabase>[0];

  const psql = (...args: string[]): string[] => [
    ...['-h', server.directory, '-p', String(server.port), '-U', 'postgres', '-X', '-q'],
    ...args,
  ];

  before(async () => {
    server = await startPostgres(scratch, {
      syncs: true,
      settings: ['autovacuum=off', 'max_prepared_transactions=2'],
    });
    const sql = roleSql({ role: 'mailgw', database: 'mailgw', least: { from: 0 } });
    await runOk('psql', psql('-v', 'ON_ERROR_STOP=1', '-d', 'postgres', '-f', '-'), sql);
    standby = new Postgres(
      scratch,
      await freePort(),
      { settings: ['max_prepared_transactions=2'] },
      'standby',
    );
    await standby.make();
    await runOk('rm', ['-rf', standby.data]);
    await server.program(
      'pg_basebackup',
      ...['-h', server.directory, '-p', String(server.port), '-U', 'postgres', '-c', 'fast', '--no-sync'],
      ...['-D', standby.data, '-R', '-X', 'stream'],
    );
    scratch.defer(() => standby.stop('SIGQUIT'));
    await standby.start();
    const tool = await initialise(scratch);
    const loaded = loadConfig(tool.config);
    assert.ok(loaded.ok);
    config = {
      ...loaded.config,
      store: { ...loaded.config.store, url: server.url('mailgw', 'socket', 'mailgw') },
    };
  });

  after(() => scratch.close());

  const open = (user = 'mailgw', at = server): Promise<Store> =>
    openPostgresStore({ url: at.url('mailgw', 'socket', user), mode: 'tool' });

  async function healthOf(user = 'mailgw'): Promise<DatabaseHealth> {
    const store = await open(user);
    const health = await store.health?.();
    await store.close();
    assert.ok(health !== undefined);
    return health;
  }

  /** The finding of a check, from health that is another one in some way. */
  async function judged(
    check: string,
    change: (health: DatabaseHealth) => Partial<DatabaseHealth> = () => ({}),
  ) {
    const health = await healthOf();
    return find(judgeDatabase('PLACE', { ...health, ...change(health) }), check);
  }

  it('finds nothing wrong with one that is well', async () => {
    const findings = await checkDatabase(config, () => open());
    assert.deepEqual(
      findings.map(({ check, status }) => [check, status]),
      [
        ['database.reachable', 'ok'],
        ['database.durable', 'ok'],
        ['database.clock', 'ok'],
        ['database.transactions', 'ok'],
        ['database.bloat', 'ok'],
        ['database.replication', 'note'],
        ['database.connections', 'ok'],
        ['database.role', 'ok'],
      ],
      JSON.stringify(findings, null, 1),
    );
    assert.match(
      find(findings, 'reachable').what,
      /PostgreSQL 1\d.* lets this user in, and takes what is written/,
    );
  });

  it('says what is wrong with one that cannot be reached', async () => {
    const [finding, ...others] = await checkDatabase(config, () =>
      openPostgresStore({ url: `postgresql://u@/d?host=${scratch.directory}`, mode: 'tool' }),
    );
    assert.deepEqual(others, []);
    assert.deepEqual([finding?.check, finding?.status], ['database.reachable', 'problem']);
    assert.match(finding?.what ?? '', /ENOENT/);
  });

  it('tells a standby, which takes no writes', async () => {
    const findings = await checkDatabase(config, () => open('mailgw', standby));
    const finding = find(findings, 'reachable');
    assert.equal(finding.status, 'problem');
    assert.match(finding.what, /takes no writes: it is a standby/);
    assert.equal(find(findings, 'durable').status, 'problem');
    assert.match(find(findings, 'durable').what, /fsync is off/);
  });

  it('warns of what a power failure would break', async () => {
    const finding = await judged('durable', ({ durability }) => ({
      durability: { ...durability, fullPageWrites: false },
    }));
    assert.equal(finding.status, 'warning');
  });

  it('tells a clock that is set wrong', async () => {
    assert.ok(Math.abs((await healthOf()).clockAheadMs) < 1000);
    const finding = await judged('clock', () => ({ clockAheadMs: -1500 }));
    assert.equal(finding.status, 'problem');
    assert.match(finding.what, /1\.5 s behind that of the database/);
  });

  it('names the transaction that is open for long, also of one that was prepared', async () => {
    const sleeping = new DaemonProcess(
      'psql',
      psql('-d', 'mailgw', '-c', 'SELECT pg_sleep(600)'),
      scratch.path('psql'),
    );
    await server.sql('GRANT pg_read_all_stats TO mailgw');
    const longest = await eventually(
      async () => (await healthOf()).longest,
      () => sleeping.output(),
    );
    assert.deepEqual([longest.program, longest.user, longest.state], ['psql', 'postgres', 'active']);
    const finding = await judged('transactions', (health) => ({
      longest: { ...health.longest!, ageMs: 61_000 },
    }));
    assert.equal(finding.status, 'warning');
    assert.match(
      finding.what,
      /a transaction of "psql" \(process \d+\) by postgres is open for 61 s, active/,
    );
    await server.sql('REVOKE pg_read_all_stats FROM mailgw');
    assert.match(
      (await judged('transactions')).what,
      /of 1 sessions of other roles it is not seen \(GRANT pg_read_all_stats/,
    );
    await server.sql(`SELECT pg_terminate_backend(${longest.pid})`);
    await sleeping.gone('pg_terminate_backend');
    await server.sql("BEGIN; CREATE TABLE p (n int); PREPARE TRANSACTION 'left behind'", 'mailgw');
    const left = await judged('transactions', (health) => ({
      longest: { ...health.longest!, ageMs: 61_000 },
    }));
    assert.match(left.what, /"left behind", which was prepared,/);
    await server.sql("ROLLBACK PREPARED 'left behind'", 'mailgw');
  });

  it('warns of dead rows', async () => {
    await server.sql(
      "INSERT INTO dedupe SELECT sha256(n::text::bytea), 'item', 0 FROM generate_series(1, 12000) AS n; DELETE FROM dedupe",
      'mailgw',
    );
    const finding = await eventually(
      async () => {
        const found = await judged('bloat');
        return found.status === 'warning' ? found : undefined;
      },
      () => 'no dead rows',
    );
    assert.match(finding.what, /table dedupe has 12000 dead rows beside 0/);
    const old = await judged('bloat', () => ({ oldestNumberAge: 1_500_000_000 }));
    assert.equal(old.status, 'problem');
  });

  describeCluster({ server: () => server, open, healthOf, judged, scratch });
});

/** What is seen of the whole cluster: standbys, connections, rights, and all of it as metrics. */
function describeCluster({ server, open, healthOf, judged, scratch }: Ground): void {
  it('tells how far standbys are, and that commits wait for one that is away', async () => {
    await server().sql('GRANT pg_read_all_stats TO mailgw');
    await server().sql("ALTER SYSTEM SET synchronous_standby_names = 'other'; ", 'postgres');
    await server().sql('SELECT pg_reload_conf()');
    assert.match(
      (
        await judged('replication', ({ durability }) => ({
          durability: { ...durability, synchronousStandbys: '' },
        }))
      ).what,
      /walreceiver \(async, \d+ bytes behind\)/,
    );
    const finding = await eventually(
      async () => {
        const found = await judged('replication');
        return found.status === 'problem' ? found : undefined;
      },
      () => 'the setting is not read',
    );
    assert.match(finding.what, /a commit waits for one of the standbys "other", and none of them follows/);
    await server().sql('ALTER SYSTEM RESET synchronous_standby_names');
    await server().sql('SELECT pg_reload_conf()');
    const late = await judged('replication', ({ standbys, durability }) => ({
      durability: { ...durability, synchronousStandbys: '' },
      standbys: standbys.map((each) => ({ ...each, lagBytes: 2 ** 30 })),
    }));
    assert.match(late.what, /walreceiver has still 1024 MiB to apply/);
  });

  it('warns when connections run out', async () => {
    assert.ok((await healthOf()).connections.most > 80);
    await server().sql('ALTER ROLE mailgw CONNECTION LIMIT 3');
    const store = await open();
    await store.ping({ mustWrite: true });
    const health = await store.health?.();
    await store.close();
    await server().sql('ALTER ROLE mailgw CONNECTION LIMIT -1');
    assert.deepEqual([health?.connections.used, health?.connections.most], [3, 3]);
    const finding = find(judgeDatabase('PLACE', health!), 'connections');
    assert.deepEqual([finding.status, finding.what], ['warning', '3 of 3 connections are in use']);
  });

  it('tells what the role lacks, and that it has too much', async () => {
    await server().sql(
      'REVOKE DELETE ON item FROM mailgw; REVOKE EXECUTE ON FUNCTION mailgw_elect FROM mailgw',
      'mailgw',
    );
    const finding = await judged('role');
    await server().sql(
      'GRANT DELETE ON item TO mailgw; GRANT EXECUTE ON FUNCTION mailgw_elect TO mailgw',
      'mailgw',
    );
    assert.equal(finding.status, 'problem');
    assert.match(finding.what, /the role mailgw has no DELETE on item, no EXECUTE on mailgw_elect/);
    const [superuser] = judgeDatabase('PLACE', await healthOf('postgres')).filter(
      ({ check }) => check === 'database.role',
    );
    assert.match(superuser?.what ?? '', /the role postgres is a superuser/);
  });

  it('is measured', async () => {
    await server().sql('GRANT pg_read_all_stats TO mailgw');
    const store = await open();
    scratch.defer(() => store.close());
    const meter = new Meter();
    watchDatabase(meter, store);
    const value = (name: string, label?: string): number | undefined =>
      meter.samples(name).find(({ labels }) => label === undefined || Object.values(labels).includes(label))
        ?.value;
    await eventually(
      async () => {
        await meter.findOut();
        return value('mailgw_database_replication_lag_bytes', 'walreceiver');
      },
      () => JSON.stringify(meter.samples('mailgw_database_replication_lag_bytes')),
    );
    assert.ok((value('mailgw_database_connections', 'active') ?? 0) >= 1);
    assert.ok((value('mailgw_database_connections', 'free') ?? 0) > 50);
    assert.equal(value('mailgw_database_pool', 'waiting'), 0);
    // Six connections, and one transaction more than these.
    const held = server().sql('BEGIN; LOCK TABLE item; SELECT pg_sleep(1); COMMIT', 'mailgw');
    const locked =
      "SELECT count(*) FROM pg_locks WHERE relation = 'item'::regclass AND mode = 'AccessExclusiveLock'";
    await eventually(
      async () => ((await server().sql(locked, 'mailgw')) === '1' ? true : undefined),
      () => 'the lock',
    );
    const asking = Array.from({ length: 7 }, () => store.reclaim(0, []));
    await eventually(
      () => (value('mailgw_database_pool', 'waiting') === 1 ? true : undefined),
      () => JSON.stringify(meter.samples('mailgw_database_pool')),
    );
    assert.equal(value('mailgw_database_pool', 'lent'), 6);
    await Promise.all([held, ...asking]);
    assert.equal(value('mailgw_database_dead_rows', 'item'), 0);
    assert.equal(value('mailgw_database_longest_transaction_seconds'), 0);
    assert.ok(Math.abs(value('mailgw_database_clock_difference_seconds') ?? 9) < 1);
  });
}

describe('a store in one of several servers', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let [first, second]: Postgres[] = [];

  before(async () => {
    first = await startPostgres(scratch, {}, 'first');
    second = await startPostgres(scratch, {}, 'second');
    for (const server of [first, second]) {
      await server.sql('CREATE DATABASE mailgw');
      const store = await openPostgresStore({ url: server.url('mailgw'), mode: 'tool' });
      await store.close();
    }
  });

  after(() => scratch.close());

  /** Has a server take writes or not, for new sessions and those that are. */
  async function setWrites(server: Postgres, isOn: boolean): Promise<void> {
    writeFileSync(
      join(server.data, 'postgresql.auto.conf'),
      `default_transaction_read_only = ${isOn ? 'off' : 'on'}\n`,
    );
    await server.sql('SELECT pg_reload_conf()');
    await eventually(
      async () =>
        (await server.sql('SHOW default_transaction_read_only')) === (isOn ? 'off' : 'on') ? true : undefined,
      () => 'the setting is not read',
    );
  }

  it('goes to the one that takes writes, and follows when that is another one', async () => {
    await setWrites(first!, false);
    const url = `postgresql://postgres@/mailgw?host=${first!.directory},${second!.directory}&port=${first!.port},${second!.port}`;
    const store = await openPostgresStore({ url, mode: 'tool' });
    scratch.defer(() => store.close());
    await store.addUser({ name: 'ann', addresses: [], salt: Buffer.alloc(32), now: 1 });
    const names = (server: Postgres) => server.sql('SELECT name FROM users', 'mailgw');
    assert.deepEqual([await names(first!), await names(second!)], ['', 'ann']);
    await setWrites(second!, false);
    await setWrites(first!, true);
    await eventually(
      () =>
        store.addUser({ name: 'bob', addresses: [], salt: Buffer.alloc(32, 1), now: 2 }).then(
          () => true as const,
          () => undefined,
        ),
      () => 'no server takes the write',
    );
    assert.deepEqual([await names(first!), await names(second!)], ['bob', 'ann']);
    assert.deepEqual(
      (await store.listUsers()).map(({ name }) => name),
      ['bob'],
    );
  });

  it('says of each what is wrong', async () => {
    await setWrites(first!, false);
    await setWrites(second!, false);
    const url = `postgresql://postgres@/mailgw?host=${first!.directory},${second!.directory},${scratch.directory}&port=${first!.port},${second!.port},1`;
    await assert.rejects(
      openPostgresStore({ url, mode: 'tool' }),
      /takes no writes: default_transaction_read_only is on; .*takes no writes.*; .*ENOENT.*; name all servers in store\.url/s,
    );
  });
});
