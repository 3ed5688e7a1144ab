// The contract of the operator's side: actions from every state, pause, lists and counts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { OperatorAction } from '../../src/store/desk.ts';
import type { ItemState } from '../../src/store/item.ts';
import type { Store } from '../../src/store/store.ts';
import {
  accept,
  deferredUntil,
  FAILED,
  ids,
  lease,
  NOW,
  newItem,
  POSTED,
  queued,
  settle,
} from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

/** Brings a new item into a state. */
async function itemIn(store: Store, state: ItemState): Promise<string> {
  const item = newItem({ thread: `in/${state}`, hold: state === 'held' ? 'spam' : undefined });
  await accept(store, [item]);
  if (state === 'ready' || state === 'held') return item.id;
  const [leased] = await lease(store);
  if (leased?.id !== item.id) throw new Error('another item was due');
  if (state === 'waiting') await settle(store, leased, deferredUntil(NOW + 60_000));
  if (state === 'posted') await settle(store, leased, POSTED);
  if (state === 'failed') await settle(store, leased, FAILED);
  return item.id;
}

const ACTIONS: readonly OperatorAction[] = ['retry', 'hold', 'release', 'drop'];

/** The state that an action leads to, from each state to which it applies. */
const TABLE: Readonly<Record<ItemState, Partial<Record<OperatorAction, ItemState | 'dropped'>>>> = {
  ready: { retry: 'ready', hold: 'held', drop: 'dropped' },
  waiting: { retry: 'ready', hold: 'held', drop: 'dropped' },
  leased: {},
  held: { release: 'ready', drop: 'dropped' },
  posted: { drop: 'dropped' },
  failed: { retry: 'ready', hold: 'held', drop: 'dropped' },
};

/** Registers the tests of the operator's side. */
export function describeOperator(open: OpenStore): void {
  describe('operator', () => {
    it('finds items by a beginning of their ids, the oldest first', async (t) => {
      const store = await open(t);
      for (const id of ['b/2', 'a_1', 'b/1', 'B/3', 'b']) await accept(store, [newItem({ id, thread: id })]);
      assert.deepEqual(await store.ids({ startsWith: 'b/' }), ['b/2', 'b/1']);
      assert.deepEqual(await store.ids({ startsWith: 'b/1' }), ['b/1']);
      assert.deepEqual(await store.ids({ startsWith: 'b%' }), []);
    });

    for (const [state, actions] of Object.entries(TABLE) as [ItemState, (typeof TABLE)[ItemState]][]) {
      for (const action of ACTIONS) {
        const to = actions[action];
        it(`${action} of a ${state} item: ${to ?? 'not applicable'}`, async (t) => {
          const store = await open(t);
          const id = await itemIn(store, state);
          const result = await store.operate(action, id, NOW + 5);
          const isGone = state === 'posted' && action === 'retry';
          const refused = isGone ? { kind: 'no-content' } : { kind: 'not-applicable', state };
          assert.deepEqual(result, to === undefined ? refused : { kind: 'done', id, state: to });
          const view = await store.get(id);
          assert.equal(view?.state, to === 'dropped' ? undefined : (to ?? state));
          if (to === 'dropped') assert.equal(await store.content(id), undefined);
          if (to === 'ready') assert.deepEqual(ids(await lease(store, NOW + 5)), [id]);
          if (to === 'held') {
            assert.deepEqual(
              [view?.holdReason, view?.dueAt, view?.settledAt],
              ['operator', undefined, undefined],
            );
            assert.deepEqual(await lease(store, NOW * 2), []);
          }
        });
      }
    }

    it('an unknown item is said to be unknown', async (t) => {
      const store = await open(t);
      for (const action of ACTIONS) {
        assert.deepEqual(await store.operate(action, 'nobody', NOW), { kind: 'unknown' });
      }
      assert.equal(await store.get('nobody'), undefined);
      assert.equal(await store.content('nobody'), undefined);
    });

    it('holding or dropping the first of a thread lets the next one go', async (t) => {
      const store = await open(t);
      for (const action of ['hold', 'drop'] as const) {
        const thread = `first/${action}`;
        const first = await queued(store, { thread });
        const second = await queued(store, { thread });
        await store.operate(action, first, NOW);
        assert.deepEqual(ids(await lease(store)), [second]);
      }
    });

    it('a released or retried item goes before the younger ones of its thread (G5)', async (t) => {
      const store = await open(t);
      const failed = await itemIn(store, 'failed');
      const thread = 'in/failed';
      const held = newItem({ thread, hold: 'spam' });
      await accept(store, [held]);
      const youngest = await queued(store, { thread });
      await store.operate('release', held.id, NOW);
      await store.operate('retry', failed, NOW);
      for (const expected of [failed, held.id, youngest]) {
        const [leased, ...more] = await lease(store);
        assert.deepEqual([leased?.id, more], [expected, []]);
        await settle(store, leased!, POSTED);
      }
    });

    it('a released item also goes before a younger one that is deferred in the meantime (G5)', async (t) => {
      const store = await open(t);
      const held = newItem({ hold: 'spam' });
      await accept(store, [held]);
      const younger = await queued(store);
      const [leased] = await lease(store);
      await store.operate('release', held.id, NOW);
      assert.deepEqual(await lease(store), [], 'one of a thread at a time');
      await settle(store, leased!, deferredUntil(NOW + 1));
      assert.deepEqual(ids(await lease(store, NOW + 1)), [held.id]);
      assert.equal((await store.get(younger))?.state, 'waiting');
    });

    it('a released item also goes before a younger one whose lease is reclaimed (G5)', async (t) => {
      const store = await open(t);
      const held = newItem({ hold: 'spam' });
      await accept(store, [held]);
      await queued(store);
      await lease(store);
      await store.operate('release', held.id, NOW);
      await store.reclaim(NOW + 60_000, []);
      assert.deepEqual(ids(await lease(store, NOW + 60_000)), [held.id]);
    });

    it('a paused queue accepts and lists, and leases nothing until it is resumed', async (t) => {
      const store = await open(t);
      await store.setPaused(true);
      const id = await queued(store);
      assert.deepEqual(await lease(store), []);
      assert.equal(await store.nextDueAt(), undefined);
      assert.equal((await store.counts()).paused, true);
      await store.setPaused(false);
      assert.equal(await store.nextDueAt(), NOW);
      assert.deepEqual(ids(await lease(store)), [id]);
    });

    it('settlements are written while the queue is paused', async (t) => {
      const store = await open(t);
      const id = await queued(store);
      const [leased] = await lease(store);
      await store.setPaused(true);
      await settle(store, leased!, POSTED);
      assert.equal((await store.get(id))?.state, 'posted');
    });

    it('counts by state, and the receipt of the oldest that waits for its post', async (t) => {
      const store = await open(t);
      const none = { ready: 0, waiting: 0, leased: 0, held: 0, posted: 0, failed: 0 };
      const empty = { byState: none, oldestReceivedAt: undefined, paused: false, sinks: [], lanes: [] };
      assert.deepEqual(await store.counts(), empty);
      for (const state of ['posted', 'failed', 'waiting', 'leased', 'held', 'ready'] as const) {
        await itemIn(store, state);
      }
      await queued(store, { thread: 'old', receivedAt: NOW - 1000 });
      const counts = await store.counts();
      assert.deepEqual(counts.byState, { ready: 2, waiting: 1, leased: 1, held: 1, posted: 1, failed: 1 });
      assert.equal(counts.oldestReceivedAt, NOW - 1000);
    });

    it('lists by state, user, thread, time and limit, oldest first', async (t) => {
      const store = await open(t);
      const a = await queued(store, { user: 'alice', thread: 'x', receivedAt: NOW - 2 });
      const b = await queued(store, { user: 'bob', thread: 'x', receivedAt: NOW - 1 });
      const c = newItem({ user: 'bob', thread: 'y', hold: 'spam' });
      await accept(store, [c]);
      const filters = [
        [{}, [a, b, c.id]],
        [{ state: 'held' }, [c.id]],
        [{ user: 'bob' }, [b, c.id]],
        [{ thread: 'x' }, [a, b]],
        [{ since: NOW - 1 }, [b, c.id]],
        [{ limit: 2 }, [a, b]],
        [{ user: 'bob', thread: 'x', state: 'ready', since: NOW - 5, limit: 1 }, [b]],
        [{ user: "b'ob" }, []],
      ] as const;
      for (const [filter, expected] of filters) {
        assert.deepEqual(ids(await store.list(filter)), expected, JSON.stringify(filter));
      }
    });
  });
}
