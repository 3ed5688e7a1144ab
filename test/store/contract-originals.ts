// The contract of what is remembered of notifications: known originals, and the contexts of addresses.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MOST_KNOWN, type NewOriginal } from '../../src/store/originals.ts';
import type { PruneRequest } from '../../src/store/retention.ts';
import type { Store } from '../../src/store/store.ts';
import { NOW } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

const ALL = 64 * 1024 * 1024;
const EXPIRED: PruneRequest = { contentBefore: 0, rowsBefore: 0, dedupeBefore: 0, keepFreeBytes: Infinity };

function original(change: Partial<NewOriginal> = {}): NewOriginal {
  return {
    thread: 'shop/1',
    repliedToAt: NOW,
    digest: Buffer.alloc(16, `${change.subject}`),
    subject: 'Hinges',
    authorName: 'Ann Ex',
    authorAddress: 'ann@ex.example',
    sketch: Uint8Array.of(1, 2, 3),
    expiresAt: NOW + 1000,
    ...change,
  };
}

const subjects = async (store: Store, thread = 'shop/1', at = NOW): Promise<string[]> =>
  (await store.knownOriginals(thread, at)).map(({ subject }) => subject);

function describeOriginals(open: OpenStore): void {
  describe('a known original', () => {
    it('comes back with its author and its sketch', async (t) => {
      const store = await open(t);
      await store.rememberOriginals([original()], ALL);
      const [known] = await store.knownOriginals('shop/1', NOW);
      assert.deepEqual(
        { ...known, sketch: [...(known?.sketch ?? [])] },
        { subject: 'Hinges', authorName: 'Ann Ex', authorAddress: 'ann@ex.example', sketch: [1, 2, 3] },
      );
    });

    it('is known with those before it in its thread, the newest first, and with no later one', async (t) => {
      const store = await open(t);
      const posts = Array.from({ length: MOST_KNOWN + 5 }, (_, n) =>
        original({ subject: `post ${n}`, repliedToAt: NOW - n * 1000 }),
      );
      await store.rememberOriginals(
        [...posts.toReversed(), original({ thread: 'shop/2', subject: 'other' })],
        ALL,
      );
      assert.deepEqual(
        await subjects(store, 'shop/1', NOW - 3000),
        posts.slice(3, 3 + MOST_KNOWN).map(({ subject }) => subject),
      );
      assert.deepEqual(await subjects(store, 'shop/3'), []);
    });

    it('leaves room for others where each user got it at a second of their own', async (t) => {
      const store = await open(t);
      const copies = Array.from({ length: 50 }, (_, n) => original({ repliedToAt: NOW - n * 1000 }));
      await store.rememberOriginals(
        [original({ subject: 'Paint', repliedToAt: NOW - 99_000 }), ...copies],
        ALL,
      );
      assert.deepEqual(await subjects(store), ['Hinges', 'Paint']);
    });

    it('is one for all users who got the same, and is kept until the last address expires', async (t) => {
      const store = await open(t);
      await store.rememberOriginals([original({ expiresAt: NOW + 10 })], ALL);
      await store.rememberOriginals([original({ expiresAt: NOW + 2000 }), original()], ALL);
      assert.deepEqual(await subjects(store), ['Hinges']);
      assert.equal((await store.prune({ ...EXPIRED, expiredBefore: NOW + 2000 })).remembered, 0);
      assert.equal((await store.prune({ ...EXPIRED, expiredBefore: NOW + 2001 })).remembered, 1);
      assert.deepEqual(await subjects(store), []);
    });

    it('makes room for a newer one, the oldest first', async (t) => {
      const store = await open(t);
      const sketch = new Uint8Array(2000);
      for (let n = 0; n < 10; n++)
        await store.rememberOriginals(
          [original({ subject: `post ${n}`, repliedToAt: NOW + n, sketch })],
          10_000,
        );
      assert.deepEqual(await subjects(store, 'shop/1', NOW + 20), ['post 9', 'post 8', 'post 7', 'post 6']);
    });

    it('goes with the next step of retention where the bound became smaller', async (t) => {
      const store = await open(t);
      await store.rememberOriginals([original({ subject: 'a' }), original({ subject: 'b' })], ALL);
      assert.equal((await store.prune({ ...EXPIRED, originalsBytes: ALL })).remembered, 0);
      assert.equal((await store.prune({ ...EXPIRED, originalsBytes: 250 })).remembered, 1);
      assert.deepEqual(await subjects(store), ['b']);
      assert.equal((await store.prune({ ...EXPIRED, originalsBytes: 0 })).remembered, 1);
      assert.deepEqual(await subjects(store), []);
    });
  });
}

function describeContexts(open: OpenStore): void {
  describe('the context of an address', () => {
    const key = { userNumber: 7, thread: 'shop/1', repliedToAt: NOW };

    it('comes back for the user, the thread and the post that it was given with', async (t) => {
      const store = await open(t);
      await store.setContexts([{ ...key, context: '{"a":1}', expiresAt: NOW }]);
      assert.equal(await store.contextOf(key), '{"a":1}');
      for (const other of [{ userNumber: 8 }, { thread: 'shop/2' }, { repliedToAt: NOW + 1000 }])
        assert.equal(await store.contextOf({ ...key, ...other }), undefined);
    });

    it('is the last that was given, and goes when the address has expired', async (t) => {
      const store = await open(t);
      await store.setContexts([{ ...key, context: '1', expiresAt: NOW }]);
      await store.setContexts([{ ...key, context: '2', expiresAt: NOW + 5 }]);
      assert.equal((await store.prune({ ...EXPIRED, expiredBefore: NOW + 5 })).remembered, 0);
      assert.equal(await store.contextOf(key), '2');
      assert.equal((await store.prune({ ...EXPIRED, expiredBefore: NOW + 6 })).remembered, 1);
      assert.equal(await store.contextOf(key), undefined);
    });
  });
}

/** Registers the tests of what is remembered. */
export function describeRemembered(open: OpenStore): void {
  describeOriginals(open);
  describeContexts(open);
}
