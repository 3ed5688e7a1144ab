// A store that fails under the running daemon: what it answers meanwhile, and that it goes on by itself after.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { inject, straceUnavailable } from '../support/strace.ts';

const TEMPORARY = /^45[12] 4\.3\.[01] /;

interface Stage {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly store: string;
  readonly send: () => Promise<string>;
}

async function stage(t: TestContext): Promise<Stage> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, { sink: platform.sink });
  await daemon.addUser('alice');
  const { reply_to: to } = await daemon.mint({ user: 'alice', thread: 'test/thread/1' });
  const client = await LmtpClient.open(t, daemon.socket);
  const send = async (): Promise<string> => {
    const [reply = ''] = await client.deliver(replyMessage({ to }), to);
    return reply;
  };
  return { scratch, daemon, platform, store: scratch.path('mailgw.db'), send };
}

const idOf = (reply: string): string => {
  assert.match(reply, /^250 2\.0\.0 queued as /);
  return reply.replace('250 2.0.0 queued as ', '');
};

/** Every id was posted once, in order, and the store is sound, now and after a start. */
async function endsWell({ daemon, platform, store }: Stage, ids: readonly string[]): Promise<void> {
  await platform.nthPost(ids.length, 30_000);
  assert.deepEqual(
    platform.posts.map(({ data }) => data.id),
    ids,
  );
  assert.equal(await daemon.stop(), 'exit 0');
  assert.deepEqual(checkStore(store).problems, []);
  await daemon.start();
  const rows = await daemon.ctl('queue', 'list');
  assert.deepEqual(
    rows.map(({ id, state }) => [id, state]),
    ids.map((id) => [id, 'posted']),
  );
}

describe('a store that another process has locked', () => {
  it('defers new mail with 451 after the time it waits, and takes it once the lock is gone', async (t) => {
    const here = await stage(t);
    const first = idOf(await here.send());
    await here.platform.nthPost(1);
    const other = new Sqlite(here.store);
    t.after(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    const since = performance.now();
    assert.match(await here.send(), /^451 4\.3\.0 /);
    assert.ok(performance.now() - since > 4000, 'a short lock is waited for');
    other.exec('COMMIT');
    const second = idOf(await here.send());
    await endsWell(here, [first, second]);
  });

  it('waits for a short lock without a word', async (t) => {
    const here = await stage(t);
    const other = new Sqlite(here.store);
    t.after(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    const reply = here.send();
    const timer = setTimeout(() => other.exec('COMMIT'), 1000);
    t.after(() => {
      clearTimeout(timer);
    });
    await endsWell(here, [idOf(await reply)]);
  });
});

describe('a disk that fails', { skip: straceUnavailable() }, () => {
  for (const [what, ...faults] of [
    ['writing', 'pwrite64:error=EIO'],
    ['writing every other time', 'pwrite64:error=EIO:when=2+2'],
    ['syncing', 'fdatasync,fsync:error=EIO'],
    ['finding space', 'pwrite64:error=ENOSPC'],
  ] as const) {
    it(`at ${what}: never a 250, and everything goes on when it works again`, async (t) => {
      const here = await stage(t);
      const ids = [idOf(await here.send())];
      await here.platform.nthPost(1);
      const heal = await inject(here.scratch, here.daemon.pid, ...faults);
      for (let n = 0; n < 3; n++) {
        const reply = await here.send();
        assert.match(reply, TEMPORARY, what);
      }
      await heal();
      ids.push(idOf(await here.send()), idOf(await here.send()));
      await endsWell(here, ids);
    });
  }
});
