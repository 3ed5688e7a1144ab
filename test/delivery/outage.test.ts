import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Post } from '../../src/reply/post.ts';
import type { Outcome } from '../../src/sinks/sink.ts';
import { type Dispatch, enqueue, openDispatch, RETRY, START } from '../support/dispatch.ts';
import { roundsOf } from '../support/rounds.ts';

const POSTED: Outcome = { kind: 'posted', diagnostic: '201 Created' };
const DOWN: Outcome = { kind: 'deferred', diagnostic: 'no answer: connect ECONNREFUSED' };
const KEY_REFUSED: Outcome = { kind: 'deferred', diagnostic: '401 Unauthorized', broken: true };
const MINUTE_MS = 60_000;
const DAY_MS = 1440 * MINUTE_MS;

async function enqueueMany(dispatch: Dispatch, items: number, threads: number): Promise<void> {
  const ids = Array.from({ length: items }, (_, n) => n);
  await Promise.all(
    ids.map((n) => enqueue(dispatch.store, `item-${String(n).padStart(5, '0')}`, `thread/${n % threads}`)),
  );
}

describe('a sink that is down for a day with a long queue', () => {
  it('gets each of them once when it is back, in order per thread, and a stuck thread stops no other', async (t) => {
    const items = roundsOf(10_000);
    const threads = items / 20;
    const stuck = 'thread/7';
    const others = items - items / threads;
    let isUp = false;
    const posts: Post[] = [];
    const dispatch = await openDispatch(t, (post) => {
      if (!isUp) return DOWN;
      if (post.thread === stuck) return { kind: 'deferred', diagnostic: '500' };
      posts.push(post);
      return POSTED;
    });
    await enqueueMany(dispatch, items, threads);

    dispatch.dispatcher.start();
    await dispatch.until(() => dispatch.count('sink_down') === 1);
    for (let minute = 0; minute < DAY_MS / MINUTE_MS; minute++) await dispatch.attemptAfter(MINUTE_MS);
    const attempts = dispatch.count('attempt');
    assert.ok(attempts <= 16 + 1440, `${attempts} attempts on a day without the sink`);
    const { byState, sinks } = await dispatch.store.counts();
    assert.equal(byState.failed, 0);
    assert.equal(sinks[0]?.state, 'down');
    const touched = (await dispatch.store.list({ limit: items })).filter((item) => item.attempts > 0);
    assert.ok(touched.length <= attempts, 'the others are as they came');

    isUp = true;
    dispatch.advance(2 * MINUTE_MS);
    await dispatch.until(() => posts.length === others);
    assert.equal(new Set(posts.map((post) => post.id)).size, others, 'each once');
    const last = new Map<string, string>();
    for (const { id, thread = '' } of posts) {
      assert.ok((last.get(thread) ?? '') < id, `${id} after ${last.get(thread)}`);
      last.set(thread, id);
    }
    assert.equal(dispatch.count('sink_recovered'), 1);
    t.diagnostic(
      `${attempts} attempts in a day of ${items} waiting items, ${touched.length} of them touched`,
    );
  });
});

async function oneItem(t: TestContext, deliver: () => Outcome): Promise<Dispatch> {
  const dispatch = await openDispatch(t, deliver);
  await enqueue(dispatch.store, 'lonely', 'thread/1');
  dispatch.dispatcher.start();
  await dispatch.until(() => dispatch.count('attempt') === 1);
  return dispatch;
}

/** The time at which the item is due again, once its outcome is written. */
async function dueAt(dispatch: Dispatch, attempts: number): Promise<number | undefined> {
  for (;;) {
    const item = await dispatch.store.get('lonely');
    if (item?.attempts === attempts && item.state !== 'leased') return item.dueAt;
    await nextTurn();
  }
}

describe('an item that fails again and again', () => {
  it('is tried after 5 s, then twice as long each time up to an hour, for five days; then it is a dead letter', async (t) => {
    const dispatch = await oneItem(t, () => DOWN);
    const waits: number[] = [];
    for (let attempts = 1; ; attempts++) {
      const due = await dueAt(dispatch, attempts);
      if (due === undefined) break;
      waits.push((due - dispatch.now) / 1000);
      await dispatch.attemptAfter(due - dispatch.now);
    }
    assert.deepEqual(waits.slice(0, 11), [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]);
    assert.ok(waits.slice(10).every((wait) => wait === 3600));
    const age = dispatch.now - START;
    assert.ok(age >= RETRY.maxAgeMs && age < RETRY.maxAgeMs + RETRY.longestMs, `given up after ${age} ms`);
    const item = await dispatch.store.get('lonely');
    assert.equal(item?.state, 'failed');
    assert.equal(item.lastDiagnostic, `given up: ${DOWN.diagnostic}`);
    assert.ok((await dispatch.store.content('lonely')) !== undefined, 'a dead letter keeps its message');
  });

  it('is left alone as long as the sink asks, but no longer than an hour', async (t) => {
    for (const [askedMs, waitMs] of [
      [90_000, 90_000],
      [DAY_MS, RETRY.longestMs],
    ] as const) {
      const dispatch = await oneItem(t, () => ({
        kind: 'deferred',
        diagnostic: '429',
        retryAfterMs: askedMs,
      }));
      assert.equal(await dueAt(dispatch, 1), START + waitMs);
    }
  });
});

describe('a sink that asks to be left alone', () => {
  it('is left alone by every item, then probed by one', async (t) => {
    const answers: Outcome[] = [{ kind: 'deferred', diagnostic: '429', retryAfterMs: 10 * MINUTE_MS }];
    let asked = 0;
    const dispatch = await openDispatch(t, () => {
      asked++;
      return answers.shift() ?? POSTED;
    });
    await enqueue(dispatch.store, 'first', 'thread/1');
    dispatch.dispatcher.start();
    await dispatch.until(() => dispatch.count('sink_paused') === 1);
    await enqueueMany(dispatch, 100, 100);
    for (let minute = 1; minute < 10; minute++) {
      dispatch.advance(MINUTE_MS);
      await dispatch.store.counts();
    }
    assert.equal(asked, 1);
    assert.equal((await dispatch.store.counts()).sinks[0]?.state, 'paused');
    dispatch.advance(MINUTE_MS);
    await dispatch.until(() => asked === 102);
    assert.equal(dispatch.count('sink_recovered'), 1);
  });
});

describe('a sink that refuses our key', () => {
  it('is marked broken, and up again by itself when the key is fixed', async (t) => {
    let isFixed = false;
    const dispatch = await openDispatch(t, () => (isFixed ? POSTED : KEY_REFUSED));
    await enqueueMany(dispatch, 50, 50);
    dispatch.dispatcher.start();
    await dispatch.until(() => dispatch.count('attempt') >= 16);
    for (let minute = 0; minute < 10; minute++) await dispatch.attemptAfter(MINUTE_MS);
    assert.equal(dispatch.count('sink_broken'), 1, 'one alarm');
    const broken = (await dispatch.store.counts()).sinks[0];
    assert.deepEqual([broken?.state, broken?.diagnostic], ['broken', '401 Unauthorized']);
    isFixed = true;
    dispatch.advance(2 * MINUTE_MS);
    await dispatch.until(
      () => dispatch.events.filter(({ fields }) => fields.outcome === 'posted').length === 50,
    );
    assert.equal((await dispatch.store.counts()).sinks[0]?.state, 'up');
    assert.equal(dispatch.count('sink_recovered'), 1);
  });
});
