// The dispatcher on two manual clocks: the wall clock is set, the monotonic one only goes on.
//
// A real store; parser and platform are the test's own and answer when they are told to. Nothing here waits for time.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Dispatcher } from '../../src/delivery/dispatcher.ts';
import type { DispatcherOptions } from '../../src/delivery/dispatcher-options.ts';
import type { ParsedReply } from '../../src/reply/post.ts';
import type { Outcome } from '../../src/sinks/sink.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { deferredUntil, lease, NOW, queued, settle } from '../support/item.ts';
import { DAY_MS, HOUR_MS, JUMPS } from '../support/jumps.ts';
import { testScratch } from '../support/scratch.ts';

const REPLY: ParsedReply = {
  inReplyTo: undefined,
  subject: 'Re: a question',
  date: undefined,
  from: { address: 'alice@example.com', name: 'Alice' },
  body: { markdown: 'hello', text: 'hello', quoted: '', signature: '', cuts: [] },
  attachments: [],
  dropped: [],
};

const REFUSED: Outcome = { kind: 'deferred', diagnostic: '503' };
const TAKEN: Outcome = { kind: 'posted', diagnostic: '201' };

/** A dispatcher whose world stands still unless the test moves it. */
class Bench {
  readonly store: Store;
  readonly dispatcher: Dispatcher;
  wall = NOW;
  monotonic = 0;
  /** Posts under way, each waiting for its outcome. */
  readonly posts: ((outcome: Outcome) => void)[] = [];
  /** What each look for lost leases found. */
  readonly reclaimed: number[] = [];

  constructor(store: Store) {
    this.store = store;
    const inForce: DispatcherOptions = {
      queue: {
        lease: (request) => store.lease(request),
        settle: (settles) => store.settle(settles),
        content: (id) => store.content(id),
        nextDueAt: () => store.nextDueAt(),
        retime: (change) => store.retime(change),
        setSinkStatus: (name, status) => store.setSinkStatus(name, status),
        reclaim: async (now, inFlight) => {
          const lost = await store.reclaim(now, inFlight);
          this.reclaimed.push(lost);
          return lost;
        },
      },
      remembered: store,
      parser: { parse: () => Promise.resolve({ kind: 'parsed', reply: REPLY }) },
      name: 'webhook',
      mask: (text) => text,
      sink: {
        deliver: () => new Promise((resolve) => this.posts.push(resolve)),
        close: () => Promise.resolve(),
      },
      log: () => undefined,
      now: () => this.wall,
      monotonic: () => this.monotonic,
      random: () => 0,
      concurrency: 4,
      maxBufferedBytes: 40 * 1024 * 1024,
      attemptTimeoutMs: 30_000,
      retry: { firstMs: HOUR_MS, longestMs: HOUR_MS, maxAgeMs: 9000 * DAY_MS },
      pollMs: 60_000,
    };
    this.dispatcher = new Dispatcher(() => inForce);
  }

  /** Lets so much time pass on both clocks, and has the dispatcher look. */
  pass(ms: number): void {
    this.wall += ms;
    this.monotonic += ms;
    this.dispatcher.wake();
  }

  /** Waits for the nth post. */
  async post(n: number): Promise<(outcome: Outcome) => void> {
    return await eventually(
      () => this.posts[n - 1],
      () => `${this.posts.length} posts`,
    );
  }

  /** Waits until an item is in a state, and gives its due time. */
  async due(id: string, state: string, isWanted: (dueAt: number) => boolean = () => true): Promise<number> {
    return await eventually(
      async () => {
        const item = await this.store.get(id);
        const dueAt = item?.dueAt ?? 0;
        return item?.state === state && isWanted(dueAt) ? dueAt : undefined;
      },
      () => `${id} is not ${state}`,
    );
  }
}

async function openBench(t: TestContext): Promise<Bench> {
  const scratch = testScratch(t);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'daemon' });
  scratch.defer(() => store.close());
  const bench = new Bench(store);
  // An attempt without an outcome would keep its deadline, and this process with it, for half a minute.
  scratch.defer(() => {
    for (const answer of bench.posts) answer(TAKEN);
  });
  scratch.defer(() => bench.dispatcher.stop(0));
  return bench;
}

describe('Dispatcher: the wall clock is set', () => {
  for (const [name, jumpMs] of JUMPS) {
    it(`${name}: an item that waits 30 minutes still waits 30 minutes`, async (t) => {
      const bench = await openBench(t);
      const id = await queued(bench.store);
      bench.dispatcher.start();
      (await bench.post(1))(REFUSED);
      assert.equal(await bench.due(id, 'waiting'), NOW + HOUR_MS / 2);
      bench.wall += jumpMs;
      bench.dispatcher.wake();
      await bench.due(id, 'waiting', (dueAt) => dueAt === bench.wall + HOUR_MS / 2);
      bench.pass(HOUR_MS / 2 - 1);
      bench.pass(1);
      await bench.post(2);
      assert.equal(bench.posts.length, 2);
    });

    it(`${name}: an outcome on its way to the store waits 30 minutes as well`, async (t) => {
      const bench = await openBench(t);
      const ids = [await queued(bench.store), await queued(bench.store, { thread: 'another' })];
      bench.dispatcher.start();
      const [first, second] = [await bench.post(1), await bench.post(2)];
      first(REFUSED);
      await setImmediate();
      bench.wall += jumpMs;
      bench.dispatcher.wake();
      second(REFUSED);
      for (const id of ids) {
        await bench.due(id, 'waiting', (dueAt) => dueAt === bench.wall + HOUR_MS / 2);
      }
    });

    it(`${name}: an attempt under way is not repeated when leases are looked for`, async (t) => {
      const bench = await openBench(t);
      const id = await queued(bench.store);
      bench.dispatcher.start();
      const end = await bench.post(1);
      bench.wall += jumpMs;
      bench.pass(61_000);
      await eventually(
        () => bench.reclaimed[0],
        () => 'no look for lost leases',
      );
      // A second thread's item shows that the dispatcher has leased since.
      await queued(bench.store, { thread: 'another', receivedAt: bench.wall });
      bench.dispatcher.wake();
      (await bench.post(2))(TAKEN);
      assert.deepEqual(bench.reclaimed, [0]);
      assert.deepEqual((await bench.store.get(id))?.attempts, 1);
      end(TAKEN);
      await bench.due(id, 'posted');
      assert.equal(bench.posts.length, 2);
    });
  }

  it('back, behind a ready item: that is due all the same', async (t) => {
    const bench = await openBench(t);
    bench.dispatcher.start();
    await queued(bench.store, { receivedAt: NOW + 5000 });
    bench.pass(0);
    bench.wall -= 10 * 365 * DAY_MS;
    bench.dispatcher.wake();
    await bench.post(1);
  });

  it('back, while an item is on its way to the store: that is due with the next look', async (t) => {
    const bench = await openBench(t);
    const id = await queued(bench.store);
    bench.dispatcher.start();
    (await bench.post(1))(REFUSED);
    await bench.due(id, 'waiting');
    bench.wall -= HOUR_MS;
    bench.dispatcher.wake();
    await bench.due(id, 'waiting', (dueAt) => dueAt === bench.wall + HOUR_MS / 2);
    await queued(bench.store, { thread: 'another', receivedAt: NOW });
    bench.pass(1000);
    await bench.post(2);
  });

  it('back, before the start: an item that would wait longer than the longest interval is due at once', async (t) => {
    const bench = await openBench(t);
    const parked = await queued(bench.store, { thread: 'parked' });
    const patient = await queued(bench.store, { thread: 'patient' });
    const [first, second] = await lease(bench.store);
    const dueAt = NOW + HOUR_MS;
    await settle(bench.store, first!, deferredUntil(dueAt + 1));
    await settle(bench.store, second!, deferredUntil(dueAt));
    bench.dispatcher.start();
    await bench.post(1);
    const items = [await bench.store.get(parked), await bench.store.get(patient)];
    assert.deepEqual(
      items.map((item) => [item?.state, item?.attempts]),
      [
        ['leased', 2],
        ['waiting', 1],
      ],
    );
  });
});
