// `mailgw-ctl db restore`: a backup takes the store's place whole or not at all, and newer addresses are put off.

import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { withStore } from '../fault/site.ts';
import { openGate, reasonOf } from '../gate/gate.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { NO_SINK } from '../support/intake.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

interface Place {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly store: string;
  readonly backup: string;
  /** An address that the backup knows, and two of a thread and a user that it does not. */
  readonly addresses: readonly [string, string, string];
}

/** A daemon whose store has gone on since its backup: a reply, a user, two threads. */
async function place(t: TestContext): Promise<Place> {
  const scratch = testScratch(t);
  const daemon = await startDaemon(scratch, { sink: NO_SINK });
  await daemon.addUser('alice');
  const mint = async (user: string, thread: string): Promise<string> =>
    (await daemon.mint({ user, thread })).reply_to;
  const known = await mint('alice', 'a/1');
  const backup = scratch.path('backup.db');
  await daemon.ctl('db', 'backup', backup);
  await daemon.addUser('bob');
  const addresses = [known, await mint('alice', 'a/2'), await mint('bob', 'a/3')] as const;
  assert.match(await answer(daemon, known, true), /^250/);
  return { scratch, daemon, store: scratch.path('mailgw.db'), backup, addresses };
}

/** What a recipient is answered, or a whole reply to them. */
async function answer({ socket }: Daemon, address: string, isSent = false): Promise<string> {
  const wire = await LmtpWire.connect(socket);
  assert.ok(wire);
  try {
    const begun = await wire.begin([address]);
    assert.ok(begun);
    if (!isSent) return begun.recipients[0] ?? '';
    return (await wire.finish(replyMessage({ to: address, messageId: newMessageId() }), 1, true))[0] ?? '';
  } finally {
    wire.close();
  }
}

describe('mailgw-ctl db restore', { concurrency: 2 }, () => {
  it('refuses while mailgwd runs: 69', async (t) => {
    const { daemon, backup, store } = await place(t);
    const before = statSync(store).ino;
    const running = await daemon.tryCtl('db', 'restore', backup, '--yes');
    assert.equal(running.code, 69);
    assert.match(running.stderr, /mailgwd runs on it; stop it first/);
    rmSync(`${store}.sock`);
    assert.equal(
      (await daemon.tryCtl('db', 'restore', backup, '--yes')).code,
      69,
      'without the socket as well',
    );
    assert.equal(statSync(store).ino, before);
  });

  it('asks, says what is lost, and keeps the present store whole beside it', async (t) => {
    const { scratch, daemon, backup, store } = await place(t);
    await daemon.stop();
    const before = readFileSync(store);
    const asked = await daemon.tryCtl('db', 'restore', backup);
    assert.equal(asked.code, 64);
    assert.match(
      asked.stderr,
      /beyond the backup of \S+ is 1 replies not posted, 1 users and 2 threads; nothing was done/,
    );
    assert.ok(readFileSync(store).equals(before));

    const [row] = await daemon.ctl('db', 'restore', backup, '--yes');
    assert.deepEqual([row?.items, row?.lost_replies, row?.lost_users, row?.lost_threads], [0, 1, 1, 2]);
    assert.equal(statSync(store).mode & 0o777, 0o600);
    const kept = String(row?.kept);
    assert.equal(await withStore(kept, async (open) => (await open.list({})).length), 1);
    assert.deepEqual(
      readdirSync(scratch.directory).filter((name) => name.includes('restore')),
      [],
    );
    await daemon.start();
    assert.equal((await daemon.ctl('db', 'check'))[0]?.ok, true);
  });

  it('marks the store: what is newer than the backup is put off and named, and its numbers are not given again', async (t) => {
    const { daemon, backup, addresses } = await place(t);
    await daemon.stop();
    await daemon.ctl('db', 'restore', backup, '--yes');
    await daemon.start();
    const [known, newThread, newUser] = addresses;
    assert.match(await answer(daemon, known), /^250/);
    for (const address of [newThread, newUser]) assert.match(await answer(daemon, address), /^451 4\.3\.0 /);
    for (const kind of ['thread', 'user']) {
      const line = new RegExp(
        `"reason":"restored".*${kind} number 2 is newer than this store's backup of 20`,
      );
      await eventually(
        () => (line.test(daemon.log()) ? true : undefined), // the line follows the answer
        () => daemon.log(),
      );
    }
    const [explained] = await daemon.ctl('address', 'explain', newThread);
    assert.equal(explained?.verdict, 'put-off');

    await daemon.addUser('carol');
    const { reply_to: fresh } = await daemon.mint({ user: 'carol', thread: 'a/9' });
    assert.match(await answer(daemon, fresh), /^250/);
    const [row] = await daemon.ctl('address', 'explain', fresh);
    assert.ok(Number(row?.user_number) > 1000 && Number(row?.thread_number) > 1000, JSON.stringify(row));
  });

  it('needs no store to be there', async (t) => {
    const { daemon, backup, store, addresses } = await place(t);
    await daemon.stop();
    rmSync(store);
    const [row] = await daemon.ctl('db', 'restore', backup);
    assert.deepEqual([row?.kept, row?.lost_replies], [null, null]);
    await daemon.start();
    assert.match(await answer(daemon, addresses[0]), /^250/);
  });

  it('takes the place of a damaged store, which is kept as it is with its log', async (t) => {
    const { daemon, backup, store } = await place(t);
    await daemon.kill9();
    const log = readFileSync(`${store}-wal`);
    writeFileSync(store, Buffer.alloc(50_000, 'garbage '));
    const [row] = await daemon.ctl('db', 'restore', backup, '--yes');
    const { lost_replies: lost, kept } = row ?? {};
    assert.equal(lost, null);
    assert.ok(readFileSync(`${String(kept)}-wal`).equals(log));
    assert.equal(existsSync(`${store}-wal`), false);
    await daemon.start();
  });

  it('takes the log of a copy that was made by hand', async (t) => {
    const { scratch, daemon, store } = await place(t);
    await daemon.kill9();
    const copy = scratch.path('by-hand.db');
    for (const suffix of ['', '-wal']) copyFileSync(store + suffix, copy + suffix);
    const [row] = await daemon.ctl('db', 'restore', copy, '--yes');
    assert.deepEqual([row?.items, row?.lost_replies], [1, 0]);
  });

  const BAD: readonly (readonly [string, RegExp, (file: string) => void])[] = [
    [
      'is missing',
      /cannot be read: ENOENT/,
      (file) => {
        rmSync(file);
      },
    ],
    [
      'is garbage',
      /bad\.db is not a database; nothing was changed/,
      (file) => {
        writeFileSync(file, 'garbage '.repeat(9000));
      },
    ],
    [
      'is empty',
      /bad\.db is empty; nothing was changed/,
      (file) => {
        truncateSync(file, 0);
      },
    ],
    [
      'is cut',
      /bad\.db|damaged|integrity/,
      (file) => {
        truncateSync(file, Math.floor(statSync(file).size / 8192) * 4096);
      },
    ],
    [
      "is somebody else's",
      /bad\.db is not a mailgw store; nothing/,
      (file) => {
        rmSync(file);
        const database = new Sqlite(file);
        database.exec('CREATE TABLE precious (thing)');
        database.close();
      },
    ],
    [
      'is of a newer version',
      /bad\.db has schema 99, /,
      (file) => {
        const database = new Sqlite(file);
        database.pragma('user_version = 99');
        database.close();
      },
    ],
  ];
  it('refuses a backup that is not sound, and changes nothing', async (t) => {
    const { scratch, daemon, backup, store } = await place(t);
    await daemon.stop();
    const before = readFileSync(store);
    const bad = scratch.path('bad.db');
    for (const [what, said, spoil] of BAD) {
      copyFileSync(backup, bad);
      spoil(bad);
      const { code, stderr } = await daemon.tryCtl('db', 'restore', bad, '--yes');
      assert.ok(code === 65 || code === 74, `${what}: ${String(code)} ${stderr}`);
      assert.match(stderr, said, what);
      assert.ok(readFileSync(store).equals(before), what);
    }
    const left = readdirSync(scratch.directory).filter((name) => /restore|before/.test(name));
    assert.deepEqual(left, []);
  });
});

describe('numbers that a restored store does not know', () => {
  it('are put off for a day, up to a bound; then and beyond they are refused', async (t) => {
    const test = await openGate(t);
    const strange = await openGate(t);
    const { salts } = test.alice;
    // The restored store knew thread 1, and up to 1001 may have been given.
    for (let n = 1; n <= 1002; n++) await strange.store.threadNumber(`t/${n}`);
    await test.store.threadNumber('t/1');
    const address = async (n: number): Promise<string> =>
      await strange.sealed({ thread: `t/${n}`, user: test.alice, salt: salts[0]!.salt });
    const at = async (n: number): Promise<string> => reasonOf(await test.gate.recipient(await address(n)));
    const never = await openGate(t);
    const elsewhere = await strange.sealed({
      thread: 't/2',
      user: never.alice,
      salt: never.alice.salts[0]!.salt,
    });
    const refused = reasonOf(await never.gate.recipient(elsewhere));
    assert.equal(refused, 'unknown-thread', 'a store that was never restored refuses');
    test.mark({ restoredAt: test.clock.now * 1000, upTo: 1001 });
    assert.deepEqual(
      [await at(1), await at(2), await at(1001), await at(1002)],
      ['claim', 'restored', 'restored', 'unknown-thread'],
    );
    test.clock.now += 86_399;
    assert.equal(await at(2), 'restored');
    test.clock.now += 1;
    assert.equal(await at(2), 'unknown-thread');
  });
});
