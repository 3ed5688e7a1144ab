// The contract of notifications that mailgw sends: one for a key, claims with a proof, the mail gone when they end.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NewNotification, NotificationAddition } from '../../src/store/notifications.ts';
import type { Store } from '../../src/store/store.ts';
import { ids, NOW } from '../support/item.ts';
import { newNotification } from '../support/notification.ts';
import type { OpenStore } from './contract-acceptance.ts';

const LEASE_MS = 60_000;
const LONGEST_MS = 3_600_000;

/** Claims what is due at `now`. */
function leased(store: Store, now = NOW, limit = 100) {
  return store.leaseNotifications({ now, leaseMs: LEASE_MS, longestMs: LONGEST_MS, limit });
}

/** Adds a notification and gives its id. */
async function added(store: Store, change: Partial<NewNotification> = {}): Promise<string> {
  const notification = newNotification(change);
  assert.deepEqual(await store.addNotification(notification), { kind: 'added' });
  return notification.id;
}

/** Registers the tests of notifications. */
export function describeNotifications(open: OpenStore): void {
  describe('notifications', () => {
    describeKeys(open);
    describeClaims(open);
    describeNotificationViews(open);
  });
}

/** Registers the tests of Idempotency-Keys. */
function describeKeys(open: OpenStore): void {
  describe('under an Idempotency-Key', () => {
    it('are added once: the same request gets the first answer, another one is a conflict', async (t) => {
      const store = await open(t);
      const first = newNotification({ idempotencyKey: 'k1', messageId: 'first@reply.example.org' });
      await store.addNotification(first);
      const earlier = { id: first.id, messageId: first.messageId, repliedToAt: first.repliedToAt };
      const again = newNotification({ idempotencyKey: 'k1' });
      assert.deepEqual(await store.addNotification(again), { kind: 'repeated', earlier });
      const other = newNotification({ idempotencyKey: 'k1', request: Buffer.from('another') });
      assert.deepEqual(await store.addNotification(other), { kind: 'conflict', earlier });
      assert.deepEqual(ids(await store.listNotifications({ limit: 10 })), [first.id]);
    });

    it('are added once by requests that race, and without a key as often as they come', async (t) => {
      const store = await open(t);
      const racing = Array.from({ length: 50 }, () => newNotification({ idempotencyKey: 'race' }));
      const answers = await Promise.all(racing.map((each) => store.addNotification(each)));
      const winner = racing[answers.findIndex(({ kind }) => kind === 'added')];
      const others = answers.filter(({ kind }) => kind !== 'added') as Exclude<
        NotificationAddition,
        { kind: 'added' }
      >[];
      assert.equal(others.length, 49);
      assert.deepEqual(
        new Set(others.map(({ kind, earlier }) => `${kind} ${earlier.id}`)),
        new Set([`repeated ${winner?.id}`]),
      );
      await Promise.all([added(store), added(store)]);
      assert.equal((await store.listNotifications({ limit: 100 })).length, 3);
    });

    it('are remembered after they ended, until they are pruned', async (t) => {
      const store = await open(t);
      await added(store, { idempotencyKey: 'k' });
      const [claim] = await leased(store);
      await store.settleNotification(claim?.id ?? '', 1, { kind: 'sent', at: NOW, diagnostic: '250' });
      const again = (): Promise<NotificationAddition> =>
        store.addNotification(newNotification({ idempotencyKey: 'k' }));
      assert.equal((await again()).kind, 'repeated');
      const nothing = { contentBefore: 0, rowsBefore: 0, dedupeBefore: 0, keepFreeBytes: Infinity };
      await store.prune({ ...nothing, notificationsBefore: NOW });
      assert.equal((await again()).kind, 'repeated');
      await store.prune({ ...nothing, notificationsBefore: NOW + 1 });
      assert.equal((await again()).kind, 'added');
      // What waits is never pruned, however old.
      await store.prune({ ...nothing, notificationsBefore: NOW * 2 });
      assert.equal((await store.listNotifications({ limit: 10 })).length, 1);
    });
  });
}

/** Registers the tests of leases and settlements. */
function describeClaims(open: OpenStore): void {
  it('are leased by their due time, with the whole mail, and not twice', async (t) => {
    const store = await open(t);
    const late = await added(store, { createdAt: NOW - 1000 });
    const notification = newNotification({ createdAt: NOW - 2000 });
    await store.addNotification(notification);
    await added(store, { createdAt: NOW + 1000 });
    assert.equal(await store.nextNotificationAt(), NOW - 2000);
    const [claim, ...none] = await leased(store, NOW, 1);
    assert.deepEqual(none, []);
    const { id, user, userNumber, thread, createdAt, mail } = notification;
    assert.deepEqual(claim, { id, user, userNumber, thread, createdAt, mail, attempts: 1 });
    assert.deepEqual(ids(await leased(store)), [late]);
    assert.deepEqual(await leased(store), []);
    assert.equal(await store.nextNotificationAt(), NOW + 1000);
  });

  it('are due again when a claim runs out, and only the last claimant settles', async (t) => {
    const store = await open(t);
    const id = await added(store);
    await leased(store);
    assert.deepEqual(await leased(store, NOW + LEASE_MS - 1), []);
    const [second] = await leased(store, NOW + LEASE_MS);
    assert.equal(second?.attempts, 2);
    await store.settleNotification(id, 1, { kind: 'sent', at: NOW, diagnostic: '250 too late' });
    assert.equal((await store.notification(id))?.state, 'waiting');
    await store.settleNotification(id, 2, { kind: 'failed', at: NOW + 9, diagnostic: '550 no' });
    const { state, settledAt, lastDiagnostic, dueAt } = (await store.notification(id)) ?? {};
    assert.deepEqual([state, settledAt, lastDiagnostic, dueAt], ['failed', NOW + 9, '550 no', undefined]);
    await store.settleNotification(id, 2, { kind: 'deferred', dueAt: NOW, diagnostic: 'again?' });
    assert.deepEqual(await leased(store, NOW + 10 * LEASE_MS), []);
    assert.equal(await store.nextNotificationAt(), undefined);
  });

  it('that were deferred wait for their time, or are due at once after a clock was set back', async (t) => {
    const store = await open(t);
    const id = await added(store);
    await leased(store);
    const dueAt = NOW + LONGEST_MS;
    await store.settleNotification(id, 1, { kind: 'deferred', dueAt, diagnostic: '451 later' });
    assert.deepEqual(await leased(store, dueAt - 1), []);
    assert.equal(await store.nextNotificationAt(), dueAt);
    assert.deepEqual(ids(await leased(store, NOW - 1)), [id]);
  });
}

/** Registers the tests of what is read. */
function describeNotificationViews(open: OpenStore): void {
  it('are listed newest first, all or those of a thread', async (t) => {
    const store = await open(t);
    const one = await added(store);
    const two = await added(store, { thread: 'test/thread/2' });
    const three = await added(store);
    assert.deepEqual(ids(await store.listNotifications({ limit: 2 })), [three, two]);
    assert.deepEqual(ids(await store.listNotifications({ thread: 'test/thread/1', limit: 9 })), [three, one]);
    assert.deepEqual(await store.listNotifications({ thread: 'test/thread', limit: 9 }), []);
  });

  it('of a thread are listed by their ids below one of them', async (t) => {
    const store = await open(t);
    const made: string[] = [];
    for (const createdAt of [NOW + 2, NOW, NOW + 1]) made.push(await added(store, { createdAt }));
    await added(store, { thread: 'test/thread/2' });
    const [latest = '', first = '', middle = ''] = made;
    const below = async (before: string, limit: number) =>
      ids(await store.listNotifications({ thread: 'test/thread/1', before, limit }));
    assert.deepEqual(await below('~', 9), [latest, middle, first]);
    assert.deepEqual(await below(latest, 1), [middle]);
    assert.deepEqual(await below(middle, 9), [first]);
    assert.deepEqual(await below(first, 9), []);
  });

  it('are shown with what became of them, and nothing of the mail', async (t) => {
    const store = await open(t);
    const notification = newNotification();
    await store.addNotification(notification);
    const { id, user, thread, repliedToAt, messageId, createdAt } = notification;
    assert.deepEqual(await store.notification(id), {
      ...{ id, user, thread, repliedToAt, messageId, createdAt },
      state: 'waiting',
      attempts: 0,
      dueAt: NOW,
      settledAt: undefined,
      lastDiagnostic: undefined,
    });
    assert.equal(await store.notification('unknown'), undefined);
  });
}
