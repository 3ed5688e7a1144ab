// The contract of removal: nobody finds a removed user, and a restored one is who they were.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RESTORABLE_MS, type User } from '../../src/store/directory.ts';
import type { PruneRequest } from '../../src/store/retention.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, ids, lease, NOW, newItem, POSTED, queued, settle } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

/** Retention that is about users alone. */
const USERS: PruneRequest = { contentBefore: 0, rowsBefore: 0, dedupeBefore: 0, keepFreeBytes: Infinity };

async function add(store: Store, name: string, addresses: readonly string[] = []): Promise<User> {
  const salt = Buffer.alloc(32, name);
  const user = await store.addUser({ name, addresses, salt, now: NOW - 1000 });
  assert.ok(user, `${name} is new`);
  return user;
}

/** Alice, disabled and with all that a user can have; removed at NOW. */
async function removedAlice(store: Store): Promise<User> {
  const { number } = await add(store, 'alice', ['alice@example.com', 'a@home.example']);
  await store.rotateSalt('alice', Buffer.alloc(32, 2), NOW - 10, NOW + 1_000_000);
  await store.setUser('alice', { enabled: false });
  await accept(store, [newItem({ userNumber: number, bounce: 'hard', reversePath: '' })]);
  for (const leased of await lease(store)) await settle(store, leased, POSTED);
  const alice = await store.userByNumber(number);
  assert.ok(alice);
  assert.equal(await store.removeUser('alice', NOW), true);
  return alice;
}

/** Restores somebody of whom nothing stands in the way; how many replies were released. */
async function restored(store: Store, number: number): Promise<number> {
  const done = await store.restoreUser(number, NOW + 1);
  if (done.kind !== 'restored') assert.fail(JSON.stringify(done));
  return done.released;
}

/** Registers the tests of removal. */
export function describeRemoval(open: OpenStore): void {
  describe('a removed user', () => {
    it('is nobody to whoever asks for a user', async (t) => {
      const store = await open(t);
      const { number } = await removedAlice(store);
      assert.equal(await store.userByNumber(number), undefined);
      assert.equal(await store.userByName('alice'), undefined);
      assert.deepEqual(await store.listUsers(), []);
      assert.equal(await store.setUser('alice', { enabled: true, addresses: ['x@example.com'] }), false);
      assert.equal(await store.rotateSalt('alice', Buffer.alloc(32), NOW, undefined), false);
      assert.equal(await store.removeUser('alice', NOW), false);
      assert.equal((await store.bounceCounts()).hard, 0);
      assert.equal((await store.bounceCounts('alice')).hard, 0);
    });

    it('is listed among the removed ones, the last one first', async (t) => {
      const store = await open(t);
      const alice = await removedAlice(store);
      const bob = await add(store, 'bob');
      await store.removeUser('bob', NOW + 5);
      assert.deepEqual(await store.removedUsers(), [
        { number: bob.number, name: 'bob', removedAt: NOW + 5, addresses: [] },
        { number: alice.number, name: 'alice', removedAt: NOW, addresses: alice.addresses },
      ]);
    });

    it('comes back as they were: number, state, salts, addresses, bounces', async (t) => {
      const store = await open(t);
      const alice = await removedAlice(store);
      const done = await store.restoreUser(alice.number, NOW + 1);
      assert.deepEqual(done, { kind: 'restored', user: alice, released: 0, leftOut: [] });
      assert.deepEqual(await store.userByName('alice'), alice);
      assert.equal((await store.bounceCounts('alice')).hard, 1);
      assert.deepEqual(await store.removedUsers(), []);
      assert.deepEqual(await store.restoreUser(alice.number, NOW + 1), { kind: 'unknown' });
    });

    it('can be removed and restored again and again', async (t) => {
      const store = await open(t);
      const alice = await removedAlice(store);
      for (let round = 0; round < 3; round++) {
        await restored(store, alice.number);
        assert.equal(await store.removeUser('alice', NOW + 2), true);
      }
      await restored(store, alice.number);
      assert.deepEqual(await store.userByName('alice'), alice);
    });

    it('comes back within 30 days, and not after', async (t) => {
      const store = await open(t);
      const { number } = await removedAlice(store);
      assert.deepEqual(await store.restoreUser(number, NOW + RESTORABLE_MS), { kind: 'unknown' });
      assert.equal((await store.restoreUser(number, NOW + RESTORABLE_MS - 1)).kind, 'restored');
    });

    it('is pruned once they cannot come back, and another who can is not', async (t) => {
      const store = await open(t);
      await removedAlice(store);
      const bob = await add(store, 'bob');
      await store.removeUser('bob', NOW + 1);
      assert.deepEqual((await store.prune({ ...USERS, usersBefore: NOW })).users, 0);
      assert.deepEqual((await store.prune(USERS)).users, 0);
      const pruned = await store.prune({ ...USERS, usersBefore: NOW + 1 });
      assert.deepEqual([pruned.users, pruned.isDone], [1, true]);
      assert.deepEqual(
        (await store.removedUsers()).map(({ number }) => number),
        [bob.number],
      );
    });

    it('gives up the name, and cannot come back while another has it', async (t) => {
      const store = await open(t);
      const alice = await removedAlice(store);
      const other = await add(store, 'alice', ['other@example.com']);
      assert.notEqual(other.number, alice.number);
      assert.deepEqual(await store.restoreUser(alice.number, NOW), {
        kind: 'name-taken',
        by: other.number,
      });
      assert.deepEqual(await store.userByName('alice'), other);
      assert.deepEqual(
        (await store.removedUsers()).map(({ number }) => number),
        [alice.number],
      );
      await store.removeUser('alice', NOW);
      await restored(store, alice.number);
      assert.deepEqual(await store.userByName('alice'), alice);
      assert.deepEqual(
        (await store.removedUsers()).map(({ number }) => number),
        [other.number],
      );
    });

    it('comes back without the addresses that somebody else has by then', async (t) => {
      const store = await open(t);
      const { number } = await add(store, 'alice', ['a@bücher.example', 'b@example.com', 'c@example.com']);
      await store.removeUser('alice', NOW);
      await add(store, 'bob', ['A@xn--bcher-kva.example', 'B@EXAMPLE.com', 'bob@example.com']);
      const done = await store.restoreUser(number, NOW);
      assert.deepEqual(done.kind === 'restored' && [done.user.addresses, done.leftOut], [
        ['c@example.com'],
        [
          { address: 'a@bücher.example', user: 'bob' },
          { address: 'b@example.com', user: 'bob' },
        ],
      ]);
      assert.equal((await store.userByName('bob'))?.addresses.length, 3);
    });
  });

  describe('the replies of a removed user', () => {
    it('are released by the restore if they were held for want of the user, and no others', async (t) => {
      const store = await open(t);
      const { number: userNumber } = await add(store, 'alice');
      const bob = await add(store, 'bob');
      const spam = await queued(store, { userNumber, hold: 'spam', thread: 't/spam' });
      const stopped = await queued(store, { userNumber, thread: 't/stopped' });
      await store.operate('hold', stopped, NOW);
      const due = [
        await queued(store, { userNumber, thread: 't/1' }),
        await queued(store, { userNumber, thread: 't/1' }),
        await queued(store, { userNumber, thread: 't/2' }),
      ];
      const bobs = await queued(store, { user: 'bob', userNumber: bob.number, thread: 't/3' });
      await store.removeUser('alice', NOW);
      await store.removeUser('bob', NOW);
      for (let round = 0; round < 3; round++) assert.deepEqual(await lease(store), []);
      const afterRcpt = newItem({ userNumber, thread: 't/1' });
      assert.equal((await accept(store, [afterRcpt]))[0]?.kind, 'held');
      assert.equal(await restored(store, userNumber), 4);
      const heads = await lease(store, NOW + 1);
      assert.deepEqual(ids(heads).sort(), [due[0]!, due[2]!].sort());
      for (const leased of heads) await settle(store, leased, POSTED);
      const [second] = await lease(store, NOW + 1);
      assert.equal(second?.id, due[1]);
      await settle(store, second!, POSTED);
      assert.deepEqual(ids(await lease(store, NOW + 1)), [afterRcpt.id]);
      const reasons = [spam, stopped, bobs].map(async (id) => (await store.get(id))?.holdReason);
      assert.deepEqual(await Promise.all(reasons), ['spam', 'operator', 'no-user']);
      assert.equal((await store.operate('release', spam, NOW)).kind, 'done');
    });

    it('stay held where somebody else has the name, whatever is restored', async (t) => {
      const store = await open(t);
      const { number: userNumber } = await add(store, 'alice');
      const first = await queued(store, { userNumber });
      await store.removeUser('alice', NOW);
      assert.deepEqual(await lease(store), []);
      const other = await add(store, 'alice');
      const second = await queued(store, { userNumber: other.number, thread: 't/2' });
      await store.removeUser('alice', NOW);
      assert.deepEqual(await lease(store), []);
      assert.equal(await restored(store, other.number), 1);
      assert.deepEqual(ids(await lease(store, NOW + 1)), [second]);
      assert.equal((await store.get(first))?.holdReason, 'no-user');
      assert.deepEqual(await store.operate('release', first, NOW), { kind: 'no-user', user: 'alice' });
    });

    it('that were not due meanwhile go on as if nothing had been', async (t) => {
      const store = await open(t);
      const { number: userNumber } = await add(store, 'alice');
      const id = await queued(store, { userNumber });
      await store.removeUser('alice', NOW);
      assert.equal(await restored(store, userNumber), 0);
      assert.deepEqual(ids(await lease(store)), [id]);
    });
  });

  describe('an erased user', () => {
    for (const [state, remove] of [
      ['was there', () => Promise.resolve(true)],
      ['was removed before', (store: Store) => store.removeUser('alice', NOW)],
    ] as const) {
      it(`who ${state} cannot come back, and gives the number to nobody`, async (t) => {
        const store = await open(t);
        const { number } = await add(store, 'alice', ['alice@example.com']);
        await remove(store);
        assert.equal(await store.eraseUser(number), true);
        assert.equal(await store.eraseUser(number), false);
        assert.equal(await store.userByName('alice'), undefined);
        assert.deepEqual(await store.removedUsers(), []);
        assert.deepEqual(await store.restoreUser(number, NOW), { kind: 'unknown' });
        assert.ok((await add(store, 'alice')).number > number);
      });
    }
  });
}
