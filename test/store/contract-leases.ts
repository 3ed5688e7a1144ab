// The contract of leases: G3 to G6, order within a thread, deferral, lost leases, reclaim and poison.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NewItem } from '../../src/store/item.ts';
import type { Settlement } from '../../src/store/leases.ts';
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
  RAW,
  settle,
} from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

/** Registers the tests of leases. */
export function describeLeases(open: OpenStore): void {
  describe('leases', () => {
    testLeases(open);
    testSettlements(open);
  });
}

/** Registers the tests of what is leased, and in which order. */
function testLeases(open: OpenStore): void {
  it('a small message may come along with its item, as it came', async (t) => {
    const store = await open(t);
    const small = Buffer.from('From: ü\r\n\r\n\0\xff'.repeat(9), 'latin1');
    await accept(store, [newItem({ thread: 'small' })], small);
    await accept(store, [newItem({ thread: 'large' })], Buffer.alloc(small.length + 1));
    const request = { now: NOW, leaseMs: 60_000, limit: 9, alongBytes: small.length + 1 };
    for (const { thread, raw } of await store.lease(request)) {
      if (raw !== undefined) assert.deepEqual([thread, Buffer.from(raw)], ['small', small]);
    }
  });

  it('an item is leased once, until its lease ends', async (t) => {
    const store = await open(t);
    const id = await queued(store);
    assert.deepEqual(ids(await lease(store)), [id]);
    assert.deepEqual(await lease(store), []);
    assert.equal(await store.nextDueAt(), undefined);
    const view = await store.get(id);
    assert.deepEqual([view?.state, view?.attempts, view?.leaseUntil], ['leased', 1, NOW + 60_000]);
  });

  it('a new item may be leased by its own commit, as a lease would give it', async (t) => {
    const store = await open(t);
    const item = newItem();
    const result = await store.accept([item], RAW, { limit: 1, leaseMs: 60_000 });
    const other = await open(t);
    await accept(other, [item]);
    const [twin] = await lease(other);
    const acceptances = [{ kind: 'queued', id: item.id }];
    assert.deepEqual(result, { kind: 'committed', acceptances, leased: [twin] });
    assert.deepEqual(await lease(store), []);
    const view = await store.get(item.id);
    assert.deepEqual([view?.state, view?.attempts, view?.leaseUntil], ['leased', 1, NOW + 60_000]);
    await settle(store, { id: item.id, attempts: 1 }, POSTED);
    assert.equal((await store.get(item.id))?.state, 'posted');
  });

  it('by its own commit no item is leased that a lease would not give', async (t) => {
    const store = await open(t);
    const terms = { limit: 2, leaseMs: 60_000 };
    const leasedOf = async (...items: NewItem[]): Promise<string[]> => {
      const result = await store.accept(items, RAW, terms);
      return result.kind === 'committed' ? ids(result.leased) : [];
    };
    const first = newItem();
    const behind = newItem();
    const held = newItem({ thread: 'held', hold: 'spam' });
    const twin = newItem({ thread: 'twin', fingerprint: first.fingerprint });
    assert.deepEqual(await leasedOf(first, behind, held, twin), [first.id]);
    assert.deepEqual(await leasedOf(newItem()), [], 'behind one that is leased');
    const many = [1, 2, 3].map((n) => newItem({ thread: `many/${n}` }));
    assert.deepEqual(await leasedOf(...many), ids(many.slice(0, 2)), 'at most two');
    await store.setPaused(true);
    assert.deepEqual(await leasedOf(newItem({ thread: 'paused' })), [], 'paused');
  });

  it('an item given back without an attempt is as it was', async (t) => {
    const store = await open(t);
    const id = await queued(store);
    const [leased] = await lease(store);
    await settle(store, leased!, { kind: 'returned' });
    const view = await store.get(id);
    assert.deepEqual([view?.state, view?.attempts, view?.leaseUntil], ['ready', 0, undefined]);
    assert.deepEqual(await lease(store), [leased]);
  });

  it('at most `limit` items, those that are due longest first', async (t) => {
    const store = await open(t);
    const dues = [30, 10, 40, 20];
    const byDue = new Map<number, string>();
    for (const [index, due] of dues.entries()) {
      byDue.set(due, await queued(store, { thread: `test/thread/${index}`, receivedAt: NOW + due }));
    }
    assert.equal(await store.nextDueAt(), NOW + 10);
    assert.deepEqual(ids(await lease(store, NOW + 9)), []);
    assert.deepEqual(ids(await lease(store, NOW + 40, 2)), [byDue.get(10), byDue.get(20)]);
    assert.deepEqual(ids(await lease(store, NOW + 35, 9)), [byDue.get(30)]);
  });

  it('of a probe one item that has not failed, of a user that is not to be avoided', async (t) => {
    const store = await open(t);
    const of = (user: string, n: number): Promise<string> =>
      queued(store, { user, thread: `${user}/${n}`, receivedAt: NOW + n });
    const failed = await of('alice', 0);
    await settle(store, (await lease(store))[0]!, deferredUntil(NOW + 10));
    const [first, behind, other] = [await of('bob', 1), await of('alice', 2), await of('carol', 3)];
    const later = await of('dave', 90);
    const probe = async (isStrict: boolean, ...avoid: string[]): Promise<string[]> =>
      ids(await store.lease({ now: NOW + 20, leaseMs: 60_000, limit: 1, probe: { avoid, isStrict } }));
    assert.deepEqual(await probe(true, 'alice', 'bob'), [other]);
    assert.deepEqual(await probe(true, 'alice', 'bob'), [], 'what is due later is no probe');
    assert.deepEqual(await probe(false, 'alice', 'bob'), [first], 'any that has not failed, the first due');
    assert.deepEqual(await probe(false), [behind]);
    assert.deepEqual(await probe(true), []);
    assert.deepEqual(await probe(false), [failed], 'what is due longest');
    assert.deepEqual(await probe(false), []);
    assert.deepEqual(ids(await lease(store, NOW + 90)), [later]);
  });

  it('nothing of users that are left out, and all of the others', async (t) => {
    const store = await open(t);
    for (let n = 0; n < 50; n++) {
      await queued(store, {
        user: n % 2 === 0 ? 'alice' : "o'neil",
        thread: `left/${n}`,
        receivedAt: NOW + n,
      });
    }
    const bob = await queued(store, { user: 'bob', thread: 'bob/1', receivedAt: NOW + 50 });
    const request = { now: NOW + 99, leaseMs: 60_000, limit: 30 };
    const others = await store.lease({ ...request, leftOut: ['alice', "o'neil", 'nobody'] });
    assert.deepEqual(ids(others), [bob]);
    assert.equal((await store.lease({ ...request, leftOut: ['alice'] })).length, 25);
    assert.equal((await store.lease({ ...request, leftOut: [] })).length, 25);
  });

  it('of one thread one item at a time, in the order of arrival (G5)', async (t) => {
    const store = await open(t);
    // The clock stepped back between the two: arrival is what counts.
    const first = await queued(store, { receivedAt: NOW });
    const second = await queued(store, { receivedAt: NOW - 5000 });
    const third = newItem();
    const other = newItem({ thread: 'test/thread/2' });
    await accept(store, [third, other]);
    const leased = await lease(store);
    assert.deepEqual(ids(leased).sort(), [first, other.id].sort());
    for (const expected of [second, third.id]) {
      await settle(store, leased.find(({ id }) => id !== other.id) ?? leased[0]!, POSTED);
      const next = await lease(store);
      assert.deepEqual(ids(next), [expected]);
      await settle(store, next[0]!, POSTED);
    }
  });

  it('a stuck thread stops no other, and nothing of its own overtakes (G5)', async (t) => {
    const store = await open(t);
    const stuck = await queued(store, { thread: 'stuck' });
    const behind = await queued(store, { thread: 'stuck' });
    const [leased] = await lease(store);
    await settle(store, leased!, deferredUntil(NOW + 10_000));
    const free = await queued(store, { thread: 'free' });
    assert.deepEqual(ids(await lease(store, NOW + 9_999)), [free]);
    assert.equal(await store.nextDueAt(), NOW + 10_000);
    const [again] = await lease(store, NOW + 10_000);
    assert.deepEqual([again?.id, again?.attempts], [stuck, 2]);
    await settle(store, again!, FAILED);
    assert.deepEqual(ids(await lease(store, NOW + 10_000)), [behind]);
  });
}

/** Registers the tests of how a lease ends: settled, lost, or moved by the clock. */
function testSettlements(open: OpenStore): void {
  it('a settlement tells whether something of its thread may be due', async (t) => {
    const store = await open(t);
    const [alone, first] = [await queued(store, { thread: 'a' }), await queued(store, { thread: 'b' })];
    const second = await queued(store, { thread: 'b' });
    await lease(store);
    const end = (id: string, settlement: Settlement): Promise<boolean> =>
      store.settle([{ id, attempts: 1, settlement }]);
    assert.equal(await end(alone, POSTED), false, 'nothing is behind it');
    assert.equal(await end(first, POSTED), true, 'one is behind it');
    assert.deepEqual(ids(await lease(store)), [second]);
    assert.equal(await end(second, { kind: 'returned' }), true, 'it is due itself');
    assert.deepEqual(ids(await lease(store)), [second]);
    assert.equal(await end(second, deferredUntil(NOW + 5)), true, 'it is due soon');
    assert.equal(await store.settle([]), false);
  });

  it('several settlements tell of all their threads, and elect a head for each', async (t) => {
    const store = await open(t);
    const threads = ['a', 'b', 'c'];
    for (const thread of threads) await queued(store, { thread });
    const behind = await queued(store, { thread: 'b' });
    const all = (await lease(store)).map(({ id }) => ({ id, attempts: 1, settlement: POSTED }));
    assert.equal(await store.settle(all), true);
    assert.deepEqual(ids(await lease(store)), [behind]);
  });

  it('a deferred item waits with its diagnostic and keeps its content', async (t) => {
    const store = await open(t);
    const id = await queued(store);
    await settle(store, (await lease(store))[0]!, deferredUntil(NOW + 5000));
    const view = await store.get(id);
    assert.deepEqual(
      [view?.state, view?.dueAt, view?.leaseUntil, view?.lastDiagnostic, view?.settledAt],
      ['waiting', NOW + 5000, undefined, 'sink: 503', undefined],
    );
    assert.notEqual(await store.content(id), undefined);
  });

  it('a posted item is settled and its content gone; a failed one keeps it (G3)', async (t) => {
    const store = await open(t);
    const posted = await queued(store, { thread: 'a' });
    const failed = await queued(store, { thread: 'b' });
    for (const leased of await lease(store)) {
      await settle(store, leased, leased.id === posted ? POSTED : FAILED);
    }
    const views = [await store.get(posted), await store.get(failed)];
    assert.deepEqual(
      views.map((view) => [view?.state, view?.settledAt, view?.dueAt, view?.leaseUntil]),
      [
        ['posted', NOW, undefined, undefined],
        ['failed', NOW, undefined, undefined],
      ],
    );
    assert.equal(views[1]?.lastDiagnostic, 'sink: 422');
    assert.equal(await store.content(posted), undefined);
    assert.notEqual(await store.content(failed), undefined);
    assert.deepEqual(await lease(store, NOW * 2), []);
  });

  it('a settlement whose lease was lost is ignored (G4)', async (t) => {
    const store = await open(t);
    const id = await queued(store);
    const [lost] = await lease(store);
    assert.equal(await store.reclaim(NOW + 60_000, []), 1);
    const [held] = await lease(store, NOW + 60_000);
    assert.equal(held?.attempts, 2);
    for (const settlement of [POSTED, FAILED, deferredUntil(NOW + 1)]) {
      await settle(store, lost!, settlement);
      assert.equal((await store.get(id))?.state, 'leased');
    }
    await settle(store, held, POSTED);
    await settle(store, held, FAILED);
    assert.equal((await store.get(id))?.state, 'posted');
    await settle(store, { id: 'nobody', attempts: 1 }, POSTED);
  });

  it('reclaim frees leases that have ended, not those in flight or still running (G4)', async (t) => {
    const store = await open(t);
    const [first, second, third] = [
      await queued(store, { thread: 'a' }),
      await queued(store, { thread: 'b' }),
      await queued(store, { thread: 'c' }),
    ];
    await lease(store, NOW, 2);
    await lease(store, NOW + 1000);
    assert.equal(await store.reclaim(NOW + 59_999, []), 0);
    assert.equal(await store.reclaim(NOW + 60_000, [second]), 1);
    const states = [first, second, third].map(async (id) => (await store.get(id))?.state);
    assert.deepEqual(await Promise.all(states), ['ready', 'leased', 'leased']);
    assert.equal(await store.nextDueAt(), NOW + 60_000);
  });

  it('due times and leases move with the clock, and nothing waits longer than the longest interval', async (t) => {
    const store = await open(t);
    const [waiting, leased, ready] = [
      await queued(store, { thread: 'a' }),
      await queued(store, { thread: 'b' }),
      await queued(store, { thread: 'c', receivedAt: NOW + 5000 }),
    ];
    const [first] = await lease(store);
    await settle(store, first!, deferredUntil(NOW + 1000));
    const now = NOW - 3_600_000;
    await store.retime({ now, byMs: now - NOW, longestMs: 1000 });
    const dueAts = [waiting, ready].map(async (id) => (await store.get(id))?.dueAt);
    assert.deepEqual(await Promise.all(dueAts), [now + 1000, now]);
    assert.equal((await store.get(leased))?.leaseUntil, now + 60_000);
    await store.retime({ now, byMs: 0, longestMs: 999 });
    assert.equal((await store.get(waiting))?.dueAt, now);
  });

  it('the third attempt that kills its worker makes poison, others flow on (G6)', async (t) => {
    const store = await open(t);
    const poison = await queued(store);
    const behind = await queued(store);
    for (const deaths of [0, 1, 2]) {
      const [leased] = await lease(store);
      assert.deepEqual([leased?.id, leased?.workerDeaths], [poison, deaths]);
      await settle(store, leased!, deferredUntil(NOW, true));
      // A deferral for any other reason counts towards nothing.
      if (deaths === 1) await settle(store, (await lease(store))[0]!, deferredUntil(NOW));
    }
    const view = await store.get(poison);
    assert.deepEqual([view?.state, view?.settledAt], ['failed', NOW]);
    assert.match(view?.lastDiagnostic ?? '', /^poison: /);
    assert.deepEqual(ids(await lease(store)), [behind]);
  });

  it('several settlements travel together', async (t) => {
    const store = await open(t);
    for (const thread of ['a', 'b', 'c']) await queued(store, { thread });
    const leased = await lease(store);
    const settlements = [POSTED, FAILED, deferredUntil(NOW + 1)];
    await store.settle(
      leased.map(({ id, attempts }, index) => ({ id, attempts, settlement: settlements[index]! })),
    );
    const states = (await store.list({})).map(({ state }) => state);
    assert.deepEqual(states, ['posted', 'failed', 'waiting']);
  });
}
