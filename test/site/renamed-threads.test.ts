// Threads that the platform gives another name: what is out stays good, and replies go to the new place.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Daemon, type Minted, startDaemon } from '../support/daemon.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { testScratch } from '../support/scratch.ts';

const OLD = 'acme/site/issue/7';
const NEW = 'acme/website/issue/7';

/** The time of a post that is older than any renaming here. */
const EARLIER = String(Math.floor(Date.now() / 1000) - 60);

interface Place {
  readonly test: TestContext;
  readonly daemon: Daemon;
  readonly platform: Platform;
}

async function place(test: TestContext): Promise<Place> {
  const scratch = testScratch(test);
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, { sink: platform.sink });
  await daemon.addUser('alice');
  return { test, daemon, platform };
}

const sealed = ({ daemon }: Place, thread: string): Promise<Minted> => daemon.mint({ user: 'alice', thread });

const bound = ({ daemon }: Place, thread: string, repliedTo = EARLIER): Promise<Minted> =>
  daemon.mint({ user: 'alice', thread, repliedTo, bound: true });

/** Answers a notification; the answer to the dot. */
async function send({ test, daemon }: Place, minted: Minted, messageId?: string): Promise<string> {
  const { reply_to: to, message_id: inReplyTo } = minted;
  const client = await LmtpClient.open(test, daemon.socket);
  const message = replyMessage({ to, inReplyTo, ...(messageId === undefined ? {} : { messageId }) });
  const [answer = ''] = await client.deliver(message, to);
  return answer.replace(/ (?:as|of) \S+$/, '');
}

/** Answers a notification; the thread of the post that becomes of it. */
async function postedTo(where: Place, minted: Minted): Promise<string> {
  const count = where.platform.posts.length;
  assert.equal(await send(where, minted), '250 2.0.0 queued');
  return (await where.platform.nthPost(count + 1)).data.thread;
}

const rename = ({ daemon }: Place, from: string, to: string): Promise<unknown> =>
  daemon.ctl('thread', 'rename', from, to);

describe('a thread with another name', () => {
  it('gets the replies to every address that was made for the old one', async (t) => {
    const where = await place(t);
    const out = [await sealed(where, OLD), await bound(where, OLD)];
    assert.deepEqual(await where.daemon.ctl('thread', 'rename', OLD, NEW), [
      { thread: NEW, thread_number: 1, formerly: OLD, open_items: 0 },
    ]);
    for (const minted of out) assert.equal(await postedTo(where, minted), NEW);
    for (const minted of [await sealed(where, NEW), await bound(where, NEW)])
      assert.equal(await postedTo(where, minted), NEW);
    await where.daemon.restart();
    assert.equal(await postedTo(where, out[0]!), NEW);
  });

  it('may be renamed back, and again', async (t) => {
    const where = await place(t);
    const first = [await sealed(where, OLD), await bound(where, OLD)];
    await rename(where, OLD, NEW);
    const second = [await sealed(where, NEW), await bound(where, NEW)];
    await rename(where, NEW, OLD);
    for (const minted of [...first, ...second]) assert.equal(await postedTo(where, minted), OLD);
    await rename(where, OLD, 'third');
    await rename(where, 'third', 'fourth');
    for (const minted of [...first, ...second]) assert.equal(await postedTo(where, minted), 'fourth');
  });

  it('takes nothing from a new thread of the old name', async (t) => {
    const where = await place(t);
    const out = [await sealed(where, OLD), await bound(where, OLD)];
    await rename(where, OLD, NEW);
    const later = String(Math.floor(Date.now() / 1000) + 60);
    const fresh = [await sealed(where, OLD), await bound(where, OLD, later)];
    for (const minted of fresh) assert.equal(await postedTo(where, minted), OLD);
    for (const minted of out) assert.equal(await postedTo(where, minted), NEW);
    const { code, stderr } = await where.daemon.tryCtl('thread', 'rename', NEW, OLD);
    assert.equal(code, 65);
    assert.match(
      stderr,
      /^mailgw-ctl: thread "acme\/site\/issue\/7": is another thread, number 2; two cannot become one/,
    );
    await rename(where, OLD, 'elsewhere');
    assert.equal(await postedTo(where, fresh[0]!), 'elsewhere');
    assert.equal(await postedTo(where, out[1]!), NEW, 'the post is older than both renamings');
  });

  it('knows a copy that came before it', async (t) => {
    const where = await place(t);
    const minted = await sealed(where, OLD);
    const id = 'one-and-the-same@client.example.com';
    assert.equal(await send(where, minted, id), '250 2.0.0 queued');
    await rename(where, OLD, NEW);
    assert.equal(await send(where, minted, id), '250 2.0.0 duplicate');
  });

  it('has what waits go to the new place, in the order of arrival', async (t) => {
    const where = await place(t);
    const { daemon, platform } = where;
    await daemon.ctl('queue', 'pause');
    const [old, both] = [await sealed(where, OLD), await bound(where, NEW)];
    const ids = ['1', '2', '3', '4'].map((n) => `reply-${n}@client.example.com`);
    for (const [index, minted] of [old, both, old, both].entries())
      assert.equal(await send(where, minted, ids[index]), '250 2.0.0 queued');
    assert.deepEqual(
      (await daemon.ctl('thread', 'rename', OLD, NEW)).map(({ open_items: open }) => open),
      [2],
    );
    assert.equal((await daemon.ctl('queue', 'list', '--thread', NEW)).length, 4);
    await daemon.ctl('queue', 'resume');
    await platform.nthPost(4);
    const posts = platform.posts.map(({ data }) => data);
    assert.deepEqual(
      posts.map(({ message_id: id }) => id),
      ids.map((id) => `<${id}>`),
    );
    assert.deepEqual([...new Set(posts.map(({ thread }) => thread))], [NEW]);
  });

  it('is told by explain, with the name that the address was made for', async (t) => {
    const where = await place(t);
    const { daemon } = where;
    const [one, two] = [await sealed(where, OLD), await bound(where, OLD)];
    await rename(where, OLD, NEW);
    const [ofSealed] = await daemon.ctl('address', 'explain', one.reply_to);
    assert.deepEqual([ofSealed?.verdict, ofSealed?.thread], ['valid', NEW]);
    assert.match(
      JSON.stringify(ofSealed?.rules),
      new RegExp(`thread: ${NEW}, which was ${OLD} when it was made`),
    );
    const [ofBound] = await daemon.ctl('address', 'explain', two.reply_to, '--in-reply-to', two.message_id);
    assert.deepEqual([ofBound?.verdict, ofBound?.thread], ['valid', NEW]);
    assert.match(JSON.stringify(ofBound?.rules), new RegExp(`thread: ${OLD}`));
  });

  it('cannot be a probe, a name that is none, or one that no Message-ID can carry', async (t) => {
    const { daemon } = await place(t);
    for (const [to, problem] of [
      ['mailgw:probe', /are kept for mailgw itself/],
      ['', /expected the platform's name/],
      ['a\nb', /expected the platform's name/],
      ['x'.repeat(2000), /makes a Message-ID of/],
    ] as const) {
      const { code, stderr } = await daemon.tryCtl('thread', 'rename', OLD, to);
      assert.deepEqual([code, problem.test(stderr)], [65, true], stderr);
    }
  });
});
