// The contract of who was notified: a user's own mail and nobody else's, for as long as it may be answered.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NewNotified } from '../../src/store/notified.ts';
import type { PruneRequest } from '../../src/store/retention.ts';
import { NOW } from '../support/item.ts';
import { addUser } from '../support/mint.ts';
import { newNotification } from '../support/notification.ts';
import type { OpenStore } from './contract-acceptance.ts';

const EXPIRED: PruneRequest = { contentBefore: 0, rowsBefore: 0, dedupeBefore: 0, keepFreeBytes: Infinity };
const KEY = Buffer.alloc(16, 1);

function notified(change: Partial<NewNotified> = {}): NewNotified {
  return {
    messageId: 'a@ex.example',
    userNumber: 1,
    thread: 'shop/1',
    repliedToAt: NOW,
    subjectKey: KEY,
    sentAt: NOW,
    expiresAt: NOW + 1000,
    ...change,
  };
}

const threadsOf = (posts: readonly { readonly thread: string }[]): string[] =>
  posts.map(({ thread }) => thread);

/** Registers the tests of who was notified. */
export function describeNotified(open: OpenStore): void {
  describe('who was notified', () => {
    it('is found by the Message-IDs of their own mail, in the order of the question', async (t) => {
      const store = await open(t);
      await store.rememberNotified([
        notified(),
        notified({ messageId: 'b@ex.example', thread: 'shop/2' }),
        notified({ messageId: 'b@ex.example', thread: 'shop/2', userNumber: 2 }),
        notified({ messageId: 'c@ex.example', thread: 'shop/3', userNumber: 2 }),
      ]);
      const ids = ['b@ex.example', 'x@ex.example', 'c@ex.example', 'a@ex.example'];
      const { own, others } = await store.notifiedByIds(1, ids);
      assert.deepEqual(threadsOf(own), ['shop/2', 'shop/1']);
      assert.deepEqual(threadsOf(others), ['shop/3']);
      assert.deepEqual(own[1], {
        messageId: 'a@ex.example',
        thread: 'shop/1',
        repliedToAt: NOW,
        sentAt: NOW,
      });
    });

    it('is found by the key of a subject since a time, the newest mail of each thread first', async (t) => {
      const store = await open(t);
      await store.rememberNotified([
        notified({ messageId: '1@x.example', repliedToAt: NOW - 9, sentAt: NOW - 9 }),
        notified({ messageId: '2@x.example', repliedToAt: NOW - 5, sentAt: NOW - 5 }),
        notified({ messageId: '3@x.example', thread: 'shop/2', sentAt: NOW - 1 }),
        notified({ messageId: '4@x.example', thread: 'shop/3', sentAt: NOW - 10 }),
        notified({ messageId: '5@x.example', thread: 'shop/4', userNumber: 2 }),
        notified({ messageId: '6@x.example', thread: 'shop/5', subjectKey: Buffer.alloc(16, 2) }),
        notified({ messageId: '7@x.example', thread: 'shop/6', subjectKey: new Uint8Array() }),
      ]);
      const found = await store.notifiedBySubject(1, KEY, NOW - 9);
      assert.deepEqual(
        found.map(({ messageId }) => messageId),
        ['3@x.example', '2@x.example'],
      );
      assert.equal(found[1]?.repliedToAt, NOW - 5);
      assert.deepEqual(await store.notifiedBySubject(1, new Uint8Array(), 0), []);
    });

    it('is one row for a mail that is sent again, and the last counts', async (t) => {
      const store = await open(t);
      await store.rememberNotified([notified()]);
      await store.rememberNotified([notified({ thread: 'shop/2' })]);
      assert.deepEqual(threadsOf((await store.notifiedByIds(1, ['a@ex.example'])).own), ['shop/2']);
      assert.equal((await store.prune({ ...EXPIRED, expiredBefore: NOW + 1001 })).remembered, 1);
    });

    it('is forgotten when it may not be answered any more', async (t) => {
      const store = await open(t);
      await store.rememberNotified([notified(), notified({ messageId: 'b@ex.example', expiresAt: NOW + 5 })]);
      assert.equal((await store.prune({ ...EXPIRED, expiredBefore: NOW + 5 })).remembered, 0);
      assert.equal((await store.prune({ ...EXPIRED, expiredBefore: NOW + 6 })).remembered, 1);
      const { own } = await store.notifiedByIds(1, ['a@ex.example', 'b@ex.example']);
      assert.equal(own.length, 1);
    });

    it('is forgotten with the user, who may come back without it', async (t) => {
      const store = await open(t);
      const [alice, bob] = [await addUser(store, 'alice'), await addUser(store, 'bob')];
      const rows = [alice, bob].map(({ number: userNumber }) => notified({ userNumber }));
      await store.rememberNotified(rows);
      await store.removeUser('alice', NOW);
      await store.restoreUser(alice.number, NOW);
      await store.eraseUser(bob.number);
      for (const { number } of [alice, bob])
        assert.deepEqual(await store.notifiedByIds(number, ['a@ex.example']), { own: [], others: [] });
    });

    it('is remembered with a notification that is added, and not again with one that was there', async (t) => {
      const store = await open(t);
      const first = newNotification({ idempotencyKey: 'k1', notified: notified() });
      const again = newNotification({
        idempotencyKey: 'k1',
        notified: notified({ messageId: 'b@ex.example' }),
      });
      await store.addNotification(newNotification());
      await store.addNotification(first);
      await store.addNotification(again);
      const { own } = await store.notifiedByIds(1, ['a@ex.example', 'b@ex.example']);
      assert.deepEqual(
        own.map(({ messageId }) => messageId),
        ['a@ex.example'],
      );
    });
  });
}
