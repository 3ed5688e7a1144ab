// The contract of whose an item is: nobody posts as a user who had the same name before.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import { accept, deferredUntil, ids, lease, NOW, newItem, queued, settle } from '../support/item.ts';
import { addUser } from '../support/mint.ts';
import type { OpenStore } from './contract-acceptance.ts';

/** Adds alice, and gives her number. */
async function alice(store: Store): Promise<number> {
  return (await addUser(store, 'alice')).number;
}

/** Another person gets the name. */
async function replaceAlice(store: Store): Promise<void> {
  await store.removeUser('alice', NOW);
  await addUser(store, 'alice');
}

/** Registers the tests of owners. */
export function describeOwners(open: OpenStore): void {
  describe('an item of a user who was removed', () => {
    for (const [name, remove] of [
      ['and nobody has the name', (store: Store) => store.removeUser('alice', NOW)],
      ['and somebody else has the name', replaceAlice],
    ] as const) {
      it(`is held when it is due, ${name}, and lets the next of its thread go`, async (t) => {
        const store = await open(t);
        const userNumber = await alice(store);
        const first = await queued(store, { userNumber });
        await remove(store);
        const next = await queued(store, { user: 'bob', userNumber: (await addUser(store, 'bob')).number });
        assert.deepEqual(await lease(store), []);
        const view = await store.get(first);
        assert.deepEqual([view?.state, view?.holdReason, view?.dueAt], ['held', 'no-user', undefined]);
        assert.match(view?.lastDiagnostic ?? '', /its user was removed/);
        assert.deepEqual(ids(await lease(store)), [next]);
      });
    }

    it('is held after the attempt that was under way, if that put it off', async (t) => {
      const store = await open(t);
      const id = await queued(store, { userNumber: await alice(store) });
      const [leased] = await lease(store);
      await replaceAlice(store);
      await settle(store, leased!, deferredUntil(NOW + 1));
      assert.deepEqual(await lease(store, NOW + 1), []);
      assert.equal((await store.get(id))?.state, 'held');
    });

    it('is held at once where the user went between RCPT and the commit, and is not leased with it', async (t) => {
      const store = await open(t);
      const userNumber = await alice(store);
      await replaceAlice(store);
      const item = newItem({ userNumber });
      const result = await store.accept([item], Buffer.from('x'), { limit: 1, leaseMs: 1000 });
      assert.deepEqual(result, {
        kind: 'committed',
        acceptances: [{ kind: 'held', id: item.id }],
        leased: [],
      });
    });

    it('is neither released nor retried, but dropped', async (t) => {
      const store = await open(t);
      const userNumber = await alice(store);
      const held = newItem({ userNumber, hold: 'spam', thread: 'a/1' });
      await accept(store, [held]);
      const failed = await queued(store, { userNumber, thread: 'a/2' });
      const [leased] = await lease(store);
      await settle(store, leased!, { kind: 'failed', at: NOW, diagnostic: '422' });
      await replaceAlice(store);
      const none = { kind: 'no-user', user: 'alice' } as const;
      assert.deepEqual(await store.operate('release', held.id, NOW), none);
      assert.deepEqual(await store.operate('retry', failed, NOW), none);
      assert.deepEqual(await lease(store), []);
      for (const id of [held.id, failed]) {
        assert.deepEqual(await store.operate('drop', id, NOW), { kind: 'done', id, state: 'dropped' });
      }
    });

    it('is counted for nobody if it is a bounce', async (t) => {
      const store = await open(t);
      const userNumber = await alice(store);
      await replaceAlice(store);
      await accept(store, [newItem({ userNumber, bounce: 'hard', reversePath: '' })]);
      assert.equal((await store.bounceCounts('alice')).hard, 0);
    });
  });

  it('an item keeps its number, for whoever is told of it', async (t) => {
    const store = await open(t);
    const userNumber = await alice(store);
    await queued(store, { userNumber });
    assert.deepEqual(
      (await lease(store)).map((item) => item.userNumber),
      [userNumber],
    );
  });
}
