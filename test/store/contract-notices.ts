// The contract of notices: one per user, kind and day, claims with a proof, nothing of the reply left when they end.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { formatItemId, ITEM_ID_RANDOM_BYTES } from '../../src/mail/item-id.ts';
import type { NewNotice } from '../../src/store/notices.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, ids, NOW, newItem } from '../support/item.ts';
import { addUser } from '../support/mint.ts';
import type { OpenStore } from './contract-acceptance.ts';

const LEASE_MS = 60_000;
const LONGEST_MS = 3_600_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** A notice to alice about a reply that is too old. */
export function newNotice(change: Partial<NewNotice> = {}): NewNotice {
  return {
    id: formatItemId(change.createdAt ?? NOW, randomBytes(ITEM_ID_RANDOM_BYTES)),
    user: 'alice',
    userNumber: 1,
    kind: 'expired',
    itemId: undefined,
    createdAt: NOW,
    draft: {
      from: 'alice@example.com',
      subject: 'Re: a NUL \0 and a "quote"',
      messageId: 'reply@client.example.com',
      references: ['one@reply.example.org'],
      language: 'de',
      thread: 'test/thread/1',
      receivedAt: NOW,
      reason: '',
      files: ['roof.png'],
      text: 'It leaks.\n',
    },
    ...change,
  };
}

/** Claims the notice that is due longest. */
function leased(store: Store, now = NOW) {
  return store.leaseNotice({ now, leaseMs: LEASE_MS, longestMs: LONGEST_MS });
}

/** Adds a notice and gives its id. */
async function added(store: Store, change: Partial<NewNotice> = {}): Promise<string> {
  const notice = newNotice(change);
  assert.equal(await store.addNotice(notice), true);
  return notice.id;
}

/** Registers the tests of notices. */
export function describeNotices(open: OpenStore): void {
  describe('notices', () => {
    describeLimit(open);
    describeNoticeClaims(open);
  });
}

/** Registers the tests of their limit. */
function describeLimit(open: OpenStore): void {
  it('are one for each user, kind and day in UTC', async (t) => {
    const store = await open(t);
    await added(store);
    assert.equal(await store.addNotice(newNotice({ createdAt: NOW + HOUR_MS, userNumber: 2 })), false);
    await added(store, { kind: 'refused' });
    await added(store, { user: 'bob' });
    await added(store, { createdAt: NOW + DAY_MS });
    assert.equal((await store.listNotices(10)).length, 4);
  });

  it('are one of those that race', async (t) => {
    const store = await open(t);
    const answers = await Promise.all(Array.from({ length: 20 }, () => store.addNotice(newNotice())));
    assert.equal(answers.filter(Boolean).length, 1);
    assert.equal((await store.listNotices(100)).length, 1);
  });

  it('that ask for an address to have passed need it, and then their day is any 24 hours', async (t) => {
    const store = await open(t);
    const { number: userNumber } = await addUser(store, 'alice');
    const wish = { userNumber, kind: 'dropped', ifPassed: 'alice@example.com' } as const;
    const midnight = Math.ceil(NOW / DAY_MS) * DAY_MS;
    const at = (createdAt: number): Promise<boolean> => store.addNotice(newNotice({ ...wish, createdAt }));
    assert.equal(await at(midnight - HOUR_MS), false);
    await accept(store, [newItem({ userNumber, vouchedFor: 'alice@example.com' })]);
    assert.equal(await at(midnight - HOUR_MS), true);
    assert.equal(await at(midnight + HOUR_MS), false);
    assert.equal(
      await store.addNotice(newNotice({ ...wish, createdAt: midnight + DAY_MS, ifPassed: 'a@b.c' })),
      false,
    );
    assert.equal(await at(midnight + DAY_MS), true);
  });
}

/** Registers the tests of claims and outcomes. */
function describeNoticeClaims(open: OpenStore): void {
  it('are leased by their due time, whole, and not twice', async (t) => {
    const store = await open(t);
    const late = await added(store, { createdAt: NOW - 1000, kind: 'empty' });
    const notice = newNotice({
      createdAt: NOW - 2000,
      itemId: 'item',
      original: Buffer.from([0, 255, 10]),
      userNumber: undefined,
    });
    await store.addNotice(notice);
    await added(store, { createdAt: NOW + 1000, kind: 'refused' });
    assert.equal(await store.nextNoticeAt(), NOW - 2000);
    const { id, user, userNumber, kind, itemId, createdAt, draft } = notice;
    const { original, ...claim } = (await leased(store)) ?? {};
    assert.deepEqual(claim, { id, user, userNumber, kind, itemId, createdAt, draft, attempts: 1 });
    assert.deepEqual([...(original ?? [])], [0, 255, 10]);
    assert.equal((await leased(store))?.id, late);
    assert.equal(await leased(store), undefined);
    assert.equal(await store.nextNoticeAt(), NOW + 1000);
  });

  it('are due again when a claim runs out, and only the last claimant settles', async (t) => {
    const store = await open(t);
    const id = await added(store);
    await leased(store);
    assert.equal(await leased(store, NOW + LEASE_MS - 1), undefined);
    assert.equal((await leased(store, NOW + LEASE_MS))?.attempts, 2);
    await store.settleNotice(id, 1, { kind: 'sent', at: NOW, diagnostic: '250 too late' });
    assert.equal((await store.listNotices(1))[0]?.state, 'waiting');
    await store.settleNotice(id, 2, { kind: 'failed', at: NOW + 9, diagnostic: '550 no' });
    assert.deepEqual((await store.listNotices(1))[0], {
      ...{ id, state: 'failed', user: 'alice', kind: 'expired', itemId: undefined, createdAt: NOW },
      ...{ attempts: 2, dueAt: undefined, settledAt: NOW + 9, lastDiagnostic: '550 no' },
    });
    await store.settleNotice(id, 2, { kind: 'deferred', dueAt: NOW, diagnostic: 'again?' });
    assert.equal(await leased(store, NOW + 10 * LEASE_MS), undefined);
    assert.equal(await store.nextNoticeAt(), undefined);
    assert.equal(await store.addNotice(newNotice()), false);
  });

  it('that were deferred wait for their time, or are due at once after a clock was set back', async (t) => {
    const store = await open(t);
    const id = await added(store);
    await leased(store);
    const dueAt = NOW + LONGEST_MS;
    await store.settleNotice(id, 1, { kind: 'deferred', dueAt, diagnostic: '451 later' });
    assert.equal(await leased(store, dueAt - 1), undefined);
    assert.equal(await store.nextNoticeAt(), dueAt);
    assert.equal((await leased(store, NOW - 1))?.id, id);
  });

  it('are listed newest first', async (t) => {
    const store = await open(t);
    const one = await added(store, { kind: 'expired', itemId: 'item' });
    const two = await added(store, { kind: 'empty' });
    const three = await added(store, { kind: 'refused' });
    assert.deepEqual(ids(await store.listNotices(2)), [three, two]);
    assert.deepEqual(ids(await store.listNotices(9)), [three, two, one]);
    assert.equal((await store.listNotices(9))[2]?.itemId, 'item');
  });
}
