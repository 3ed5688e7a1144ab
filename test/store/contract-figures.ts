// The contract of figures and of looks into the store: verdicts, bounces, sinks, backlog, and the way of one mail.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { VERDICT_HOURS } from '../../src/store/figures.ts';
import type { Store } from '../../src/store/store.ts';
import {
  accept,
  deferredUntil,
  FAILED,
  lease,
  NOW,
  newItem,
  POSTED,
  queued,
  settle,
} from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

const HOUR = 3_600_000;

/** The verdicts that a store has counted, in short. */
async function counted(store: Store, since?: number): Promise<unknown[]> {
  const all = await store.verdicts(since);
  return all.map(({ verdict, reason, cause, count, lastAt }) => [verdict, reason, cause, count, lastAt]);
}

function describeVerdicts(open: OpenStore): void {
  describe('verdicts', () => {
    it('are counted by verdict, reason and cause', async (t) => {
      const store = await open(t);
      const one = { verdict: 'rejected', reason: 'expired', count: 2, lastAt: NOW };
      const other = { ...one, verdict: 'discarded', reason: 'automatic' };
      await store.addVerdicts([]);
      await store.addVerdicts([
        one,
        { ...other, cause: 'list' },
        other,
        { ...one, count: 1, lastAt: NOW - 5 },
      ]);
      await store.addVerdicts([{ ...one, count: 4, lastAt: NOW + 5 }]);
      assert.deepEqual(await counted(store), [
        ['discarded', 'automatic', undefined, 2, NOW],
        ['discarded', 'automatic', 'list', 2, NOW],
        ['rejected', 'expired', undefined, 7, NOW + 5],
      ]);
    });

    it('are told since an hour, and added up when they are too old for that', async (t) => {
      const store = await open(t);
      const verdict = { verdict: 'accepted', reason: 'new' };
      const old = NOW - (VERDICT_HOURS + 2) * HOUR;
      for (const lastAt of [old - HOUR, old, NOW - HOUR, NOW])
        await store.addVerdicts([{ ...verdict, count: 1, lastAt }]);
      assert.deepEqual(await counted(store), [['accepted', 'new', undefined, 4, NOW]]);
      assert.deepEqual(await counted(store, old - HOUR), [['accepted', 'new', undefined, 2, NOW]]);
      assert.deepEqual(await counted(store, NOW), [['accepted', 'new', undefined, 1, NOW]]);
      assert.deepEqual(await counted(store, NOW + HOUR), []);
    });
  });
}

/** Registers the tests of figures and looks. */
export function describeFigures(open: OpenStore): void {
  describeVerdicts(open);
  describe('figures', () => {
    it('the backlog counts what is not settled', async (t) => {
      const store = await open(t);
      assert.deepEqual(await store.backlog(), { open: 0, paused: false, sinks: [] });
      await queued(store, { thread: 'a' });
      const [leased] = await lease(store);
      await settle(store, leased!, POSTED);
      await queued(store, { thread: 'b' });
      await accept(store, [newItem({ hold: 'spam' })]);
      await store.setPaused(true);
      const status = { state: 'down', sinceAt: NOW, diagnostic: '503' } as const;
      await store.setSinkStatus('forum', status);
      const sinks = [{ name: 'forum', ...status }];
      assert.deepEqual(await store.backlog(), { open: 1, paused: true, sinks });
      assert.deepEqual((await store.counts()).sinks, sinks);
      await store.setSinkStatus('forum', undefined);
      assert.deepEqual((await store.backlog()).sinks, []);
    });

    it('bounces are counted of each user, and of all', async (t) => {
      const store = await open(t);
      assert.deepEqual(await store.bounceCounts(), { hard: 0, soft: 0, lastAt: undefined });
      for (const name of ['alice', 'bob'])
        await store.addUser({ name, addresses: [], salt: randomBytes(32), now: NOW });
      await accept(store, [newItem({ bounce: 'hard' })]);
      await accept(store, [newItem({ bounce: 'soft', receivedAt: NOW + 5 })]);
      await accept(store, [newItem({ bounce: 'soft', user: 'bob' })]);
      assert.deepEqual(await store.bounceCounts('alice'), { hard: 1, soft: 1, lastAt: NOW + 5 });
      assert.deepEqual(await store.bounceCounts(), { hard: 1, soft: 2, lastAt: NOW + 5 });
      assert.deepEqual(await store.bounceCounts('carol'), { hard: 0, soft: 0, lastAt: undefined });
    });

    it('items are counted by state and age', async (t) => {
      const store = await open(t);
      await queued(store, { thread: 'a', receivedAt: NOW });
      await queued(store, { thread: 'b', receivedAt: NOW - 10 });
      await accept(store, [newItem({ thread: 'c', receivedAt: NOW - 10, hold: 'spam' })], Buffer.alloc(7));
      const shape = await store.shape({}, [NOW - 5, NOW - 7]);
      assert.deepEqual(
        shape.map(({ state, age, count, bytes }) => `${state} ${age} ${count} ${bytes}`).sort(),
        ['held 2 1 7', 'ready 0 1 34', 'ready 2 1 34'],
      );
      assert.deepEqual(await store.shape({ state: [] }, []), []);
    });
  });
  describeLooks(open);
}

function describeLooks(open: OpenStore): void {
  describe('looks', () => {
    it('the way of an item is found by its ids, with its attempts and its message', async (t) => {
      const store = await open(t);
      const item = newItem({ messageId: 'one@client.example.com', queueId: '4XyZ1k3Qz2z9sT' });
      await accept(store, [item]);
      const [first] = await lease(store);
      await settle(store, first!, deferredUntil(NOW + 10));
      const [second] = await lease(store, NOW + 10);
      await settle(store, second!, FAILED);
      const [trace] = await store.traces(item.id);
      const { item: view, attempts, ...rest } = trace!;
      assert.deepEqual([view.id, view.state, view.settledAt], [item.id, 'failed', NOW]);
      assert.deepEqual(
        attempts.map(({ attempt, outcome }) => [attempt, outcome]),
        [
          [1, 'deferred'],
          [2, 'failed'],
        ],
      );
      assert.deepEqual(rest, {
        queueId: '4XyZ1k3Qz2z9sT',
        authentication: { policy: 'strict', result: 'pass' },
        isFlaggedSpam: false,
        matched: undefined,
        hasContent: true,
        notices: [],
      });
      for (const name of [
        'one@client.example.com',
        '<one@client.example.com>',
        '4XyZ1k3Qz2z9sT',
        item.id.slice(0, 10),
      ])
        assert.equal((await store.traces(name)).length, 1, name);
      for (const name of ['', '%', '*', item.id.slice(0, 4), 'two@client.example.com'])
        assert.equal((await store.traces(name)).length, 0, name);
    });

    it('the threads that wait longest come first, and what came and went is counted', async (t) => {
      const store = await open(t);
      for (const [thread, receivedAt] of [
        ['a', NOW - 5],
        ['b', NOW - 9],
        ['a', NOW],
      ] as const)
        await queued(store, { thread, receivedAt });
      await queued(store, {
        thread: 'c',
        receivedAt: NOW,
        authentication: { policy: 'strict', result: 'none' },
      });
      const [leased] = await lease(store, NOW, 1);
      await settle(store, leased!, deferredUntil(NOW * 2));
      assert.deepEqual(await store.waitingThreads(2), [
        { thread: 'b', items: 1, oldestReceivedAt: NOW - 9, attempts: 1, lastDiagnostic: 'sink: 503' },
        { thread: 'a', items: 2, oldestReceivedAt: NOW - 5, attempts: 0, lastDiagnostic: undefined },
      ]);
      for (const each of await lease(store)) await settle(store, each, each.thread === 'a' ? POSTED : FAILED);
      assert.deepEqual(await store.flow(NOW - 5), { received: 3, posted: 1, failed: 1 });
      assert.deepEqual(await store.flow(NOW + 1), { received: 0, posted: 0, failed: 0 });
      assert.equal(await store.lastVouchedFor(), NOW);
    });

    it('the item is found of which a new one would be a duplicate', async (t) => {
      const store = await open(t);
      const item = newItem();
      assert.equal(await store.duplicateOf(item), undefined);
      await accept(store, [item]);
      const again = newItem({ fingerprint: item.fingerprint });
      const worse = {
        ...again,
        written: 'w'.repeat(16),
        authentication: { policy: 'strict', result: 'none' },
      } as const;
      assert.deepEqual([await store.duplicateOf(again), await store.duplicateOf(worse)], [item.id, item.id]);
      const [leased] = await lease(store);
      await settle(store, leased!, FAILED);
      // A copy that is believed as much has the dead letter tried again.
      assert.deepEqual(
        [await store.duplicateOf(again), await store.duplicateOf(worse)],
        [undefined, item.id],
      );
    });
  });
}
