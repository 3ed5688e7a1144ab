// The contract of the HTTP interface's tokens and answers.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { KeptAnswer, TokenHolder } from '../../src/store/api-access.ts';
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

/** Registers the tests of API tokens and of kept answers. */
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
}
