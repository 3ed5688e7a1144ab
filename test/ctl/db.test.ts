// `mailgw-ctl db` through the real binary, beside a daemon and without one.

import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { TOOL } from '../support/command.ts';
import { startDaemon } from '../support/daemon.ts';
import { accept, newItem } from '../support/item.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, type Tool, tamper } from './tool.ts';

const DAY = 86_400_000;
const MIB = 1024 * 1024;

interface Place {
  readonly tool: Tool;
  readonly path: string;
}

async function place(t: TestContext): Promise<Place> {
  const tool = await initialise(testScratch(t));
  return { tool, path: tool.scratch.path('mailgw.db') };
}

/** Fills the store with posted items of the last days, one a day, then lets go of it. */
async function fillPosted({ tool }: Place, items: number, bytes = 2000): Promise<void> {
  const store = await tool.open();
  for (let n = 0; n < items; n++) {
    const at = Date.now() - n * DAY - 1000;
    await accept(store, [newItem({ thread: `t/${n}`, receivedAt: at })], Buffer.alloc(bytes, n));
    const leased = await store.lease({ now: at, leaseMs: 1000, limit: 1 });
    await store.settle(
      leased.map(({ id, attempts }) => ({ id, attempts, settlement: { kind: 'posted', at } })),
    );
  }
  await store.close();
}

/** A promise that can be asked whether it has ended. */
function watched<T>(promise: Promise<T>): { readonly ended: Promise<T>; readonly hasEnded: () => boolean } {
  let hasEnded = false;
  const ended = promise.finally(() => {
    hasEnded = true;
  });
  return { ended, hasEnded: () => hasEnded };
}

describe('mailgw-ctl db check', () => {
  it('finds no problem in a store that a daemon is using', async (t) => {
    const { tool, path } = await place(t);
    const store = await tool.open();
    tool.scratch.defer(() => store.close());
    await accept(store, [newItem(), newItem(), newItem({ hold: 'list' })]);
    assert.deepEqual(await tool.row('db', 'check'), { store: path, ok: true, items: 3, problems: [] });
    assert.equal(await tool.text('db', 'check'), `${path}: 3 items, no problem found\n`);
  });

  it('names rows that contradict each other, and ends with 65', async (t) => {
    const where = await place(t);
    const { tool, path } = where;
    const store = await tool.open('tool');
    const [first, second] = [newItem({ thread: 'a' }), newItem({ thread: 'a' })];
    await accept(store, [first, second]);
    await store.close();
    const cases: readonly [string, string, RegExp][] = [
      ['UPDATE item SET head = 0', 'head', /thread a has 0 heads among 2 open items/],
      ['DROP INDEX item_head; UPDATE item SET head = 1', 'head', /thread a has 2 heads among 2 open items/],
      [`UPDATE item SET head = (id = '${second.id}')`, 'head', /is head of its thread before an older one/],
      ["UPDATE item SET state = 'held'", 'head', /is head of its thread, though it is held/],
      ['DELETE FROM content WHERE item_number = 1', 'content', /is ready and has no message/],
      ['UPDATE item SET bytes = 7 WHERE item_number = 1', 'content', /has 34 bytes in place of 7/],
      ['UPDATE item SET due_at = NULL WHERE item_number = 2', 'columns', /is ready with due_at unset/],
      [`DELETE FROM dedupe WHERE item_id = '${second.id}'`, 'dedupe', /has no fingerprint/],
      [`UPDATE dedupe SET item_id = '${first.id}'`, 'dedupe', /has 2 fingerprints/],
      [
        'DELETE FROM item WHERE item_number = 2',
        'foreign-keys',
        /a row of content \(2\) belongs to a row of item/,
      ],
    ];
    copyFileSync(path, `${path}.whole`);
    for (const [sql, rule, detail] of cases) {
      copyFileSync(`${path}.whole`, path);
      tamper(path, sql);
      const { code, stdout, stderr } = await tool.run('--json', 'db', 'check');
      assert.equal(code, 65, `${sql}: ${stdout}${stderr}`);
      const { ok, problems } = JSON.parse(stdout) as {
        ok: boolean;
        problems: { rule: string; detail: string }[];
      };
      assert.equal(ok, false);
      assert.ok(
        problems.some((problem) => problem.rule === rule && detail.test(problem.detail)),
        stdout,
      );
      assert.match(stderr, /\d problems; report this as a bug of mailgw/);
    }
  });

  it('names damaged pages, and ends with 74', async (t) => {
    const where = await place(t);
    await fillPosted(where, 50);
    const database = new Sqlite(where.path);
    const root = database
      .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'item'")
      .pluck()
      .get() as number;
    database.close();
    const bytes = readFileSync(where.path);
    writeFileSync(where.path, bytes.fill(0xa5, (root - 1) * 4096, root * 4096));
    const { code, stderr } = await where.tool.run('db', 'check');
    assert.equal(code, 74, stderr);
    assert.match(stderr, /stop mailgwd and restore the store from a backup|is damaged/);
  });

  it('makes no store where none is: 74', async (t) => {
    const { tool, path } = await place(t);
    await tool.fails(
      74,
      `store.path: ${path}: there is no store yet; mailgwd or "mailgw-ctl user add" makes it`,
      'db',
      'check',
    );
    assert.equal(existsSync(path), false);
  });
});

describe('mailgw-ctl db backup', () => {
  it('is one snapshot, whatever the daemon writes meanwhile, and a daemon runs on it and delivers', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    platform.answerAlways(503);
    const daemon = await startDaemon(scratch, {
      sink: platform.sink,
      settings: { delivery: { retry_first: '1s', retry_longest: '1s' } },
    });
    await daemon.addUser('alice');
    const { reply_to: to } = await daemon.mint({ user: 'alice', thread: 'test/thread/1' });
    const client = await LmtpClient.open(t, daemon.socket);
    const send = async (): Promise<string> => {
      const [reply = ''] = await client.deliver(replyMessage({ to, body: 'x\n'.repeat(20_000) }), to);
      return reply.replace('250 2.0.0 queued as ', '');
    };
    const before: string[] = [];
    while (before.length < 50) before.push(await send());
    const copy = scratch.path('backup.db');
    const backup = watched(daemon.ctl('db', 'backup', copy));
    const during: string[] = [];
    while (!backup.hasEnded()) during.push(await send());
    const [row] = await backup.ended;
    assert.deepEqual(
      [row?.store, row?.backup, row?.bytes],
      [scratch.path('mailgw.db'), copy, statSync(copy).size],
    );
    const items = Number(row?.items);
    assert.ok(items >= before.length && items <= before.length + during.length);
    assert.equal(statSync(copy).mode & 0o7777, 0o600);
    assert.deepEqual(
      readdirSync(scratch.directory).filter((name) => name.startsWith('backup.db')),
      ['backup.db'],
    );

    await daemon.stop();
    for (const suffix of ['', '-wal', '-shm']) rmSync(scratch.path(`mailgw.db${suffix}`), { force: true });
    copyFileSync(copy, scratch.path('mailgw.db'));
    platform.answerAlways(201);
    await daemon.start();
    await platform.nthPost(items, 60_000);
    const posted = platform.posts.map(({ data }) => data.id);
    assert.deepEqual(
      posted,
      [...before, ...during].slice(0, items),
      'a beginning of what was accepted, in order',
    );
    assert.equal((await daemon.ctl('db', 'check'))[0]?.ok, true);
  });

  it('never overwrites, and leaves nothing behind where it fails: 73', async (t) => {
    const where = await place(t);
    await fillPosted(where, 3);
    const { scratch } = where.tool;
    writeFileSync(scratch.path('there'), 'precious');
    await where.tool.fails(
      73,
      /there: is there already, and a backup never overwrites; name a new file/,
      'db',
      'backup',
      scratch.path('there'),
    );
    await where.tool.fails(
      73,
      /nowhere: no file can be made there by user \d+.*; name a directory/,
      'db',
      'backup',
      scratch.path('nowhere', 'copy.db'),
    );
    mkdirSync(scratch.path('empty'));
    const damaged = scratch.path('empty', 'copy.db');
    writeFileSync(where.path, Buffer.alloc(50_000, 'garbage '));
    const { code } = await where.tool.run('db', 'backup', damaged);
    assert.equal(code, 78);
    assert.deepEqual(readdirSync(scratch.path('empty')), []);
  });

  it('shows progress on a terminal only', async (t) => {
    const where = await place(t);
    await fillPosted(where, 20, 50_000);
    const quiet = await where.tool.run('db', 'backup', where.tool.scratch.path('one.db'));
    assert.deepEqual([quiet.code, quiet.stderr], [0, '']);
    const { stdout } = await run('script', [
      '-qec',
      `'${process.execPath}' '${TOOL}' --config '${where.tool.config}' db vacuum`,
      '/dev/null',
    ]);
    assert.match(stdout, /\d+ of \d+ pages freed/);
  });
});

describe('mailgw-ctl db prune', () => {
  it('removes what the settings say, beside a daemon', async (t) => {
    const where = await place(t);
    await fillPosted(where, 120);
    const store = await where.tool.open();
    where.tool.scratch.defer(() => store.close());
    // The defaults: rows for 30 days, fingerprints for reply.max_age and 14 days.
    const none = { contents: 0, removed_users: 0 };
    assert.deepEqual(await where.tool.row('db', 'prune'), { ...none, rows: 90, fingerprints: 16 });
    assert.deepEqual(await where.tool.row('db', 'prune'), { ...none, rows: 0, fingerprints: 0 });
    assert.equal((await store.list({})).length, 30);
    assert.equal((await where.tool.row('db', 'check')).ok, true);
  });
});

describe('mailgw-ctl db vacuum', () => {
  it('gives unused space back, beside a daemon that goes on committing', async (t) => {
    const where = await place(t);
    await fillPosted(where, 30, MIB);
    const store = await where.tool.open();
    where.tool.scratch.defer(() => store.close());
    const vacuum = watched(where.tool.row('db', 'vacuum'));
    let longest = 0;
    while (!vacuum.hasEnded()) {
      const since = performance.now();
      await accept(store, [newItem()]);
      longest = Math.max(longest, performance.now() - since);
    }
    const row = await vacuum.ended;
    assert.deepEqual(Object.keys(row), ['store', 'bytes_before', 'bytes_after']);
    assert.ok(Number(row.bytes_after) < 8 * MIB, JSON.stringify(row));
    assert.ok(longest < 1000, `a commit took ${longest} ms`);
    assert.equal((await where.tool.row('db', 'check')).ok, true);
  });
});
