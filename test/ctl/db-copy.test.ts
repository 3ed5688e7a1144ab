// `mailgw-ctl db copy`: a store moves from SQLite to PostgreSQL and back, whole or not at all.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { nameIn } from '../../src/store/copy/table.ts';
import { COPIED, LEFT_BEHIND } from '../../src/store/copy/tables.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { TOOL } from '../support/command.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { fillStore } from '../support/full-store.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { DaemonProcess } from '../support/process.ts';
import { type Scratch, suiteScratch, testScratch } from '../support/scratch.ts';

type Row = Readonly<Record<string, unknown>>;

/** Delivers a message on a connection of its own; the answer at its end, or to the recipient. */
async function deliver(daemon: Daemon, address: string, messageId = newMessageId()): Promise<string> {
  const wire = await LmtpWire.connect(daemon.socket);
  const replies = await wire?.begin([address]);
  if (wire === undefined || replies?.isDataWanted !== true) {
    wire?.close();
    return replies?.recipients[0] ?? 'no answer';
  }
  const [reply = 'no answer'] = await wire.finish(replyMessage({ to: address, messageId }), 1, true);
  return reply;
}

/** Every row of every table of a file. */
function tablesOf(path: string): Readonly<Record<string, readonly Row[]>> {
  const database = new Sqlite(path, { readonly: true });
  try {
    const names = database
      .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .pluck()
      .all();
    return Object.fromEntries(
      names.map((name) => [name, database.prepare<[], Row>(`SELECT * FROM "${name}"`).all().map(bare)]),
    );
  } finally {
    database.close();
  }
}

/** A row with digests in place of its bytes: a difference is to be read. */
const bare = (row: Row): Row =>
  Object.fromEntries(
    Object.entries(row).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : value,
    ]),
  );

/** What a move changes: leases end, and mails that were about to be sent are due. */
function settled(tables: Readonly<Record<string, readonly Row[]>>): Record<string, readonly Row[]> {
  const others = Object.entries(tables).filter(
    ([name]) => !['sink', 'mailbox_owner', 'sqlite_stat1'].includes(name),
  );
  const change = (name: string, row: Row): Row => {
    if (name === 'item' && row.state === 'leased')
      return { ...row, state: 'ready', due_at: 'now', lease_until: null };
    if (['notice', 'notification'].includes(name) && row.state === 'waiting')
      return { ...row, due_at: 'now' };
    return row;
  };
  return Object.fromEntries(
    others.map(([name, rows]) => [
      name,
      rows
        .map((row) => change(name, row))
        .filter((row) => name !== 'flag' || !['store', 'moved_at'].includes(String(row.name)))
        .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    ]),
  );
}

/** A site whose daemon has stopped with mail in its queue, and everything else in its store. */
interface Site {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly path: string;
  /** An address that was minted before, and the Message-ID of the reply that waits. */
  readonly address: string;
  readonly messageId: string;
}

async function site(t: TestContext, isFull = true): Promise<Site> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  platform.answerAlways(503);
  const daemon = await startDaemon(scratch, { sink: platform.sink });
  await daemon.addUser('alice');
  const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b/1' });
  const messageId = newMessageId();
  assert.match(await deliver(daemon, address, messageId), /^250 /);
  assert.equal(await daemon.stop(), 'exit 0');
  const path = scratch.path('mailgw.db');
  if (isFull) {
    const store = await openSqliteStore({ path, mode: 'daemon', keepContent: true });
    await fillStore(store, Date.now());
    await store.close();
    // What was given since this backup is put off: that is remembered too.
    await daemon.ctl('db', 'backup', scratch.path('backup.db'));
    await daemon.ctl('db', 'restore', scratch.path('backup.db'), '--yes');
    const again = await openSqliteStore({ path, mode: 'tool' });
    await again.setLanes([{ name: 'all', threads: 'a/' }], Date.now());
    await again.close();
  }
  return { scratch, daemon, platform, path, address, messageId };
}

/** Has the configuration name another store. */
function configure({ daemon }: Site, store: Readonly<Record<string, string>>): void {
  const lines = Object.entries(store).map(([key, value]) => `${key} = "${value}"\n`);
  const text = readFileSync(daemon.config, 'utf8').replace(
    /\[store\]\n(?:\w+ = .*\n)+/,
    `[store]\n${lines.join('')}`,
  );
  writeFileSync(daemon.config, text);
}

/** The backend that sleeps in this database. */
const SLEEPING =
  "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";

/** Gives the server of the suite. */
type Serving = () => Postgres;

/** Makes an empty database. */
async function databaseOf(server: Serving): Promise<{ name: string; url: string }> {
  const name = await server().database();
  return { name, url: server().url(name) };
}

describe('mailgw-ctl db copy', { skip: postgresUnavailable() }, () => {
  const suite = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(suite);
  });
  after(() => suite.close());

  describeMoves(() => server);
  describeRefusals(() => server);
});

/** Registers the tests of what a copy takes along. */
function describeMoves(server: Serving): void {
  it('takes every table along, and every column', async () => {
    const { name } = await databaseOf(server);
    const columns = await server().sql(
      `SELECT table_name || '.' || column_name FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name <> 'mailgw_schema'`,
      name,
    );
    const ofHosts = ['lease_until', 'lease_owner', 'lease_call', 'taken_by', 'settled_by'];
    const known = COPIED.flatMap((table) => [
      ...Object.keys(table.columns).map((column) => `${table.name}.${column}`),
      ...Object.keys(table.hosts?.alone ?? {}).map((column) => `${table.name}.${column}`),
    ]);
    const unknown = columns.split('\n').filter((each) => {
      const [table = '', column = ''] = each.split('.');
      return !known.includes(each) && !LEFT_BEHIND.includes(table) && !ofHosts.includes(column);
    });
    assert.deepEqual(unknown, []);
  });

  it('takes every table of SQLite along, and every column', async (t) => {
    const path = testScratch(t).path('mailgw.db');
    await (await openSqliteStore({ path, mode: 'tool' })).close();
    const file = new Sqlite(path, { readonly: true });
    const columns = file
      .prepare<[], string>(
        `SELECT t.name || '.' || c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
         WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'`,
      )
      .pluck()
      .all();
    file.close();
    const known = COPIED.flatMap((table) =>
      Object.keys(table.columns).map(
        (column) => `${nameIn('sqlite', table.name)}.${nameIn('sqlite', column)}`,
      ),
    );
    const unknown = columns.filter(
      (each) => !known.includes(each) && !LEFT_BEHIND.includes(each.split('.')[0] ?? ''),
    );
    // The parts of a message are one table in PostgreSQL.
    const parts = ['item_number', 'part', 'raw'].map((column) => `content_part.${column}`);
    assert.deepEqual(unknown.toSorted(), ['item.lease_until', ...parts].toSorted());
  });

  it('moves a store there and back, with every row and every byte', async (t) => {
    const place = await site(t);
    const { daemon, path, scratch } = place;
    const original = settled(tablesOf(path));
    const { url, name } = await databaseOf(server);
    const [there] = await daemon.ctl('db', 'copy', url);
    // A host died in a request: its claim of the key is no answer, and a file would give it as one.
    await server().sql("INSERT INTO api_answer VALUES ('forge/mint/2', '', 0, 'claimer', 1)", name);
    const counts = there?.tables as Readonly<Record<string, number>>;
    for (const [table, count] of Object.entries(counts))
      assert.ok(count > 0, `no row of ${table} in this test`);
    assert.deepEqual(
      Object.keys(counts),
      COPIED.map(({ name }) => name),
    );

    configure(place, { url, path });
    const [checked] = await daemon.ctl('db', 'check');
    assert.deepEqual([checked?.ok, checked?.items], [true, counts.item]);
    const back = scratch.path('back.db');
    await daemon.ctl('db', 'copy', back);
    const returned = settled(tablesOf(back));
    const due = (row: Row): Row =>
      original.item?.some((each) => each.due_at === 'now' && each.id === row.id)
        ? { ...row, due_at: 'now' }
        : row;
    const sorted = (rows: readonly Row[] = []): readonly Row[] =>
      rows.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    for (const [table, rows] of Object.entries(original))
      assert.deepEqual(
        sorted(table === 'item' ? returned[table]?.map(due) : returned[table]),
        sorted(rows),
        table,
      );
    assert.deepEqual(checkStore(back).problems, []);
  });

  it('leaves a store on which a daemon goes on: what waited is posted, a copy is known, numbers go on', async (t) => {
    const place = await site(t);
    const { daemon, platform, path, address, messageId } = place;
    const { url, name } = await databaseOf(server);
    await daemon.ctl('db', 'copy', url);
    configure(place, { url, path, host: 'one' });
    platform.answerAlways(201);
    await daemon.start();
    await eventually(
      () => (platform.posts.some(({ data }) => data.thread === 'a/b/1') ? true : undefined),
      () => daemon.log(),
    );
    const ofThread = (): number => platform.posts.filter(({ data }) => data.thread === 'a/b/1').length;
    assert.match(await deliver(daemon, address, messageId), /^250 /);
    assert.match(await deliver(daemon, address), /^250 /);
    await eventually(
      () => (ofThread() >= 2 ? true : undefined),
      () => daemon.log(),
    );
    assert.equal(ofThread(), 2, 'the message that came again is not posted again');

    const highest = async (table: string, column: string): Promise<number> =>
      Number(await server().sql(`SELECT max(${column}) FROM ${table}`, name));
    const before = [await highest('users', 'user_number'), await highest('thread', 'thread_number')];
    await daemon.addUser('zoe');
    await daemon.mint({ user: 'zoe', thread: 'a/new' });
    // Above those that a restored backup may have given, and above those that are gone again.
    assert.ok((await highest('users', 'user_number')) > Math.max(1000, before[0] ?? 0));
    assert.ok((await highest('thread', 'thread_number')) > Math.max(1000, before[1] ?? 0));
    assert.equal((await daemon.ctl('db', 'check'))[0]?.ok, true);
  });
}

/** Registers the tests of marks, refusals, and of a copy that does not come to its end. */
function describeRefusals(server: Serving): void {
  it('marks what it copied: no daemon starts on it, until that is undone', async (t) => {
    const place = await site(t, false);
    const { daemon, path } = place;
    const { url, name } = await databaseOf(server);
    await daemon.ctl('db', 'copy', url);
    assert.match(await daemon.startToEnd(), /exit 78/);
    assert.match(daemon.log(), /was copied to another store at 20.*db copy --undo/);
    const again = await daemon.tryCtl('db', 'copy', server().url(await server().database()));
    assert.deepEqual([again.code, again.stdout], [78, '']);
    assert.deepEqual(await daemon.ctl('db', 'copy', '--undo'), [{ store: path, undone: true }]);
    assert.deepEqual(await daemon.ctl('db', 'copy', '--undo'), [{ store: path, undone: false }]);
    await daemon.start();
    await daemon.stop();

    configure(place, { url, path, host: 'one' });
    await daemon.ctl('db', 'copy', place.scratch.path('back.db'));
    await assert.rejects(
      openPostgresStore({ url, mode: 'daemon', host: 'one' }),
      /was copied to another store/,
    );
    assert.equal((await daemon.ctl('db', 'copy', '--undo'))[0]?.undone, true);
    assert.equal(await server().sql("SELECT count(*) FROM flag WHERE name = 'moved_at'", name), '0');
  });

  it('refuses what is served, what is not empty, and what is of the same kind', async (t) => {
    const place = await site(t, false);
    const { daemon, path, scratch } = place;
    const { url, name } = await databaseOf(server);
    await daemon.start();
    const served = await daemon.tryCtl('db', 'copy', url);
    assert.deepEqual([served.code, served.stdout], [69, '']);
    assert.match(served.stderr, /mailgwd runs on it; stop it first/);
    await daemon.stop();

    const same = await daemon.tryCtl('db', 'copy', scratch.path('other.db'));
    assert.equal(same.code, 64);
    assert.match(same.stderr, /the store is a file already/);

    const secret = scratch.path('db.password');
    writeFileSync(secret, 'secret\n', { mode: 0o644 });
    const open = await daemon.tryCtl('db', 'copy', url, '--password-file', secret);
    assert.equal(open.code, 78);
    assert.match(open.stderr, /--password-file: .* mode 0644 lets group or world in/);

    const other = await openPostgresStore({ url, mode: 'daemon', host: 'far' });
    t.after(() => other.close());
    const live = await daemon.tryCtl('db', 'copy', url);
    assert.equal(live.code, 69);
    assert.match(live.stderr, /mailgwd runs on it at far; stop it there first/);
    configure(place, { url, path });
    assert.equal((await daemon.tryCtl('db', 'copy', scratch.path('back.db'))).code, 69);
    configure(place, { path });
    await other.close();

    await server().sql("INSERT INTO thread (locator) VALUES ('x')", name);
    const full = await daemon.tryCtl('db', 'copy', url);
    assert.equal(full.code, 73);
    assert.match(full.stderr, /has users or mail already; name a database that is empty/);
    configure(place, { url, path });
    const file = await daemon.tryCtl('db', 'copy', path);
    assert.equal(file.code, 73);
    assert.match(file.stderr, /has users or mail already; name a file that is not there/);
  });

  it('finds a difference, and keeps nothing then', async (t) => {
    const { daemon, path } = await site(t, false);
    const { url, name } = await databaseOf(server);
    await server().sql(
      `CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN NEW.reverse_path := 'mallory@example.com'; RETURN NEW; END $$;
       CREATE TRIGGER spoil BEFORE INSERT ON item FOR EACH ROW EXECUTE FUNCTION spoil()`,
      name,
    );
    const { code, stderr } = await daemon.tryCtl('db', 'copy', url);
    assert.equal(code, 74);
    assert.match(stderr, /table item: row 1 has another reverse_path in the copy/);
    assert.equal(await server().sql('SELECT count(*) FROM users', name), '0');
    const store: Store = await openSqliteStore({ path, mode: 'daemon' });
    await store.close();
  });

  it('leaves nothing in PostgreSQL when it is killed in the midst', async (t) => {
    const { daemon, scratch } = await site(t, false);
    const { url, name } = await databaseOf(server);
    await server().sql(
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
       CREATE TRIGGER slow BEFORE INSERT ON dedupe FOR EACH ROW EXECUTE FUNCTION slow()`,
      name,
    );
    const words = [TOOL, '--config', daemon.config, 'db', 'copy', url];
    const copying = new DaemonProcess(process.execPath, words, scratch.path('copy.log'));
    const backend = await eventually(
      async () => (await server().sql(SLEEPING, name)) || undefined,
      () => copying.output(),
    );
    await copying.end('SIGKILL');
    await server().sql(`SELECT pg_terminate_backend(${backend})`, name);
    await server().sql('DROP TRIGGER slow ON dedupe; DROP FUNCTION slow', name);
    for (const table of ['users', 'item', 'content'])
      assert.equal(await server().sql(`SELECT count(*) FROM ${table}`, name), '0');
    await daemon.ctl('db', 'copy', url);
    assert.equal(await server().sql('SELECT count(*) FROM item', name), '1');
  });

  it('leaves no file when it is killed in the midst', async (t) => {
    const place = await site(t, false);
    const { daemon, scratch, path } = place;
    const { url, name } = await databaseOf(server);
    await daemon.ctl('db', 'copy', url);
    configure(place, { url, path });
    const locker = new DaemonProcess(
      'psql',
      ['-X', '-d', url, '-c', 'BEGIN; LOCK TABLE dedupe; SELECT pg_sleep(600)'],
      scratch.path('lock.log'),
    );
    t.after(() => locker.end('SIGKILL'));
    const lock = await eventually(
      async () => (await server().sql(SLEEPING, name)) || undefined,
      () => locker.output(),
    );
    const back = scratch.path('back.db');
    const words = [TOOL, '--config', daemon.config, 'db', 'copy', back];
    const copying = new DaemonProcess(process.execPath, words, scratch.path('copy.log'));
    const waits = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '${name}'`;
    await eventually(
      async () => (await server().sql(waits, name)) || undefined,
      () => copying.output(),
    );
    await copying.end('SIGKILL');
    await server().sql(`SELECT pg_terminate_backend(${lock})`, name);
    assert.equal(existsSync(back), false);
    await daemon.ctl('db', 'copy', back);
    configure(place, { path: back });
    await daemon.start();
    assert.deepEqual(
      readdirSync(scratch.directory).filter((each) => each.includes('.new-')),
      [],
    );
  });
}
