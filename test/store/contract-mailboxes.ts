// The contract of mailboxes: how far each was read, what is not settled, and one owner at a time.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MailboxState, PutOff } from '../../src/store/mailboxes.ts';
import type { Store } from '../../src/store/store.ts';
import { NOW } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

const LEASE_MS = 60_000;

function state(change: Partial<MailboxState> = {}): MailboxState {
  return {
    source: 'box',
    account: 'replies@imap.example.org/INBOX',
    uidValidity: 4_294_967_295,
    highWater: 10,
    isWalking: false,
    ...change,
  };
}

function putOff(uid: number, change: Partial<PutOff> = {}): PutOff {
  const { source, uidValidity } = state();
  return {
    ...{ source, uidValidity, uid },
    state: 'waiting',
    reason: '451 later',
    dueAt: NOW + 1000,
    highWater: uid,
    at: NOW,
    ...change,
  };
}

const claim = (store: Store, owner: string, now = NOW, source = 'box'): Promise<string> =>
  store.claimMailbox({ source, owner, now, leaseMs: LEASE_MS });

/** Registers the tests of mailboxes. */
export function describeMailboxes(open: OpenStore): void {
  describe('a mailbox', () => {
    describePlaces(open);
    describeOpenMessages(open);
    describeOwnership(open);
  });
}

/** Registers the tests of how far it was read. */
function describePlaces(open: OpenStore): void {
  it('is known from its beginning on, and begins anew without what was not settled', async (t) => {
    const store = await open(t);
    assert.equal(await store.mailbox('box'), undefined);
    await store.beginMailbox(state({ isWalking: true }), NOW);
    assert.deepEqual(await store.mailbox('box'), state({ isWalking: true }));
    await store.endWalk('box', 20, NOW);
    assert.deepEqual(await store.mailbox('box'), state({ highWater: 20 }));
    await store.beginMailbox(state({ source: 'other' }), NOW);
    await store.putOffMessage(putOff(21));
    await store.putOffMessage(putOff(21, { source: 'other' }));
    const anew = state({ uidValidity: 2, highWater: 0, account: 'another' });
    await store.beginMailbox(anew, NOW);
    assert.deepEqual(await store.mailbox('box'), anew);
    assert.deepEqual(await store.openMessages('box'), []);
    assert.equal((await store.openMessages('other')).length, 1);
  });

  it('has a high water that never falls, and only by its own UIDs rises', async (t) => {
    const store = await open(t);
    await store.beginMailbox(state(), NOW);
    const highWater = async (): Promise<number | undefined> => (await store.mailbox('box'))?.highWater;
    await store.putOffMessage(putOff(30));
    assert.equal(await highWater(), 30);
    await store.putOffMessage(putOff(12));
    await store.putOffMessage(putOff(13, { highWater: undefined }));
    await store.putOffMessage(putOff(99, { uidValidity: 1 }));
    assert.equal(await highWater(), 30);
    const receipt = { kind: 'mailbox', source: 'box', uidValidity: state().uidValidity, at: NOW } as const;
    await store.passMessage({ ...receipt, uid: 31, highWater: 31, owesCourtesy: true });
    await store.passMessage({ ...receipt, uid: 29, highWater: 29, owesCourtesy: false });
    assert.equal(await highWater(), 31);
  });
}

/** Registers the tests of what is not settled. */
function describeOpenMessages(open: OpenStore): void {
  it('has a list of what is not settled, each with its attempts since it was first noted', async (t) => {
    const store = await open(t);
    await store.beginMailbox(state(), NOW);
    await store.putOffMessage(putOff(7));
    await store.putOffMessage(putOff(3));
    const change = { state: 'failed', reason: 'given up', dueAt: undefined, at: NOW + 5 } as const;
    await store.putOffMessage(putOff(7, change));
    const { source, uidValidity } = state();
    assert.deepEqual(await store.openMessages('box'), [
      ...[{ source, uidValidity, uid: 3, state: 'waiting', attempts: 1, reason: '451 later' }].map((row) => ({
        ...row,
        dueAt: NOW + 1000,
        sinceAt: NOW,
      })),
      {
        source,
        uidValidity,
        uid: 7,
        state: 'failed',
        attempts: 2,
        reason: 'given up',
        dueAt: undefined,
        sinceAt: NOW,
      },
    ]);
  });

  it('forgets what is settled, and has what was given up tried again', async (t) => {
    const store = await open(t);
    await store.beginMailbox(state(), NOW);
    for (const uid of [1, 2, 3]) await store.putOffMessage(putOff(uid));
    for (const uid of [4, 5]) await store.putOffMessage(putOff(uid, { state: 'failed', dueAt: undefined }));
    await store.putOffMessage(putOff(4, { source: 'other', state: 'failed' }));
    const { source, uidValidity } = state();
    await store.closeMessages([1, 3, 9].map((uid) => ({ source, uidValidity, uid })));
    await store.closeMessages([{ source, uidValidity: 1, uid: 2 }]);
    await store.closeMessages([]);
    const left = async (): Promise<string[]> =>
      (await store.openMessages('box')).map((each) => `${each.uid} ${each.state} ${each.attempts}`);
    assert.deepEqual(await left(), ['2 waiting 1', '4 failed 1', '5 failed 1']);
    assert.equal(await store.retryMessages('box', NOW + 7), 2);
    assert.equal(await store.retryMessages('box', NOW + 7), 0);
    assert.deepEqual(await left(), ['2 waiting 1', '4 waiting 0', '5 waiting 0']);
    assert.equal((await store.openMessages('box'))[1]?.dueAt, NOW + 7);
  });

  it('is listed with what is not settled and who reads it', async (t) => {
    const store = await open(t);
    await store.beginMailbox(state({ source: 'b' }), NOW);
    await store.beginMailbox(state({ source: 'a' }), NOW + 1);
    await store.putOffMessage(putOff(11, { source: 'b', at: NOW + 2 }));
    await store.putOffMessage(putOff(12, { source: 'b', state: 'courtesy', at: NOW + 3 }));
    await claim(store, 'one', NOW, 'b');
    const none = { waiting: 0, failed: 0, courtesies: 0 };
    assert.deepEqual(await store.listMailboxes(), [
      { ...state({ source: 'a' }), ...none, touchedAt: NOW + 1, owner: undefined, ownedUntil: undefined },
      {
        ...state({ source: 'b', highWater: 12 }),
        ...{ ...none, waiting: 1, courtesies: 1 },
        ...{ touchedAt: NOW + 3, owner: 'one', ownedUntil: NOW + LEASE_MS },
      },
    ]);
  });
}

/** Registers the tests of who reads it. */
function describeOwnership(open: OpenStore): void {
  it('has one owner at a time, who renews it, gives it up, or loses it when the time is over', async (t) => {
    const store = await open(t);
    assert.equal(await claim(store, 'one'), 'one');
    assert.equal(await claim(store, 'two'), 'one');
    assert.equal(await claim(store, 'two', NOW, 'other'), 'two');
    assert.equal(await claim(store, 'one', NOW + 1000), 'one');
    assert.equal(await claim(store, 'two', NOW + 1000 + LEASE_MS), 'one');
    assert.equal(await claim(store, 'two', NOW + 1001 + LEASE_MS), 'two');
    await store.releaseMailbox('box', 'one');
    assert.equal(await claim(store, 'one', NOW), 'two');
    await store.releaseMailbox('box', 'two');
    assert.equal(await claim(store, 'one', NOW), 'one');
  });

  it('is marked by a number of the installation, which is that of the first who asked', async (t) => {
    const store = await open(t);
    const numbers = await Promise.all([7, 8, 9].map((number) => store.installation(number)));
    assert.ok([7, 8, 9].includes(numbers[0]!));
    assert.deepEqual(new Set(numbers).size, 1);
    assert.equal(await store.installation(2 ** 40 - 1), numbers[0]);
  });

  it('has one owner of those that claim it at once', async (t) => {
    const store = await open(t);
    const owners = Array.from({ length: 20 }, (_, n) => `host ${n}`);
    const answers = await Promise.all(owners.map((owner) => claim(store, owner)));
    assert.equal(new Set(answers).size, 1);
  });
}
