// The contract of retention: what is pruned and what never is, and in which steps.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { digestLocator } from '../../src/mail/reserved.ts';
import type { PruneRequest } from '../../src/store/retention.ts';
import { startRetention } from '../../src/store/retention.ts';
import type { Store } from '../../src/store/store.ts';
import { eventually } from '../support/eventually.ts';
import { accept, NOW, newItem } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

/** A day, and a mebibyte. */
const DAY = 86_400_000;
const MIB = 1024 * 1024;

/** A request for nothing. */
export const NOTHING: PruneRequest = {
  contentBefore: 0,
  rowsBefore: 0,
  dedupeBefore: 0,
  keepFreeBytes: Infinity,
};

/** Posts whatever is due, as the dispatcher would, at the time `at`. */
export async function postAll(store: Store, at: number): Promise<number> {
  const leased = await store.lease({ now: at, leaseMs: 1000, limit: 1000 });
  await store.settle(
    leased.map(({ id, attempts }) => ({ id, attempts, settlement: { kind: 'posted', at } })),
  );
  return leased.length;
}

/** Posts one message of its own thread that was received at `at`; its id. */
export async function post(store: Store, at: number, raw: Uint8Array = Buffer.alloc(3000)): Promise<string> {
  const item = newItem({ thread: `t/${randomBytes(6).toString('hex')}`, receivedAt: at });
  await accept(store, [item], raw);
  await postAll(store, at);
  return item.id;
}

/** Prunes until nothing is left to do; the sums, and the longest step in milliseconds. */
export async function pruneAll(
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

/** Registers the tests of retention. */
export function describeRetention(open: OpenStore): void {
  describe('retention', () => {
    it('removes the rows of what was posted before, and nothing else', async (t) => {
      const store = await open(t);
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
    });

    it('knows a repetition for as long as the dedupe window, whether its row is there or not', async (t) => {
      const store = await open(t);
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
      const store = await open(t, { keepContent: true });
      const old = await post(store, NOW - 8 * DAY);
      const young = await post(store, NOW - 6 * DAY);
      assert.equal((await store.content(old))?.length, 3000);
      const request = { ...NOTHING, contentBefore: NOW - 7 * DAY };
      assert.equal((await pruneAll(store, request)).contents, 1);
      assert.equal(await store.content(old), undefined);
      assert.equal((await store.get(old))?.state, 'posted');
      assert.equal((await store.content(young))?.length, 3000);
      assert.equal((await pruneAll(store, request)).contents, 0);
    });

    it('gives up messages of posted items before their time while space is low, the oldest first, and no more', async (t) => {
      const store = await open(t, { keepContent: true });
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
    });

    it('runs by itself beside messages, logs what it removed, and survives a store that fails', async (t) => {
      const store = await open(t);
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

    it('removes at most four mebibytes of messages in a step, and always one', async (t) => {
      const store = await open(t, { keepContent: true });
      for (const mib of [1, 2, 2, 5, 1]) await post(store, NOW, randomBytes(mib * MIB));
      const steps: number[] = [];
      for (let isDone = false; !isDone; ) {
        const step = await store.prune({ ...NOTHING, contentBefore: NOW + 1 });
        steps.push(step.contents);
        ({ isDone } = step);
      }
      assert.deepEqual(steps, [2, 1, 1, 1]);
    });

    it('leaves a posted item that is tried again, and its message', async (t) => {
      const store = await open(t, { keepContent: true });
      const id = await post(store, NOW);
      assert.equal((await store.operate('retry', id, NOW)).kind, 'done');
      const request = { ...NOTHING, contentBefore: NOW + 1, rowsBefore: NOW + 1 };
      assert.deepEqual(await pruneAll(store, request), { rows: 0, contents: 0, dedupes: 0, steps: 1 });
      assert.equal((await store.content(id))?.length, 3000);
    });

    it('keeps a digest that expired while a reply to it is not posted', async (t) => {
      const store = await open(t);
      const locator = digestLocator('abc');
      const posts = [{ thread: 't/1', repliedToAt: NOW, label: 'one' }];
      await store.addDigests([{ locator, userNumber: 1, posts, expiresAt: NOW }]);
      await accept(store, [newItem({ thread: locator })]);
      const request = { ...NOTHING, digestsBefore: NOW + 1 };
      await store.prune(request);
      assert.equal((await store.digestPosts(locator))?.length, 1);
      await postAll(store, NOW);
      await store.prune({ ...request, digestsBefore: NOW });
      assert.equal((await store.digestPosts(locator))?.length, 1);
      await store.prune(request);
      assert.equal(await store.digestPosts(locator), undefined);
    });

    it('forgets calls of providers with the copies of replies', async (t) => {
      const store = await open(t);
      const call = { kind: 'call', source: 'mail', call: '1', digest: Buffer.alloc(32), at: NOW } as const;
      assert.equal(await store.passCall(call), 'new');
      await store.prune({ ...NOTHING, dedupeBefore: NOW });
      assert.equal(await store.passCall(call), 'repeated');
      await store.prune({ ...NOTHING, dedupeBefore: NOW + 1 });
      assert.equal(await store.passCall(call), 'new');
    });
  });
}
