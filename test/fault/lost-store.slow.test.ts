// The store's files moved, removed or replaced under the running daemon: no 250 that the next start does not keep.
//
// Method: the daemon delivers nowhere, so what it accepted stays; after each deed replies are sent at once and later,
// the daemon is killed, and every reply that was answered 250 must be in the store of the next start.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { readiness } from '../support/readiness.ts';
import { testScratch } from '../support/scratch.ts';
import { LmtpWire } from './lmtp-wire.ts';
import { type FaultSite, makeSite, withStore } from './site.ts';

interface Place extends FaultSite {
  /** Message-IDs that were answered 250. */
  readonly accepted: Set<string>;
  /** Every answer, by its first word. */
  readonly answers: string[];
}

/** A daemon that has some replies in its store, partly in its log. */
async function place(t: TestContext): Promise<Place> {
  const scratch = testScratch(t);
  mkdirSync(scratch.path('store'));
  const store = scratch.path('store', 'mailgw.db');
  const settings = { store: { path: store }, metrics: { listen: `unix:${scratch.path('metrics.sock')}` } };
  const site = await makeSite(scratch, { settings, threads: 3 });
  await site.daemon.start();
  await site.daemon.ctl('queue', 'pause');
  const where: Place = { ...site, accepted: new Set(), answers: [] };
  for (let n = 0; n < 3; n++) assert.match(await send(where), /^250/);
  return where;
}

/** Sends a reply; the last answer that it got. */
async function send(where: Place): Promise<string> {
  const { address } = where.recipients[where.answers.length % where.recipients.length]!;
  const id = newMessageId();
  const wire = await LmtpWire.connect(where.daemon.socket);
  const begun = await wire?.begin([address]);
  let answer = begun?.recipients[0] ?? 'none';
  if (begun?.isDataWanted === true) {
    [answer = 'none'] = (await wire?.finish(replyMessage({ to: address, messageId: id }), 1, true)) ?? [];
  }
  wire?.close();
  where.answers.push(answer.slice(0, 3));
  if (answer.startsWith('250')) where.accepted.add(id);
  return answer;
}

async function storeFails({ daemon }: Place): Promise<void> {
  const begun = performance.now();
  await eventually(
    () => (daemon.log().includes('"event":"store_failed"') ? true : undefined),
    () => `store_failed\n${daemon.log()}`,
    2000,
  );
  assert.ok(performance.now() - begun < 2000);
}

/** Waits until what was in the store is safe. */
async function rescued({ daemon }: Place): Promise<void> {
  await eventually(
    () => (daemon.log().includes('"event":"store_rescued"') ? true : undefined),
    () => `store_rescued\n${daemon.log()}`,
  );
}

async function idsIn(store: string): Promise<Set<string | undefined>> {
  return await withStore(store, async (open) => new Set((await open.list({})).map((item) => item.messageId)));
}

/** Everything accepted is in the store that the next start has. */
async function assertKept({ store, accepted }: Place): Promise<void> {
  const kept = await idsIn(store);
  assert.deepEqual(
    [...accepted].filter((id) => !kept.has(id)),
    [],
  );
}

/** Deeds after which a restart has everything again by itself. */
const REMOVALS: readonly (readonly [string, (store: string) => void])[] = [
  [
    'all its files are removed',
    (store) => {
      for (const suffix of ['', '-wal', '-shm']) rmSync(store + suffix);
    },
  ],
  [
    'all that begins with its name is removed',
    (store) => {
      for (const name of readdirSync(dirname(store))) rmSync(`${dirname(store)}/${name}`);
    },
  ],
  [
    'the database alone is removed',
    (store) => {
      rmSync(store);
    },
  ],
  [
    'the database is moved away',
    (store) => {
      renameSync(store, `${store}.old`);
    },
  ],
  [
    'the log is removed',
    (store) => {
      rmSync(`${store}-wal`);
    },
  ],
  [
    'the log and its index are removed',
    (store) => {
      rmSync(`${store}-wal`);
      rmSync(`${store}-shm`);
    },
  ],
  [
    'the index is removed',
    (store) => {
      rmSync(`${store}-shm`);
    },
  ],
  [
    'the log is replaced',
    (store) => {
      copyFileSync(`${store}-wal`, `${store}-x`);
      renameSync(`${store}-x`, `${store}-wal`);
    },
  ],
];

describe('a store whose files are taken away under the daemon', { concurrency: 2 }, () => {
  for (const [what, deed] of REMOVALS) {
    it(`${what}: the very next reply is put off, it is said, and a restart after kill -9 has all`, async (t) => {
      const where = await place(t);
      deed(where.store);
      assert.match(await send(where), /^451 4\.3\.0 /);
      await storeFails(where);
      assert.match(await send(where), /^451 4\.3\.0 /);
      await rescued(where);
      await where.daemon.kill9();
      await where.daemon.start();
      await assertKept(where);
      assert.equal(where.accepted.size, 3);
      assert.match(await send(where), /^250/, 'users and threads are there as well');
      await where.daemon.stop();
      await assertKept(where);
    });
  }

  it('is noticed without a single reply, within two seconds', async (t) => {
    const where = await place(t);
    rmSync(where.store);
    await storeFails(where);
    await rescued(where);
    await where.daemon.stop();
    await where.daemon.start();
    assert.match(where.daemon.log(), /"event":"store_adopted"/);
    await assertKept(where);
  });

  it('lets no tool make a store in its place, and a restart goes on with delivery', async (t) => {
    const where = await place(t);
    for (const suffix of ['', '-wal', '-shm']) rmSync(where.store + suffix);
    await rescued(where);
    const refused = await where.daemon.tryCtl('user', 'add', 'mallory');
    assert.equal(refused.code, 74);
    assert.match(
      refused.stderr,
      /was removed while mailgwd had it open, and \S+\.rescued-\S+ has what was in it/,
    );
    assert.equal(existsSync(where.store), false);
    const doctor = await where.daemon.tryCtl('doctor');
    assert.match(
      doctor.stdout,
      /"check":"store\.files","status":"problem","what":"process \d+ has a store open that was removed/,
    );
    assert.match(await readiness(where), /^503 .*mailgw\.db is not there any more/);
    assert.equal(where.daemon.log().includes('"event":"dispatch_failed"'), false);
    await where.daemon.restart();
    await where.daemon.ctl('queue', 'resume');
    await where.ledger.until(
      () => where.ledger.entries.length >= 3,
      () => where.daemon.log(),
    );
  });
});

describe('a backup that is put in place without a stop', { concurrency: 2 }, () => {
  for (const [what, put] of [
    ['copied over it, log and index removed', copyFileSync],
    ['moved into its place, log and index removed', renameSync],
  ] as const) {
    it(`${what}: nothing is promised any more, and it is what the next start has`, async (t) => {
      const where = await place(t);
      const backup = `${where.store}.backup`;
      await where.daemon.ctl('db', 'backup', backup);
      const inBackup = new Set(where.accepted);
      assert.match(await send(where), /^250/);
      put(backup, where.store);
      for (const suffix of ['-wal', '-shm']) rmSync(where.store + suffix);
      assert.match(await send(where), /^451 4\.3\.0 /);
      await storeFails(where);
      await where.daemon.kill9();
      await where.daemon.start();
      const kept = await idsIn(where.store);
      assert.deepEqual(
        [...inBackup].filter((id) => !kept.has(id)),
        [],
      );
      assert.match(await send(where), /^250/);
    });
  }

  for (const [what, replace] of [
    ['a directory that is moved away', () => undefined],
    ['a directory in whose place another one is', mkdirSync],
    [
      'a directory in whose place a file is',
      (path: string) => {
        writeFileSync(path, '');
      },
    ],
  ] as const)
    it(`${what}: nothing is promised, and it has everything`, async (t) => {
      const where = await place(t);
      const directory = dirname(where.store);
      renameSync(directory, `${directory}.away`);
      replace(directory);
      assert.match(await send(where), /^451 4\.3\.0 /);
      await storeFails(where);
      await where.daemon.kill9();
      await assertKept({ ...where, store: `${directory}.away/mailgw.db` });
    });
});
