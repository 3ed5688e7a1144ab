// The contract of renaming: what is known of a user or a thread follows; where the new place has the same, that stays.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../../src/mail/item-id.ts';
import type { NewNotice } from '../../src/store/notices.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, FAILED, ids, lease, NOW, newItem, POSTED, queued, settle } from '../support/item.ts';
import { addUser } from '../support/mint.ts';
import { newNotification } from '../support/notification.ts';
import type { OpenStore } from './contract-acceptance.ts';

const ALL = 64 * 1024 * 1024;
const LATER = NOW + 1_000_000;

/** Remembers two posts of each thread: one at the time 500, and one at a time of its own. */
async function fill(store: Store, threads: readonly string[]): Promise<void> {
  for (const [index, thread] of threads.entries()) {
    const at = (index + 1) * 1000;
    await store.addNotification(newNotification({ thread, repliedToAt: at }));
    const posts = [500, at].map((repliedToAt) => ({ thread, repliedToAt, expiresAt: LATER }));
    const known = { subject: thread, authorName: '', authorAddress: '', sketch: Uint8Array.of(1) };
    await store.rememberOriginals(
      posts.map((post) => ({ ...post, ...known, digest: Buffer.alloc(16, post.repliedToAt / 500) })),
      ALL,
    );
    await store.setContexts(posts.map((post) => ({ ...post, userNumber: 1, context: `"${thread}"` })));
  }
}

const subjectsOf = async (store: Store, thread: string): Promise<string[]> =>
  (await store.knownOriginals(thread, LATER)).map(({ subject }) => subject);

const contextsOf = (store: Store, thread: string): Promise<(string | undefined)[]> =>
  Promise.all(
    [500, 1000, 2000].map((repliedToAt) => store.contextOf({ userNumber: 1, thread, repliedToAt })),
  );

const notificationsOf = async (store: Store, thread: string): Promise<number[]> =>
  (await store.listNotifications({ thread, limit: 10 })).map(({ repliedToAt }) => repliedToAt);

function describeThreads(open: OpenStore): void {
  describe('a thread with another locator', () => {
    it('takes notifications, originals and contexts along', async (t) => {
      const store = await open(t);
      await fill(store, ['old', 'new', 'other']);
      await store.renameThread('old', 'new', NOW);
      const all = ['new', 'old', 'other'];
      assert.deepEqual(await Promise.all(all.map((thread) => notificationsOf(store, thread))), [
        [2000, 1000],
        [],
        [3000],
      ]);
      assert.deepEqual(await Promise.all(all.map((thread) => subjectsOf(store, thread))), [
        ['new', 'old', 'new'],
        [],
        ['other', 'other'],
      ]);
      assert.deepEqual(await Promise.all(all.map((thread) => contextsOf(store, thread))), [
        ['"new"', '"old"', '"new"'],
        [undefined, undefined, undefined],
        ['"other"', undefined, undefined],
      ]);
    });

    it('is found by a former locator as of the time of the post', async (t) => {
      const store = await open(t);
      const now = (...asked: (readonly [string, number])[]): Promise<string[]> =>
        Promise.all(asked.map(([locator, at]) => store.locatorNow(locator, at)));
      const first = await store.renameThread('a', 'b', 100);
      assert.ok(first.kind === 'renamed');
      assert.deepEqual(first, { kind: 'renamed', number: first.number, wasKnown: false, open: 0 });
      assert.deepEqual(await now(['a', 50], ['a', 150], ['x', 50]), ['b', 'b', 'x']);
      const second = await store.renameThread('c', 'a', 200);
      assert.ok(second.kind === 'renamed');
      assert.deepEqual(await now(['a', 50], ['a', 250]), ['b', 'a'], 'it is a thread of its own again');
      assert.equal((await store.renameThread('a', 'd', 300)).kind, 'renamed');
      assert.deepEqual(await now(['a', 50], ['a', 250], ['a', 350]), ['b', 'd', 'd']);
      const locators = await Promise.all(
        [first.number, second.number, second.number + 1].map((number) => store.locatorsOf(number)),
      );
      assert.deepEqual(locators, [['b', 'a'], ['d', 'a', 'c'], []]);
      assert.deepEqual(await store.renameThread('b', 'd', 400), { kind: 'taken', by: second.number });
      assert.deepEqual(await store.renameThread('b', 'b', 500), { ...first, wasKnown: true });
      assert.deepEqual(await store.locatorsOf(first.number), ['b', 'a'], 'which is no renaming');
    });

    it('keeps its number, and gives the former locator to a new thread', async (t) => {
      const store = await open(t);
      const [number = 0, other = 0] = await store.threadNumbers(['a', 'other', 'a']);
      assert.deepEqual(await store.renameThread('a', 'b', NOW), {
        ...{ kind: 'renamed', number, wasKnown: true, open: 0 },
      });
      assert.equal(await store.threadByNumber(number), 'b');
      const numbers = await store.threadNumbers(['b', 'a', 'other']);
      assert.deepEqual([numbers[0], numbers[2]], [number, other]);
      assert.ok(![number, other].includes(numbers[1] ?? number));
    });

    it('has its items posted after one another, in the order of arrival, with those of the new place', async (t) => {
      const store = await open(t);
      const arrived: string[] = [];
      for (const thread of ['new', 'old', 'new', 'old', 'new']) arrived.push(await queued(store, { thread }));
      const held = newItem({ thread: 'old', hold: 'spam' });
      await accept(store, [held]);
      assert.equal((await store.renameThread('old', 'new', NOW)).kind, 'renamed');
      const posted: string[] = [];
      for (let heads = await lease(store); heads.length > 0; heads = await lease(store)) {
        assert.equal(heads.length, 1);
        posted.push(...ids(heads));
        await settle(store, heads[0]!, POSTED);
      }
      assert.deepEqual(posted, arrived);
      assert.equal((await store.get(held.id))?.thread, 'new');
    });

    for (const [first, name] of [
      ['old', 'the thread itself'],
      ['new', 'the new place'],
    ] as const)
      it(`lets an attempt that is under way end before the next, of ${name}`, async (t) => {
        const store = await open(t);
        const last = await queued(store, { thread: first === 'old' ? 'new' : 'old' });
        const [before] = await lease(store);
        await settle(store, before!, {
          kind: 'deferred',
          at: NOW,
          dueAt: NOW + 1,
          diagnostic: '',
          workerDied: false,
        });
        await queued(store, { thread: first });
        const [underWay] = await lease(store);
        assert.equal(underWay?.thread, first);
        const renamed = await store.renameThread('old', 'new', NOW);
        assert.deepEqual(renamed.kind === 'renamed' && renamed.open, 1);
        assert.deepEqual(await lease(store, NOW + 1), []);
        await settle(store, underWay, FAILED);
        assert.deepEqual(ids(await lease(store, NOW + 1)), [last]);
      });

    for (const isOldFirst of [true, false])
      it(`lets two attempts that are under way end, that of the ${isOldFirst ? 'older' : 'newer'} reply first`, async (t) => {
        const store = await open(t);
        await queued(store, { thread: 'old' });
        const behind = await queued(store, { thread: 'old' });
        await queued(store, { thread: 'new' });
        const underWay = await lease(store);
        assert.equal(underWay.length, 2);
        await store.renameThread('old', 'new', NOW);
        const [first, second] = isOldFirst ? underWay : underWay.toReversed();
        await settle(store, first!, POSTED);
        assert.deepEqual(await lease(store), []);
        await settle(store, second!, POSTED);
        assert.deepEqual(ids(await lease(store)), [behind]);
      });
  });
}

function newNotice(change: Partial<NewNotice>): NewNotice {
  return {
    id: formatItemId(NOW, randomBytes(ITEM_ID_RANDOM_BYTES)),
    user: 'alice',
    userNumber: undefined,
    kind: 'expired',
    itemId: undefined,
    createdAt: NOW,
    draft: {
      from: 'alice@example.com',
      subject: 'Re: The roof leaks',
      messageId: undefined,
      references: [],
      language: undefined,
      thread: 'test/thread/1',
      receivedAt: NOW,
      reason: '',
      files: [],
      text: '',
    },
    ...change,
  };
}

function describeUsers(open: OpenStore): void {
  describe('a user with another name', () => {
    it('takes notifications and notices along; a notice that somebody of the name had today keeps its own', async (t) => {
      const store = await open(t);
      const { number: userNumber } = await addUser(store, 'alice');
      await store.addNotification(newNotification({ userNumber }));
      const notices = [
        newNotice({ userNumber, kind: 'refused' }),
        newNotice({ userNumber }),
        newNotice({ user: 'al', userNumber: userNumber + 1 }),
      ];
      for (const notice of notices) assert.equal(await store.addNotice(notice), true);
      await store.renameUser('alice', 'al', NOW);
      assert.deepEqual(
        (await store.listNotifications({ limit: 10 })).map(({ user }) => user),
        ['al'],
      );
      const named = new Map((await store.listNotices(10)).map(({ id, user }) => [id, user]));
      assert.deepEqual(
        notices.map(({ id }) => named.get(id)),
        ['al', 'alice', 'al'],
      );
    });

    it("takes items in every state along, and nobody else's", async (t) => {
      const store = await open(t);
      const { number: userNumber } = await addUser(store, 'alice');
      const bob = await addUser(store, 'bob');
      const done = await queued(store, { userNumber, thread: 't/1' });
      const [leased] = await lease(store);
      await settle(store, leased!, POSTED);
      const all = [
        done,
        await queued(store, { userNumber, thread: 't/2' }),
        await queued(store, { userNumber, thread: 't/3', hold: 'spam' }),
        await queued(store, { user: 'bob', userNumber: bob.number, thread: 't/4' }),
      ];
      await store.renameUser('alice', 'al', NOW);
      const views = await Promise.all(all.map((id) => store.get(id)));
      assert.deepEqual(
        views.map((view) => view?.user),
        ['al', 'al', 'al', 'bob'],
      );
      assert.deepEqual(ids(await lease(store)).sort(), [all[1], all[3]].sort());
    });
  });
}

/** Registers the tests of renaming. */
export function describeRenaming(open: OpenStore): void {
  describeThreads(open);
  describeUsers(open);
}
