// Retention: what is pruned and what never is, in which steps, and that the file does not grow without bound.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import type { PruneRequest } from '../../src/store/retention.ts';
import { startRetention } from '../../src/store/retention.ts';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { accept, NOW, newItem } from '../support/item.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';

const DAY = 86_400_000;
const MIB = 1024 * 1024;
const NOTHING: PruneRequest = { contentBefore: 0, rowsBefore: 0, dedupeBefore: 0, keepFreeBytes: Infinity };

interface Place {
  readonly path: string;
  readonly store: Store;
}

async function open(t: TestContext, keepContent = false): Promise<Place> {
  const scratch = testScratch(t);
  const path = scratch.path('mailgw.db');
  const store = await openSqliteStore({ path, mode: 'daemon', keepContent });
  scratch.defer(() => store.close());
  return { path, store };
}

/** Posts whatever is due, as the dispatcher would, at the time `at`. */
async function postAll(store: Store, at: number): Promise<number> {
  const leased = await store.lease({ now: at, leaseMs: 1000, limit: 1000 });
  await store.settle(
    leased.map(({ id, attempts }) => ({ id, attempts, settlement: { kind: 'posted', at } })),
  );
  return leased.length;
}

/** Posts one message of its own thread that was received at `at`; its id. */
async function post(store: Store, at: number, raw: Uint8Array = Buffer.alloc(3000)): Promise<string> {
  const item = newItem({ thread: `t/${randomBytes(6).toString('hex')}`, receivedAt: at });
  await accept(store, [item], raw);
  await postAll(store, at);
  return item.id;
}

/** Prunes until nothing is left to do; the sums, and the longest step in milliseconds. */
async function pruneAll(
  store: Store,
  request: PruneRequest,
): Promise<{ rows: number; contents: number; dedupes: number; steps: number }> {
  const sum = { rows: 0, contents: 0, dedupes: 0, steps: 0 };
  for (;;) {
    const step = await store.prune(request);
    sum.rows += step.rows;
    sum.contents += step.contents;
    sum.dedupes += step.dedupes;
    sum.steps += 1;
    if (step.isDone) return sum;
  }
}

describe('retention', () => {
  it('removes the rows of what was posted before, and nothing else', async (t) => {
    const { store, path } = await open(t);
    const old = await post(store, NOW - 31 * DAY);
    const young = await post(store, NOW - 29 * DAY);
    const failed = newItem({ receivedAt: NOW - 400 * DAY, thread: 'failed' });
    await accept(store, [failed]);
    const [lease] = await store.lease({ now: NOW - 400 * DAY, leaseMs: 1, limit: 1 });
    const settlement = { kind: 'failed', at: NOW - 400 * DAY, diagnostic: 'gone' } as const;
    await store.settle([{ id: failed.id, attempts: lease?.attempts ?? 0, settlement }]);
    const held = newItem({ receivedAt: NOW - 400 * DAY, hold: 'list', thread: 'held' });
    const waiting = newItem({ receivedAt: NOW - 400 * DAY, thread: 'waiting' });
    await accept(store, [held, waiting]);

    const sum = await pruneAll(store, {
      ...NOTHING,
      rowsBefore: NOW - 30 * DAY,
      dedupeBefore: NOW - 104 * DAY,
    });
    assert.deepEqual(sum, { rows: 1, contents: 0, dedupes: 3, steps: 1 });
    const left = (await store.list({})).map(({ id }) => id);
    assert.deepEqual(new Set(left), new Set([young, failed.id, held.id, waiting.id]));
    assert.equal(await store.get(old), undefined);
    for (const id of [failed.id, held.id, waiting.id]) assert.ok((await store.content(id)) !== undefined);
    assert.deepEqual(checkStore(path).problems, []);
  });

  it('knows a repetition for as long as the dedupe window, whether its row is there or not', async (t) => {
    const { store } = await open(t);
    const item = newItem({ receivedAt: NOW - 40 * DAY });
    await accept(store, [item]);
    await postAll(store, NOW - 40 * DAY);
    await pruneAll(store, { ...NOTHING, rowsBefore: NOW - 30 * DAY, dedupeBefore: NOW - 104 * DAY });
    const again = await accept(store, [newItem({ fingerprint: item.fingerprint })]);
    assert.deepEqual(again, [{ kind: 'duplicate', id: item.id }]);
    await pruneAll(store, { ...NOTHING, dedupeBefore: NOW - 39 * DAY });
    const [fresh] = await accept(store, [newItem({ fingerprint: item.fingerprint })]);
    assert.equal(fresh?.kind, 'queued');
  });

  it('keeps the message of a posted item for as long as it is told to', async (t) => {
    const { store, path } = await open(t, true);
    const old = await post(store, NOW - 8 * DAY);
    const young = await post(store, NOW - 6 * DAY);
    assert.equal((await store.content(old))?.length, 3000);
    const request = { ...NOTHING, contentBefore: NOW - 7 * DAY };
    assert.equal((await pruneAll(store, request)).contents, 1);
    assert.equal(await store.content(old), undefined);
    assert.equal((await store.get(old))?.state, 'posted');
    assert.equal((await store.content(young))?.length, 3000);
    assert.equal((await pruneAll(store, request)).contents, 0);
    assert.deepEqual(checkStore(path).problems, []);
  });

  it('gives up messages of posted items before their time while space is low, the oldest first, and no more', async (t) => {
    const { store, path } = await open(t, true);
    const kept: string[] = [];
    for (let n = 0; n < 12; n++) kept.push(await post(store, NOW + n, randomBytes(MIB)));
    let steps = 0;
    const stop = startRetention({
      queue: {
        prune: (request) => {
          steps += 1;
          return store.prune(request);
        },
      },
      periods: () => ({ contentMs: 3 * DAY, rowsMs: 30 * DAY, dedupeMs: 104 * DAY, originalsBytes: 0 }),
      isSpaceLow: () => steps === 0,
      log: () => undefined,
      now: () => NOW + 60_000,
    });
    await eventually(
      () => (steps > 2 ? steps : undefined),
      () => `${steps} steps`,
    );
    await stop();
    const left = await Promise.all(kept.map(async (id) => (await store.content(id)) !== undefined));
    const first = left.indexOf(true);
    assert.ok(first >= 1 && first <= 4, `${first} of 12 messages of a megabyte went in one step`);
    assert.ok(!left.slice(first).includes(false), 'the youngest stay');
    assert.deepEqual(checkStore(path).problems, []);
  });

  it('goes in small steps, however much is out of date, and gives the space back', async (t) => {
    const { store, path } = await open(t, true);
    for (let n = 0; n < 40; n++) await post(store, NOW, randomBytes(MIB));
    const bytesBefore = statSync(path).size;
    const gaps: number[] = [];
    let last = performance.now();
    const watch = setInterval(() => {
      gaps.push(performance.now() - last);
      last = performance.now();
    }, 5);
    const { rows, steps } = await pruneAll(store, { ...NOTHING, rowsBefore: NOW + 1, keepFreeBytes: 0 });
    clearInterval(watch);
    assert.equal(rows, 40);
    assert.ok(steps >= 10, `${steps} steps of 4 MiB`);
    assert.ok(Math.max(...gaps) < 100, `the main loop waited ${Math.max(...gaps)} ms`);
    assert.ok(statSync(path).size < MIB, `${bytesBefore} → ${statSync(path).size}`);
    assert.deepEqual(checkStore(path).problems, []);
  });

  it('runs by itself beside messages, logs what it removed, and survives a store that fails', async (t) => {
    const { store } = await open(t);
    for (let n = 0; n < 250; n++) await post(store, NOW - 31 * DAY);
    const events: string[] = [];
    let isBroken = true;
    const stop = startRetention({
      queue: {
        prune: (request) => {
          if (!isBroken) return store.prune(request);
          isBroken = false;
          return Promise.reject(new Error('broken'));
        },
      },
      periods: () => ({ contentMs: 0, rowsMs: 30 * DAY, dedupeMs: 104 * DAY, originalsBytes: 0 }),
      isSpaceLow: () => false,
      log: (event, fields) => events.push(`${event} ${fields?.rows ?? fields?.reason ?? ''}`),
      now: () => NOW,
    });
    await eventually(
      async () => ((await store.counts()).byState.posted === 0 ? true : undefined),
      () => events.join(),
    );
    await stop();
    assert.deepEqual(events, ['prune_failed broken', 'pruned 100', 'pruned 100', 'pruned 50']);
  });
});

describe('the file', () => {
  const messages = roundsOf(100_000);

  it(`stays small while ${messages} messages go through it`, async (t) => {
    const { store, path } = await open(t);
    const perDay = 1000;
    const backlog = 200;
    let largest = 0;
    for (let n = 0; n < messages; n += backlog) {
      // A fifth of the messages a day at a time, so that every one of them waits among 200.
      const at = NOW + (n / perDay) * DAY;
      await Promise.all(
        Array.from({ length: backlog }, (_, index) =>
          accept(
            store,
            [newItem({ thread: `t/${n + index}`, receivedAt: at })],
            randomBytes(1000 + ((n + index) % 100) * 200),
          ),
        ),
      );
      assert.equal(await postAll(store, at), backlog);
      await pruneAll(store, {
        contentBefore: at,
        rowsBefore: at - DAY,
        dedupeBefore: at - 2 * DAY,
        keepFreeBytes: 4 * MIB,
      });
      largest = Math.max(largest, statSync(path).size);
    }
    t.diagnostic(
      `${messages} messages, ${Math.round((messages * 10.9) / 1024)} MiB of content: at most ${(largest / MIB).toFixed(1)} MiB of file, ${(statSync(path).size / MIB).toFixed(1)} MiB at the end, log ${(statSync(`${path}-wal`).size / MIB).toFixed(1)} MiB`,
    );
    assert.ok(largest < 16 * MIB, `${largest} bytes`);
    assert.ok(statSync(`${path}-wal`).size <= 32 * MIB);
    assert.deepEqual(checkStore(path).problems, []);
  });
});
