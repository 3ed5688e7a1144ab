// The real daemon with a long queue, a platform that comes late, and messages that hurt their parser.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { PAGES } from '../reply/fixtures/hostile.ts';
import { startDaemon } from '../support/daemon.ts';
import { enqueue } from '../support/dispatch.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { peakRssBytes } from '../support/proc.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';

describe('a daemon with a long queue and its platform down', () => {
  it('says so in stats, posts each once when it is back, and stays below 200 MB', async (t) => {
    const items = roundsOf(10_000);
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, { sink: platform.sink });
    await platform.down();
    const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
    scratch.defer(() => store.close());
    await Promise.all(
      Array.from({ length: items }, (_, n) =>
        enqueue(store, `item-${String(n).padStart(5, '0')}`, `thread/${n % 500}`, Date.now()),
      ),
    );
    const stats = await eventually(
      async () => (await daemon.ctl('stats')).find((row) => row.sink === 'down'),
      () => 'the sink down in stats',
    );
    assert.match(String(stats.sink_diagnostic), /ECONNREFUSED/);
    await platform.up();
    await platform.nthPost(items, 120_000);
    assert.equal(new Set(platform.posts.map((post) => post.data.id)).size, items);
    assert.ok(platform.requests.length === items, `${platform.requests.length} requests`);
    const peak = peakRssBytes(daemon.pid);
    t.diagnostic(`VmHWM ${Math.round(peak / 1e6)} MB`);
    assert.ok(peak < 200_000_000, String(peak));
    assert.equal((await daemon.ctl('stats'))[0]?.sink, 'up');
  });
});

/** A page that takes a cold parser a second and more. */
const HOSTILE = PAGES['a flat mail']!;

describe('a message that its parser cannot finish', () => {
  it('is failed as poison after three tries, while others are posted and the main loop answers', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, {
      sink: platform.sink,
      // What takes seconds on a slow machine is past this deadline on every machine.
      settings: { delivery: { parse_timeout: '300ms', retry_first: '50ms', retry_longest: '100ms' } },
    });
    await daemon.addUser('alice');
    const hostile = await daemon.mint({ user: 'alice', thread: 'hostile' });
    const kind = await daemon.mint({ user: 'alice', thread: 'kind' });
    const client = await LmtpClient.open(t, daemon.socket);
    const body = HOSTILE(1024 * 1024);
    const poison = replyMessage({
      to: hostile.reply_to,
      headers: ['Content-Type: text/html; charset=utf-8'],
      body,
    });
    assert.match((await client.deliver(poison, hostile.reply_to))[0] ?? '', /^250/);
    let longestMs = 0;
    const failed = eventually(
      async () => {
        const before = performance.now();
        await client.say('NOOP');
        longestMs = Math.max(longestMs, performance.now() - before);
        return daemon.log().includes('"event":"poison"') ? true : undefined;
      },
      () => daemon.log().slice(-2000),
    );
    const other = await LmtpClient.open(t, daemon.socket);
    for (let n = 1; n <= 5; n++) {
      const reply = replyMessage({ to: kind.reply_to });
      assert.match((await other.deliver(reply, kind.reply_to))[0] ?? '', /^250/);
    }
    await platform.nthPost(5);
    await failed;
    const [item] = await daemon.ctl('queue', 'list', '--state', 'failed');
    assert.match(String(item?.last_diagnostic), /^poison: parser timeout/);
    assert.equal(item?.attempts, 3);
    t.diagnostic(`the longest wait for a NOOP was ${Math.round(longestMs)} ms`);
  });
});
