// `mailgw-ctl user remove` and `user restore`: through the real tool, beside a daemon that serves.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { NO_SINK } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { PolicyClient } from '../support/policy.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { initialise, tamper } from './tool.ts';

const DAY = 86_400_000;
/** Removals in one commit. */
const AT_ONCE = 200;

const NO_SUCH = /^550 5\.1\.1 no such reply address$/;

interface Place {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly store: string;
  /** An address of alice's. */
  readonly alice: string;
  readonly lmtp: LmtpClient;
  readonly policy: PolicyClient;
}

/** A daemon with alice in it, and the two sockets that Postfix asks. */
async function place(t: TestContext): Promise<Place> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  const socket = scratch.path('policy.sock');
  const daemon = await startDaemon(scratch, { sink: platform.sink, settings: { policy: { socket } } });
  await daemon.addUser('alice');
  const { reply_to: alice } = await daemon.mint({ user: 'alice', thread: 'a/1' });
  const lmtp = await LmtpClient.open(t, daemon.socket);
  const policy = await PolicyClient.open(t, socket);
  return { scratch, daemon, platform, store: scratch.path('mailgw.db'), alice, lmtp, policy };
}

/** What a recipient is answered at RCPT. */
async function rcpt(lmtp: LmtpClient, address: string): Promise<string> {
  const [, answer = ''] = await lmtp.sayAll('MAIL FROM:<alice@example.com>', `RCPT TO:<${address}>`, 'RSET');
  return answer;
}

/** Sends a reply; what it was answered. */
async function send({ lmtp }: Place, address: string, body = 'I agree.\n'): Promise<string> {
  const [answer = ''] = await lmtp.deliver(
    replyMessage({ to: address, messageId: newMessageId(), body }),
    address,
  );
  return answer;
}

describe('mailgw-ctl user remove and restore, while the daemon serves', { concurrency: 2 }, () => {
  it('refuse at once what the user holds, everywhere, and take it again at once', async (t) => {
    const { daemon, platform, lmtp, policy, alice, ...rest } = await place(t);
    assert.match(await rcpt(lmtp, alice), /^250/);
    assert.equal(await policy.ask(alice), 'DUNNO');
    const [removed] = await daemon.ctl('user', 'remove', 'alice', '--yes');
    assert.equal(
      Date.parse(String(removed?.restorable_until)) - Date.parse(String(removed?.removed_at)),
      30 * DAY,
    );
    assert.match(await rcpt(lmtp, alice), NO_SUCH);
    assert.match(await policy.ask(alice), NO_SUCH);
    const [explained] = await daemon.ctl('address', 'explain', alice);
    assert.deepEqual(
      [explained?.verdict, explained?.user, String(explained?.explanation).slice(0, 30)],
      ['unknown-user', null, 'the user it names does not exi'],
    );
    assert.deepEqual(await daemon.ctl('user', 'list'), []);
    assert.match(
      (await daemon.tryCtl('address', 'mint', '--user', 'alice', '--thread', 'x')).stderr,
      /was removed at/,
    );

    const [restored] = await daemon.ctl('user', 'restore', 'alice');
    assert.deepEqual(
      [restored?.number, restored?.addresses, restored?.released, restored?.left_out],
      [removed?.number, ['alice@example.com'], 0, []],
    );
    assert.match(await rcpt(lmtp, alice), /^250/);
    assert.equal(await policy.ask(alice), 'DUNNO');
    assert.match(await send({ ...rest, daemon, platform, lmtp, policy, alice }, alice), /^250/);
    await platform.nthPost(1);
    assert.equal(platform.posts[0]?.data.user, 'alice');
  });

  it('hold the replies that are queued meanwhile, and post them in order after the restore', async (t) => {
    const here = await place(t);
    const { daemon, platform, store, alice } = here;
    await daemon.ctl('queue', 'pause');
    for (const body of ['One.\n', 'Two.\n']) assert.match(await send(here, alice, body), /^250/);
    await daemon.ctl('user', 'remove', 'alice', '--yes');
    await daemon.ctl('queue', 'resume');
    const held = async (): Promise<number> => (await daemon.ctl('queue', 'list', '--state', 'held')).length;
    await eventually(
      async () => ((await held()) === 2 ? true : undefined),
      () => 'two held replies',
    );
    const [item] = await daemon.ctl('queue', 'list', '--state', 'held');
    const refused = await daemon.tryCtl('queue', 'release', String(item?.id));
    assert.equal(refused.code, 65);
    assert.match(refused.stderr, /"mailgw-ctl user restore alice"/);
    assert.equal(platform.requests.length, 0);
    assert.deepEqual(checkStore(store).problems, []);
    const [restored] = await daemon.ctl('user', 'restore', 'alice');
    assert.equal(restored?.released, 2);
    await platform.nthPost(2);
    assert.deepEqual(
      platform.posts.map(({ data }) => [data.user, data.body.text.trim()]),
      [
        ['alice', 'One.'],
        ['alice', 'Two.'],
      ],
    );
    assert.deepEqual(checkStore(store).problems, []);
  });

  it('never let the addresses of one alice work for the next', async (t) => {
    const { daemon, lmtp, policy, alice } = await place(t);
    await daemon.ctl('user', 'remove', 'alice', '--yes');
    const added = await daemon.tryCtl('user', 'add', 'alice', '--address', 'new@example.com');
    assert.equal(added.code, 0);
    assert.match(added.stderr, /another user alice, number 1, was removed at .* this is a new user/);
    assert.match(await rcpt(lmtp, alice), NO_SUCH);
    assert.match(await policy.ask(alice), NO_SUCH);
    const { reply_to: next } = await daemon.mint({ user: 'alice', thread: 'a/1' });
    assert.match(await rcpt(lmtp, next), /^250/);
    const conflict = await daemon.tryCtl('user', 'restore', 'alice');
    assert.equal(conflict.code, 65);
    assert.match(conflict.stderr, /number 2 has the name now.*user restore alice --number 1/);
    assert.match(await rcpt(lmtp, next), /^250/);
    await daemon.ctl('user', 'remove', 'alice', '--yes');
    const which = await daemon.tryCtl('user', 'restore', 'alice');
    assert.match(which.stderr, /the name is that of 2 users; expected --number with one of 2 \(.*, 1 \(/);
    await daemon.ctl('user', 'restore', 'alice', '--number', '1');
    assert.match(await rcpt(lmtp, alice), /^250/);
    assert.match(await rcpt(lmtp, next), NO_SUCH);
  });

  it('end for good after 30 days: the daemon erases what it kept', async (t) => {
    const { daemon, store, lmtp, alice } = await place(t);
    await daemon.ctl('user', 'remove', 'alice', '--yes');
    tamper(store, `UPDATE removed_user SET removed_at = removed_at - ${30 * DAY}`);
    const late = await daemon.tryCtl('user', 'restore', 'alice');
    assert.equal(late.code, 65);
    assert.match(late.stderr, /no such user was removed within 30 days/);
    await eventually(
      async () => ((await daemon.ctl('user', 'list', '--removed')).length === 0 ? true : undefined),
      () => 'the end of the row',
    );
    assert.match(await rcpt(lmtp, alice), NO_SUCH);
    const database = new Sqlite(store, { readonly: true });
    for (const table of ['removed_user', 'removed_address', 'removed_salt', 'removed_bounce_count'])
      assert.equal(database.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), 0, table);
    database.close();
  });

  it('go with the store: a backup of before, between and after is what it was then', async (t) => {
    const { daemon, scratch, alice } = await place(t);
    const backup = async (name: string): Promise<string> => {
      await daemon.ctl('db', 'backup', scratch.path(name));
      return scratch.path(name);
    };
    const before = await backup('before.db');
    await daemon.ctl('user', 'remove', 'alice', '--yes');
    const between = await backup('between.db');
    await daemon.ctl('user', 'remove', 'alice', '--forever', '--yes');
    const answers: string[] = [];
    for (const file of [before, between]) {
      await daemon.stop();
      await daemon.ctl('db', 'restore', file, '--yes');
      await daemon.start();
      const lmtp = await LmtpClient.open(t, daemon.socket);
      answers.push((await rcpt(lmtp, alice)).slice(0, 3));
      if (file === before) continue;
      await daemon.ctl('user', 'restore', 'alice');
      answers.push((await rcpt(lmtp, alice)).slice(0, 3));
    }
    assert.deepEqual(answers, ['250', '550', '250']);
    assert.deepEqual((await daemon.ctl('db', 'check'))[0]?.problems, []);
  });

  it('of 10,000 users keep no reply waiting', async (t) => {
    const scratch = testScratch(t);
    const daemon = await startDaemon(scratch, { sink: NO_SINK });
    await daemon.addUser('alice');
    const { reply_to: alice } = await daemon.mint({ user: 'alice', thread: 'a/1' });
    const lmtp = await LmtpClient.open(t, daemon.socket);
    const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
    scratch.defer(() => store.close());
    const names = Array.from({ length: 10_000 }, (_, n) => `user-${n}`);
    const salt = Buffer.alloc(32, 1);
    await Promise.all(
      names.map((name) => store.addUser({ name, addresses: [`${name}@example.com`], salt, now: 0 })),
    );
    const now = Date.now();
    const removal = { isDone: false };
    const removing = (async (): Promise<void> => {
      for (let done = 0; done < names.length; done += AT_ONCE) {
        const some = names.slice(done, done + AT_ONCE).map((name) => store.removeUser(name, now));
        assert.ok((await Promise.all(some)).every(Boolean));
      }
      removal.isDone = true;
    })();
    const waits: number[] = [];
    do {
      const begun = performance.now();
      const message = replyMessage({ to: alice, messageId: newMessageId() });
      assert.match((await lmtp.deliver(message, alice))[0] ?? '', /^250/);
      waits.push(performance.now() - begun);
    } while (!removal.isDone);
    await removing;
    t.diagnostic(`${waits.length} replies meanwhile, the slowest in ${Math.round(Math.max(...waits))} ms`);
    assert.equal((await daemon.ctl('user', 'list', '--removed')).length, 10_000);
    tamper(scratch.path('mailgw.db'), 'UPDATE removed_user SET removed_at = 0');
    await eventually(
      async () => ((await store.removedUsers()).length === 0 ? true : undefined),
      () => 'the end of 10,000 rows',
    );
    assert.match((await lmtp.deliver(replyMessage({ to: alice }), alice))[0] ?? '', /^250/);
  });
});

// Not beside a daemon: of a store that is open, the log holds what was erased until it is folded.
describe('mailgw-ctl user remove --forever, of a store that nobody has open', () => {
  it('leaves nothing of the user in the store, whether removed before or not', async (t) => {
    const tool = await initialise(testScratch(t));
    const address = 'alice.of.the.test@example.com';
    for (const isRemoved of [false, true]) {
      await tool.text('user', 'add', 'alice', '--address', address);
      if (isRemoved) await tool.text('user', 'remove', 'alice', '--yes');
      await tool.fails(
        64,
        /user alice, number \d, and their reply addresses are gone for good; nothing was done.*--yes/,
        ...['user', 'remove', 'alice', '--forever'],
      );
      const erased = await tool.row('user', 'remove', 'alice', '--forever', '--yes');
      assert.deepEqual([erased.addresses, erased.restorable_until], [[address], null]);
      assert.deepEqual(await tool.rows('user', 'list', '--removed'), []);
      await tool.fails(65, /no such user was removed within 30 days/, 'user', 'restore', 'alice');
      await tool.fails(65, /there is no such user/, 'user', 'remove', 'alice', '--forever', '--yes');
    }
    await tool.text('db', 'vacuum');
    for (const name of readdirSync(tool.scratch.directory).filter((file) => file.startsWith('mailgw.db')))
      assert.ok(!readFileSync(tool.scratch.path(name)).includes(address), name);
  });
});
