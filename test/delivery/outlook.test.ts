// When a dispatcher asks the store what is due, and when it knows.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Outlook } from '../../src/delivery/outlook.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { deferredUntil, lease, NOW, queued, settle } from '../support/item.ts';
import { testScratch } from '../support/scratch.ts';

const POLL_MS = 1000;

interface Scene {
  readonly store: Store;
  readonly outlook: Outlook;
  /** Lets time pass. */
  readonly pass: (ms: number) => void;
  /** How often the store was asked. */
  readonly asked: () => number;
}

async function open(t: TestContext): Promise<Scene> {
  const scratch = testScratch(t);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'daemon' });
  scratch.defer(() => store.close());
  let [passedMs, asked] = [0, 0];
  const nextDueAt: Store['nextDueAt'] = async (lane) => {
    asked += 1;
    return await store.nextDueAt(lane);
  };
  const outlook = new Outlook(() => ({
    ...{ queue: { nextDueAt }, lane: undefined, pollMs: POLL_MS },
    ...{ now: () => NOW + passedMs, monotonic: () => passedMs },
  }));
  const pass = (ms: number): void => {
    passedMs += ms;
  };
  return { store, outlook, pass, asked: () => asked };
}

describe('the outlook of a dispatcher', () => {
  it('asks once where nothing is due, until the poll or until somebody says that something may be', async (t) => {
    const { store, outlook, pass, asked } = await open(t);
    assert.equal(await outlook.emptyMs(), POLL_MS);
    pass(400);
    assert.equal(await outlook.emptyMs(), POLL_MS - 400);
    assert.equal(asked(), 1);
    await queued(store);
    outlook.news();
    assert.equal(await outlook.emptyMs(), 0);
    assert.equal(asked(), 2);
    outlook.leased(false, false);
    await lease(store);
    assert.equal(await outlook.emptyMs(), POLL_MS);
    pass(POLL_MS);
    assert.equal(await outlook.emptyMs(), POLL_MS);
    assert.equal(asked(), 4);
  });

  it('looks again when the first item is due, and not before', async (t) => {
    const { store, outlook, pass, asked } = await open(t);
    await queued(store);
    const [item] = await lease(store);
    await settle(store, item!, deferredUntil(NOW + 300));
    assert.equal(await outlook.emptyMs(), 300);
    pass(299);
    assert.equal(await outlook.emptyMs(), 1);
    assert.equal(asked(), 1);
    pass(1);
    assert.equal(await outlook.emptyMs(), 0);
  });

  it('asks for what is due of users who are left out no more than ten times a second', async (t) => {
    const { store, outlook, pass, asked } = await open(t);
    await queued(store);
    assert.equal(await outlook.emptyMs(), 0);
    outlook.leased(false, true);
    outlook.news();
    assert.equal(await outlook.emptyMs(), 100);
    assert.equal(asked(), 1);
    pass(100);
    assert.equal(await outlook.emptyMs(), 0);
  });

  it('asks at once where more is due, or where items come that were not leased', async (t) => {
    const { outlook, asked } = await open(t);
    await outlook.emptyMs();
    assert.equal(outlook.isBehind(), false);
    outlook.late();
    assert.equal(outlook.isBehind(), true);
    assert.equal(await outlook.emptyMs(), POLL_MS);
    assert.equal(asked(), 2);
    outlook.leased(true, true);
    await outlook.emptyMs();
    assert.equal(asked(), 3);
  });
});
