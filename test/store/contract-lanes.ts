// The contract of lanes: whose sink each item is, what a lane gives and what not, and what moves when the lanes change.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { composeLocator, digestLocator } from '../../src/mail/reserved.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, deferredUntil, FAILED, ids, NOW, newItem, queued, RAW, settle } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

const FORUM = { name: 'forum', threads: 'forum/' };
const STAFF = { name: 'staff', threads: 'forum/staff/' };
const TRACKER = { name: 'tracker', threads: 'tracker/' };
const LANES = [FORUM, STAFF, TRACKER];

async function leaseOf(store: Store, lane?: string, now = NOW, limit = 100): Promise<string[]> {
  return ids(await store.lease({ now, leaseMs: 60_000, limit, lane }));
}

const laneOf = async (store: Store, id: string): Promise<string | undefined> => (await store.get(id))?.lane;

/** Registers the tests of lanes. */
export function describeLanes(open: OpenStore): void {
  describe('lanes', () => {
    testLeases(open);
    testChanges(open);
  });
}

function testLeases(open: OpenStore): void {
  it('an item is in the lane of the longest beginning of its thread; what fits none is in a lane of its own', async (t) => {
    const store = await open(t);
    await store.setLanes(LANES, NOW);
    const cases = [
      ['forum/1', 'forum'],
      ['forum/staff/1', 'staff'],
      ['tracker/1', 'tracker'],
      ['elsewhere/1', 'none'],
      ['forum', 'none'],
      [composeLocator('forum/general'), 'forum'],
      [digestLocator('abc'), 'none'],
    ] as const;
    const queuedIds = new Map<string, string>();
    for (const [thread, lane] of cases) {
      const id = await queued(store, { thread });
      queuedIds.set(thread, id);
      assert.equal(await laneOf(store, id), lane, thread);
    }
    const bounce = await queued(store, { thread: 'tracker/9', bounce: 'hard' });
    const lost = await queued(store, { thread: '', bounce: 'hard' });
    assert.deepEqual([await laneOf(store, bounce), await laneOf(store, lost)], ['tracker', 'none']);
    assert.deepEqual(await leaseOf(store, 'staff'), [queuedIds.get('forum/staff/1')]);
    assert.deepEqual(await leaseOf(store, 'tracker'), [queuedIds.get('tracker/1'), bounce]);
    assert.deepEqual(await leaseOf(store, 'nobody'), []);
    assert.equal((await leaseOf(store)).length, cases.length + 2 - 3, 'without a lane all that is left');
  });

  it('a lane has a next due time, probes and left out users of its own', async (t) => {
    const store = await open(t);
    await store.setLanes(LANES, NOW);
    const of = (thread: string, user: string, receivedAt: number): Promise<string> =>
      queued(store, { thread, user, receivedAt });
    await of('forum/1', 'alice', NOW + 1);
    const second = await of('forum/2', 'bob', NOW + 2);
    const third = await of('tracker/1', 'carol', NOW + 3);
    assert.deepEqual(
      [await store.nextDueAt('forum'), await store.nextDueAt('tracker'), await store.nextDueAt('staff')],
      [NOW + 1, NOW + 3, undefined],
    );
    assert.equal(await store.nextDueAt(), NOW + 1);
    const request = { now: NOW + 9, leaseMs: 60_000, limit: 9 };
    const probe = { avoid: ['alice'], isStrict: true };
    assert.deepEqual(ids(await store.lease({ ...request, probe, lane: 'tracker' })), [third]);
    assert.deepEqual(ids(await store.lease({ ...request, probe, lane: 'tracker' })), []);
    assert.deepEqual(ids(await store.lease({ ...request, leftOut: ['alice'], lane: 'forum' })), [second]);
    await store.setPaused(true);
    assert.deepEqual(await leaseOf(store, 'forum', NOW + 9), []);
    assert.equal(await store.nextDueAt('forum'), undefined);
  });

  it('by its own commit an item is leased for its own lane alone', async (t) => {
    const store = await open(t);
    await store.setLanes(LANES, NOW);
    const leased = async (thread: string, lane?: string): Promise<boolean> => {
      const result = await store.accept([newItem({ thread })], RAW, { limit: 1, leaseMs: 60_000, lane });
      return result.kind === 'committed' && result.leased.length === 1;
    };
    assert.deepEqual(
      [await leased('forum/1', 'forum'), await leased('forum/2', 'tracker'), await leased('forum/3')],
      [true, false, false],
    );
    assert.equal((await leaseOf(store, 'forum')).length, 2);
  });

  it('the parts of a reply to a digest are in the lanes of their own threads', async (t) => {
    const store = await open(t);
    await store.setLanes(LANES, NOW);
    const id = await queued(store, { thread: digestLocator('abc') });
    const [whole] = await store.lease({ now: NOW, leaseMs: 60_000, limit: 1, lane: 'none' });
    const parts = [
      { post: 1, thread: 'forum/1', repliedToAt: NOW },
      { post: 2, thread: 'tracker/1', repliedToAt: NOW },
    ];
    assert.equal(whole?.id, id);
    await settle(store, whole, { kind: 'split', at: NOW, diagnostic: 'split', parts });
    assert.equal((await leaseOf(store, 'forum')).length, 1);
    assert.equal((await leaseOf(store, 'tracker')).length, 1);
  });
}

function testChanges(open: OpenStore): void {
  it('other lanes take what is theirs now, whatever its state, and what waits is due at once', async (t) => {
    const store = await open(t);
    await store.setLanes([FORUM], NOW);
    const stray = await queued(store, { thread: 'tracker/1' });
    const moved = await queued(store, { thread: 'forum/staff/1' });
    const stays = await queued(store, { thread: 'forum/1' });
    const held = await queued(store, { thread: 'tracker/2', hold: 'spam' });
    for (const item of await store.lease({ now: NOW, leaseMs: 60_000, limit: 9 }))
      await settle(store, item, deferredUntil(NOW + 3_600_000));
    await store.setLanes(LANES, NOW + 5);
    assert.deepEqual(await Promise.all([stray, moved, stays, held].map((id) => laneOf(store, id))), [
      'tracker',
      'staff',
      'forum',
      'tracker',
    ]);
    assert.deepEqual(await leaseOf(store, 'tracker', NOW + 5), [stray]);
    assert.deepEqual(await leaseOf(store, 'staff', NOW + 5), [moved]);
    assert.deepEqual(await leaseOf(store, 'forum', NOW + 5), [], 'whose lane is the same keeps its time');
    await store.operate('release', held, NOW + 5);
    assert.deepEqual(await leaseOf(store, 'tracker', NOW + 5), [held]);
  });

  it('an attempt under way is settled, and tried again in the lane that is its own now', async (t) => {
    const store = await open(t);
    await store.setLanes([FORUM], NOW);
    const id = await queued(store, { thread: 'forum/1' });
    const [item] = await store.lease({ now: NOW, leaseMs: 60_000, limit: 1, lane: 'forum' });
    await store.setLanes([{ name: 'board', threads: 'forum/' }], NOW);
    assert.ok(item);
    await settle(store, item, deferredUntil(NOW + 10));
    assert.deepEqual(await leaseOf(store, 'forum', NOW + 10), []);
    assert.deepEqual(await leaseOf(store, 'board', NOW + 10), [id]);
  });

  it('without lanes nothing is in one, and all is leased', async (t) => {
    const store = await open(t);
    const before = await queued(store, { thread: 'forum/1' });
    assert.equal(await laneOf(store, before), undefined);
    await store.setLanes(LANES, NOW);
    assert.equal(await laneOf(store, before), 'forum');
    await store.setLanes([], NOW);
    assert.equal(await laneOf(store, before), undefined);
    assert.deepEqual((await store.counts()).lanes, []);
    assert.deepEqual(await leaseOf(store), [before]);
  });

  it('a thread with another locator takes its items to the lane of that', async (t) => {
    const store = await open(t);
    await store.setLanes(LANES, NOW);
    const id = await queued(store, { thread: 'forum/1' });
    const bounce = await queued(store, { thread: 'forum/1', bounce: 'soft' });
    await store.renameThread('forum/1', 'tracker/1', NOW);
    assert.deepEqual([await laneOf(store, id), await laneOf(store, bounce)], ['tracker', 'tracker']);
  });

  it('what is not settled is counted and listed by lane, and each sink has its state', async (t) => {
    const store = await open(t);
    await store.setLanes(LANES, NOW);
    await accept(
      store,
      [1, 2, 3].map((n) => newItem({ thread: `forum/${n}` })),
    );
    await queued(store, { thread: 'elsewhere' });
    const [first] = await store.lease({ now: NOW, leaseMs: 60_000, limit: 1, lane: 'forum' });
    assert.ok(first);
    await settle(store, first, FAILED);
    await store.setSinkStatus('forum', { state: 'down', sinceAt: NOW, diagnostic: '503' });
    await store.setSinkStatus('tracker', { state: 'up', sinceAt: NOW, diagnostic: '201' });
    await store.setSinkStatus('forum', { state: 'broken', sinceAt: NOW + 1, diagnostic: '401' });
    const { lanes, sinks } = await store.counts();
    assert.deepEqual(lanes, [
      { lane: 'forum', open: 2 },
      { lane: 'none', open: 1 },
    ]);
    assert.deepEqual(sinks, [
      { name: 'forum', state: 'broken', sinceAt: NOW + 1, diagnostic: '401' },
      { name: 'tracker', state: 'up', sinceAt: NOW, diagnostic: '201' },
    ]);
    assert.equal((await store.list({ lane: 'forum' })).length, 3);
    await store.setSinkStatus('forum', undefined);
    assert.deepEqual(ids((await store.backlog()).sinks.map(({ name }) => ({ id: name }))), ['tracker']);
  });
}
