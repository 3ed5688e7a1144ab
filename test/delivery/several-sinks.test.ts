// Several platforms in one daemon: what one of them does stops no other, and what waits goes with the configuration.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { type Daemon, type SinkTable, sinkTables, startDaemon } from '../support/daemon.ts';
import { enqueue } from '../support/dispatch.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { type Answer, type Platform, startPlatform } from '../support/platform.ts';
import { roundsOf } from '../support/rounds.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

/** Posts on their way to a sink at a time, by default; a few are kept for users who have none there. */
const SLOTS = 8;

const RETRY = { delivery: { retry_first: '100ms', retry_longest: '10min', stop_timeout: '1s' } };

/** A daemon with two platforms, and the tables of sinks. */
interface Pair {
  readonly scratch: Scratch;
  readonly daemon: Daemon;
  readonly forum: Platform;
  readonly tracker: Platform;
  readonly table: (name: string, threads: string, platform: Platform) => SinkTable;
}

async function startPair(t: TestContext): Promise<Pair> {
  const scratch = testScratch(t);
  const [forum, tracker] = [await startPlatform(scratch), await startPlatform(scratch)];
  const table = (name: string, threads: string, platform: Platform): SinkTable => {
    const file = scratch.path(`${name}.secret`);
    writeFileSync(file, `${platform.sink.secret}\n`, { mode: 0o600 });
    return { name, threads, type: 'webhook', url: platform.sink.url, secret_file: file };
  };
  const sinks = [table('forum', 'forum/', forum), table('tracker', 'tracker/', tracker)];
  const daemon = await startDaemon(scratch, {
    sink: forum.sink,
    sinks,
    settings: { ...RETRY, metrics: { listen: `unix:${scratch.path('metrics.sock')}` } },
  });
  return { scratch, daemon, forum, tracker, table };
}

/** Puts other sinks into the file. */
function rewrite({ config }: Daemon, tables: string): void {
  const [head = ''] = readFileSync(config, 'utf8').split('[[sink]]');
  writeFileSync(config, head + tables);
}

/** Puts other sinks into the file and has the daemon take them. */
async function reload(daemon: Daemon, tables: readonly SinkTable[]): Promise<void> {
  rewrite(daemon, sinkTables(tables));
  await daemon.ctl('reload');
}

async function openTool({ scratch }: Pair): Promise<Store> {
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  return store;
}

/** Delivers replies to threads of the forum one after the other, and waits for their posts; milliseconds. */
async function timeOfPosts(
  t: TestContext,
  daemon: Daemon,
  forum: Platform,
  addresses: readonly string[],
): Promise<number> {
  const before = forum.posts.length;
  const client = await LmtpClient.open(t, daemon.socket);
  const startedAt = performance.now();
  for (const address of addresses) {
    const [answer] = await client.deliver(replyMessage({ to: address, body: `at ${startedAt}\n` }), address);
    assert.match(answer ?? '', /^250/);
  }
  await forum.nthPost(before + addresses.length, 60_000);
  return performance.now() - startedAt;
}

describe('two platforms of which one does not take posts', () => {
  const standing = (answer: Answer) => (platform: Platform) => {
    platform.answerAlways(answer);
  };
  const answers = [
    ['refuses every request (401)', standing(401), 'broken'],
    ['is down', (platform: Platform) => platform.down(), 'down'],
    ['asks to be left alone (429)', standing({ status: 429, headers: { 'retry-after': '600' } }), 'paused'],
    ['gives no answer', standing(0), undefined],
  ] as const;
  for (const [what, fail, state] of answers) {
    it(`${what}: the other has its posts, whatever waits for the first`, async (t) => {
      const pair = await startPair(t);
      const { daemon, forum, tracker } = pair;
      await daemon.addUser('alice');
      const addresses = await Promise.all(
        Array.from(
          { length: 30 },
          async (_, n) => (await daemon.mint({ user: 'alice', thread: `forum/${n}` })).reply_to,
        ),
      );
      await timeOfPosts(t, daemon, forum, addresses.slice(0, 10)); // its code is loaded now
      const aloneMs = await timeOfPosts(t, daemon, forum, addresses);
      await fail(tracker);
      const store = await openTool(pair);
      const waiting = roundsOf(50_000, 5000);
      for (let n = 0; n < waiting; n += 500) {
        await Promise.all(
          Array.from({ length: 500 }, (_, at) =>
            enqueue(
              store,
              `item-${String(n + at).padStart(6, '0')}`,
              `tracker/${n + at}`,
              Date.now() - 60_000,
            ),
          ),
        );
      }
      await eventually(
        async () => {
          const found = (await store.counts()).sinks.find(({ name }) => name === 'tracker');
          const hangs = state === undefined && tracker.requests.length >= SLOTS;
          return hangs || (state !== undefined && found?.state === state) || undefined;
        },
        () => daemon.log().slice(-2000),
      );
      const besideMs = await timeOfPosts(t, daemon, forum, addresses);
      t.diagnostic(
        `30 posts: ${aloneMs.toFixed(0)} ms alone, ${besideMs.toFixed(0)} ms beside ${waiting} that wait`,
      );
      assert.equal(forum.posts.length, 70);
      assert.equal(tracker.posts.length, 0);
      // The last of the forum's outcomes is in the store a moment after its post.
      const { sinks } = await eventually(
        async () => {
          const counts = await store.counts();
          const [only, ...others] = counts.lanes;
          return only?.lane === 'tracker' && only.open === waiting && others.length === 0
            ? counts
            : undefined;
        },
        () => daemon.log().slice(-2000),
      );
      assert.equal(sinks.find(({ name }) => name === 'forum')?.state, 'up');
    });
  }
});

describe('two platforms', () => {
  it('get their own threads, without the beginning by which they are told apart', async (t) => {
    const pair = await startPair(t);
    const { daemon } = pair;
    await daemon.addUser('alice');
    const client = await LmtpClient.open(t, daemon.socket);
    for (const thread of ['forum/topic/1', 'tracker/acme/issue/7']) {
      const { reply_to: address } = await daemon.mint({ user: 'alice', thread });
      await client.deliver(replyMessage({ to: address }), address);
    }
    assert.equal((await pair.forum.nthPost(1)).data.thread, 'topic/1');
    assert.equal((await pair.tracker.nthPost(1)).data.thread, 'acme/issue/7');
    const refused = await daemon.tryCtl('address', 'mint', '--user', 'alice', '--thread', 'wiki/1');
    assert.equal(refused.code, 65);
    assert.match(refused.stderr, /no \[\[sink\]\] is for it; expected one of the beginnings .*forum\//);
  });

  it('one mail to both is posted on both', async (t) => {
    const pair = await startPair(t);
    const { daemon } = pair;
    await daemon.addUser('alice');
    const addresses = await Promise.all(
      ['forum/1', 'tracker/1'].map(async (thread) => (await daemon.mint({ user: 'alice', thread })).reply_to),
    );
    const client = await LmtpClient.open(t, daemon.socket);
    const both = await client.deliver(replyMessage({ to: addresses.join(', ') }), ...addresses);
    assert.equal(both.filter((answer) => answer.startsWith('250')).length, 2);
    await pair.forum.nthPost(1);
    await pair.tracker.nthPost(1);
  });

  it('are told apart by name in stats, top, queue, metrics, doctor and the log', async (t) => {
    const pair = await startPair(t);
    const { daemon } = pair;
    pair.tracker.answerAlways(401);
    const store = await openTool(pair);
    await enqueue(store, 'item-forum', 'forum/1', Date.now());
    await enqueue(store, 'item-tracker', 'tracker/1', Date.now());
    await enqueue(store, 'item-stray', 'wiki/1', Date.now());
    const stats = await eventually(
      async () => {
        const [row] = await daemon.ctl('stats');
        const sinks = row?.sinks as readonly Record<string, unknown>[];
        const states = sinks.map(({ sink, state, open }) => [sink, state, open]);
        return String(states) === 'forum,up,0,tracker,broken,1,none,missing,1' ? sinks : undefined;
      },
      () => daemon.log(),
    );
    assert.match(String(stats[1]?.diagnostic), /401/);
    const [top] = await daemon.ctl('top', '--once');
    assert.equal((top?.sinks as readonly Record<string, unknown>[])[1]?.state, 'broken');
    const listed = async (...args: string[]): Promise<unknown[]> =>
      (await daemon.ctl('queue', 'list', ...args)).map(({ id, sink }) => [id, sink]);
    assert.deepEqual(await listed('--sink', 'tracker'), [['item-tracker', 'tracker']]);
    assert.deepEqual(await listed('--sink', 'none'), [['item-stray', 'none']]);
    assert.match(
      (await daemon.tryCtl('queue', 'list', '--sink', 'wiki')).stderr,
      /"wiki": is not one of forum, tracker, none/,
    );
    assert.equal((await daemon.ctl('queue', 'show', 'item-tracker'))[0]?.sink, 'tracker');
    assert.match(daemon.log(), /"sink":"tracker","diagnostic":"401.*"event":"sink_broken"/);
    assert.match(daemon.log(), /"id":"item-stray","thread":"wiki\/1","event":"sink_missing"/);
    const findings = (await daemon.tryCtl('doctor')).stdout;
    assert.match(
      findings,
      /"check":"sink.options","status":"ok","what":"forum: type webhook, threads that begin with \\"forum\//,
    );
    assert.match(
      findings,
      /"check":"queue.sink","status":"problem","what":"mailgwd finds the sink tracker broken/,
    );
    assert.match(
      findings,
      /"check":"queue.stray","status":"problem","what":"1 replies are to threads that no \[\[sink\]\] is for/,
    );
    const page = await metricsOf(pair.scratch);
    for (const line of [
      'mailgw_sink_state{sink="tracker",state="broken"} 1',
      'mailgw_sink_state{sink="forum",state="up"} 1',
      'mailgw_sink_open_items{sink="tracker"} 1',
      'mailgw_sink_open_items{sink="none"} 1',
      'mailgw_sink_request_seconds_count{sink="forum",status="2xx"} 1',
      'mailgw_sink_request_seconds_count{sink="tracker",status="2xx"} 0',
    ])
      assert.ok(page.includes(line), `${line} in\n${page}`);
  });

  it('a reload gives what waits to the sink whose it is now: added, with another beginning, renamed, removed', async (t) => {
    const pair = await startPair(t);
    const { daemon, forum, tracker, table } = pair;
    const store = await openTool(pair);
    await enqueue(store, 'item-stray', 'wiki/1', Date.now());
    await eventually(
      () => daemon.log().includes('"event":"sink_missing"') || undefined,
      () => daemon.log(),
    );
    // Another beginning: the tracker takes what no sink was for.
    await reload(daemon, [table('forum', 'forum/', forum), table('tracker', 'wiki/', tracker)]);
    assert.equal((await tracker.nthPost(1)).data.thread, '1');
    // Renamed, while its items wait; the one that takes its threads has another platform.
    tracker.answerAlways(503);
    await enqueue(store, 'item-wiki', 'wiki/2', Date.now());
    await tracker.nthRequest(2);
    await reload(daemon, [table('forum', 'forum/', forum), table('wiki', 'wiki/', forum)]);
    assert.equal((await forum.post(({ data }) => data.id === 'item-wiki')).data.thread, '2');
    // Removed, and there is one sink for all, which sees whole threads.
    const { type, url, secret_file } = table('forum', '', forum);
    await enqueue(store, 'item-last', 'elsewhere/3', Date.now());
    const only = sinkTables([{ type, url, secret_file } as SinkTable]);
    rewrite(daemon, only.replace('[[sink]]', '[sink]'));
    await daemon.ctl('reload');
    assert.equal((await forum.post(({ data }) => data.id === 'item-last')).data.thread, 'elsewhere/3');
    assert.deepEqual((await store.counts()).lanes, []);
    const ids = [...forum.posts, ...tracker.posts].map(({ data }) => data.id);
    assert.equal(new Set(ids).size, ids.length, 'none twice');
    assert.equal((await daemon.ctl('stats'))[0]?.sink, 'up');
  });

  it('a start with other sinks than the last one finds what waits', async (t) => {
    const pair = await startPair(t);
    const { daemon } = pair;
    pair.tracker.answerAlways(503);
    const store = await openTool(pair);
    await enqueue(store, 'item-1', 'tracker/1', Date.now());
    await pair.tracker.nthRequest(1);
    await daemon.stop();
    rewrite(daemon, sinkTables([pair.table('all', '', pair.forum)]));
    await daemon.start();
    assert.equal((await pair.forum.nthPost(1)).data.thread, 'tracker/1');
  });
});

function metricsOf(scratch: Scratch): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath: scratch.path('metrics.sock'), path: '/metrics' }, (response) => {
      response.setEncoding('utf8');
      let text = '';
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        resolve(text);
      });
    });
    asking.on('error', reject);
    asking.end();
  });
}
