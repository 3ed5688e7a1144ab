// The contract of the HTTP interface's tokens and answers, and of the rates' buckets.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { KeptAnswer, TokenHolder } from '../../src/store/api-access.ts';
import type { BucketChange } from '../../src/store/buckets.ts';
import { NOW } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

const shop: TokenHolder = { name: 'shop', scopes: ['mint', 'send'], createdAt: NOW };

function answer(change: Partial<KeptAnswer> = {}): KeptAnswer {
  return {
    key: 'shop POST /mint k1',
    request: Buffer.from([0, 1, 255]),
    status: 201,
    body: '{"a":"\\u0000"}',
    answeredAt: NOW,
    ...change,
  };
}

/** Buckets of which everything was taken by this host. */
function buckets(savedAt: number, names: readonly string[], fullAts: readonly number[]): BucketChange {
  const takenMs = fullAts.map((at) => at - savedAt);
  return { savedAt, names, fullAts, lives: names.map((_, index) => index), takenMs, gone: [] };
}

/** Registers the tests of API tokens, of kept answers, and of buckets. */
export function describeApiAccess(open: OpenStore): void {
  describe('API tokens', () => {
    it('have one holder each, found by the digest, whose name is given once', async (t) => {
      const store = await open(t);
      assert.equal(await store.addToken(shop, hashOf('a')), true);
      assert.equal(await store.addToken({ ...shop, scopes: ['send'] }, hashOf('b')), false);
      assert.equal(await store.addToken(shop, hashOf('a')), false);
      assert.equal(await store.addToken({ ...shop, name: 'other' }, hashOf('a')), false);
      const desk = { name: 'Desk', scopes: ['read'], createdAt: NOW + 1 };
      assert.equal(await store.addToken(desk, hashOf('c')), true);
      assert.deepEqual(await store.tokenHolder(hashOf('a')), shop);
      assert.equal(await store.tokenHolder(hashOf('b')), undefined);
      assert.deepEqual(await store.tokens(), [desk, shop]);
    });

    it('are gone when they are removed', async (t) => {
      const store = await open(t);
      await store.addToken(shop, hashOf('a'));
      assert.equal(await store.removeToken('Shop'), false);
      assert.equal(await store.removeToken('shop'), true);
      assert.equal(await store.removeToken('shop'), false);
      assert.equal(await store.tokenHolder(hashOf('a')), undefined);
      assert.equal(await store.addToken(shop, hashOf('a')), true);
    });
  });

  describe('answers under a key', () => {
    it('are kept, the last one of each key, and forgotten with a later one', async (t) => {
      const store = await open(t);
      await store.keepAnswer(answer(), 0);
      const other = answer({ key: 'k2', answeredAt: NOW + 1 });
      await store.keepAnswer(other, NOW);
      assert.deepEqual(await store.keptAnswer(answer().key), answer());
      await store.keepAnswer({ ...other, status: 409 }, NOW + 1);
      assert.equal((await store.keptAnswer('k2'))?.status, 409);
      assert.equal(await store.keptAnswer(answer().key), undefined);
    });
  });

  describe('the buckets of rates', () => {
    it('are kept by name until they are full', async (t) => {
      const store = await open(t);
      await store.saveBuckets(buckets(NOW, ['a', 'b'], [NOW + 5, NOW + 6]));
      await store.saveBuckets({ ...buckets(NOW + 1, ['b', 'c'], [NOW + 7, NOW + 8]), gone: ['a', 'x'] });
      assert.equal(await store.bucket('a'), undefined);
      const { fullAt, savedAt } = (await store.bucket('b'))!;
      assert.deepEqual([fullAt, savedAt], [NOW + 7, NOW + 1]);
      const all = await store.loadBuckets();
      assert.deepEqual(all.map((each) => [each.name, each.fullAt, each.savedAt]).toSorted(), [
        ['b', NOW + 7, NOW + 1],
        ['c', NOW + 8, NOW + 1],
      ]);
      assert.deepEqual(await store.othersBuckets(), []);
    });
  });
}
