// The contract of digests: a split is one step, makes the same parts however often it is made, and needs its digest.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { partItemId } from '../../src/mail/item-id.ts';
import { digestLocator } from '../../src/mail/reserved.ts';
import type { DigestPost } from '../../src/store/digests.ts';
import type { LeasedItem } from '../../src/store/item.ts';
import type { Split } from '../../src/store/leases.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, FAILED, ids, lease, NOW, newItem, POSTED, queued, RAW, settle } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

const LOCATOR = digestLocator('abc');
const POSTS: readonly DigestPost[] = ['one', 'two', 'three'].map((label, index) => ({
  thread: `t/${label}`,
  repliedToAt: NOW - index * 60_000,
  label,
}));

async function withDigest(store: Store): Promise<Store> {
  await store.addDigests([{ locator: LOCATOR, userNumber: 1, posts: POSTS, expiresAt: NOW }]);
  return store;
}

const splitOf = (...posts: readonly number[]): Split => ({
  kind: 'split',
  at: NOW,
  diagnostic: `split into ${posts.length}`,
  parts: posts.map((post) => {
    const { thread = '', repliedToAt = 0 } = POSTS[post - 1] ?? {};
    return { post, thread, repliedToAt };
  }),
});

/** A reply to the digest, leased. */
async function leasedReply(store: Store): Promise<LeasedItem> {
  await queued(store, { thread: LOCATOR });
  const [item] = await lease(store);
  assert.ok(item);
  return item;
}

/** Registers the tests of digests. */
export function describeDigests(open: OpenStore): void {
  testReplies(open);
  testDigests(open);
}

function testReplies(open: OpenStore): void {
  describe('a reply to a digest', () => {
    it('is leased with what the digest names, by the names that its threads have', async (t) => {
      const store = await withDigest(await open(t));
      assert.deepEqual((await leasedReply(store)).digest, {
        locator: LOCATOR,
        posts: POSTS,
        post: undefined,
      });
    });

    it('is not leased with its commit, where nobody has read the digest yet', async (t) => {
      const store = await withDigest(await open(t));
      const id = await queued(store, { thread: LOCATOR });
      assert.equal((await store.get(id))?.state, 'ready');
    });

    it('is split in one step: posted, and its parts are heads of their threads', async (t) => {
      const store = await withDigest(await open(t));
      const item = await leasedReply(store);
      const before = await queued(store, { thread: 't/three' });
      await settle(store, item, splitOf(3, 1));
      const parent = await store.get(item.id);
      assert.deepEqual([parent?.state, parent?.lastDiagnostic], ['posted', 'split into 2']);
      const leased = await lease(store);
      // The other part waits for a reply that came before it was there.
      assert.deepEqual(ids(leased).sort(), [before, partItemId(item.id, 1)].sort());
      const part = leased.find(({ thread }) => thread === 't/one');
      assert.ok(part);
      assert.deepEqual(part.digest, { locator: LOCATOR, posts: POSTS, post: 1 });
      assert.deepEqual(
        [part.repliedToAt, part.receivedAt, part.messageId, part.attempts, part.reversePath],
        [POSTS[0]?.repliedToAt, item.receivedAt, item.messageId, 1, item.reversePath],
      );
      assert.deepEqual([part.authentication, part.spam], [item.authentication, item.spam]);
      assert.deepEqual(Buffer.from((await store.content(partItemId(item.id, 1))) ?? []), RAW);
      await settle(store, leased.find(({ id }) => id === before)!, POSTED);
      assert.deepEqual(ids(await lease(store)), [partItemId(item.id, 3)]);
    });

    it('has large messages in every part', async (t) => {
      const store = await withDigest(await open(t));
      const raw = Buffer.alloc(700_000, 'a line of text\n');
      await accept(store, [newItem({ thread: LOCATOR })], Buffer.from(raw));
      const [item] = await lease(store);
      assert.ok(item);
      await settle(store, item, splitOf(1, 2));
      for (const post of [1, 2]) {
        const content = await store.content(partItemId(item.id, post));
        assert.ok(content !== undefined && Buffer.compare(Buffer.from(content), raw) === 0);
      }
    });

    it('that is split again makes no part twice, whatever became of it', async (t) => {
      const store = await withDigest(await open(t, { keepContent: true }));
      const item = await leasedReply(store);
      await settle(store, item, splitOf(1, 2));
      const [one, two] = await lease(store);
      await settle(store, one!, POSTED);
      await settle(store, two!, FAILED);
      await store.operate('retry', item.id, NOW);
      const [again] = await lease(store);
      assert.equal(again?.id, item.id);
      await settle(store, again, splitOf(1, 2));
      const states = (await store.list({})).map(({ thread, state }) => [thread, state]);
      assert.deepEqual(states.sort(), [
        [LOCATOR, 'posted'],
        ['t/one', 'posted'],
        ['t/two', 'failed'],
      ]);
    });

    it('that is sent once more has its failed parts tried again', async (t) => {
      const store = await withDigest(await open(t));
      const original = newItem({ thread: LOCATOR });
      await accept(store, [original]);
      const [item] = await lease(store);
      assert.ok(item);
      await settle(store, item, splitOf(1, 2));
      const [one, two] = await lease(store);
      assert.ok(one && two);
      await settle(store, one, POSTED);
      await settle(store, two, FAILED);
      const copy = newItem({ thread: LOCATOR, fingerprint: original.fingerprint });
      assert.deepEqual(await accept(store, [copy]), [{ kind: 'queued', id: item.id }]);
      assert.deepEqual(ids(await lease(store)), [two.id]);
      assert.deepEqual(await accept(store, [copy]), [{ kind: 'duplicate', id: item.id }]);
    });

    it('whose lease was lost is not split', async (t) => {
      const store = await withDigest(await open(t));
      const item = await leasedReply(store);
      await settle(store, { ...item, attempts: 7 }, splitOf(1, 2));
      assert.equal((await store.list({})).length, 1);
    });
  });
}

function testDigests(open: OpenStore): void {
  describe('a digest', () => {
    it('goes after it has expired, and stays while an item needs it', async (t) => {
      const store = await withDigest(await open(t));
      const prune = (digestsBefore: number) =>
        store.prune({ contentBefore: 0, rowsBefore: 0, dedupeBefore: 0, digestsBefore, keepFreeBytes: 0 });
      const item = await leasedReply(store);
      await settle(store, item, FAILED);
      await prune(NOW + 1);
      assert.deepEqual(await store.digestPosts(LOCATOR), POSTS);
      await store.operate('drop', item.id, NOW);
      await prune(NOW);
      assert.deepEqual(await store.digestPosts(LOCATOR), POSTS);
      await prune(NOW + 1);
      assert.equal(await store.digestPosts(LOCATOR), undefined);
      // The threads that it named are there for their own addresses.
      assert.equal(await store.threadNumber('t/one'), await store.threadNumber('t/one'));
    });

    it('follows threads that are renamed, in itself and in its parts', async (t) => {
      const store = await withDigest(await open(t));
      const item = await leasedReply(store);
      await settle(store, item, splitOf(1));
      await store.renameThread('t/one', 'moved/one', NOW);
      assert.equal((await store.digestPosts(LOCATOR))?.[0]?.thread, 'moved/one');
      const [part] = await lease(store);
      assert.deepEqual([part?.thread, part?.digest?.posts[0]?.thread], ['moved/one', 'moved/one']);
    });

    it('tells of an item which part it is', async (t) => {
      const store = await withDigest(await open(t));
      const item = await leasedReply(store);
      await settle(store, item, splitOf(2));
      assert.deepEqual(await store.digestOf(item.id), { locator: LOCATOR, posts: POSTS, post: undefined });
      assert.deepEqual(await store.digestOf(partItemId(item.id, 2)), {
        locator: LOCATOR,
        posts: POSTS,
        post: 2,
      });
      assert.equal(await store.digestOf(await queued(store)), undefined);
    });
  });
}
