// The gate at RCPT: an address judged alone, on a real store.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeBase32 } from '../../src/mail/base32.ts';
import { addUser } from '../support/mint.ts';
import { claimOf, MAX_AGE, openGate, reasonOf, START, type TestGate } from './gate.ts';

const at = async ({ gate }: TestGate, address: string): Promise<string> =>
  reasonOf(await gate.recipient(address));

/** The address with its token's last character, a part of the MAC, changed. */
function forged(address: string): string {
  return address.replace(/.@/, (end) => (end === 'a@' ? 'b@' : 'a@'));
}

describe('an address of ours', () => {
  it('sealed: the claim has the user and the target', async (t) => {
    const test = await openGate(t);
    const claim = await claimOf(test.gate, await test.sealed({ thread: 'forum/übersicht/9' }));
    assert.equal(claim.user.name, 'alice');
    assert.deepEqual(claim.target, {
      ...{ locator: 'forum/übersicht/9', repliedTo: START, threadNumber: 1, formerly: undefined },
    });
  });

  it('bound: the claim has the user, the target comes with the message', async (t) => {
    const test = await openGate(t);
    const claim = await claimOf(test.gate, test.bound().address);
    assert.deepEqual([claim.user.name, claim.target], ['alice', undefined]);
  });

  it('is the same in any case', async (t) => {
    const test = await openGate(t);
    for (const address of [await test.sealed(), test.bound().address]) {
      assert.equal(await at(test, address.toUpperCase()), 'claim');
      assert.equal(await at(test, address.replace('reply+', 'Reply+')), 'claim');
    }
  });
});

describe('any other address', () => {
  it('has its own reason in the log', async (t) => {
    const test = await openGate(t);
    const good = await test.sealed();
    const domain = '@reply.example.org';
    const unknownForm = `reply+${encodeBase32(Buffer.alloc(30, 3))}${domain}`;
    const stranger = { ...test.alice, number: test.alice.number + 1 };
    const unknownThread = await test.sealed({ thread: 'soon/gone' });
    const cases: [string, string][] = [
      ['alice@example.com', 'other-domain'],
      [good.replace('reply.', 'replies.'), 'other-domain'],
      [`postmaster${domain}`, 'no-token'],
      [good.replace('@', 'a@'), 'no-token'],
      [good.replace('reply+', 'answer+'), 'no-token'],
      [`reply+${'1'.repeat(48)}${domain}`, 'malformed-token'],
      [unknownForm, 'malformed-token'],
      [await test.sealed({ user: stranger }), 'unknown-user'],
      [test.bound({ user: stranger }).address, 'unknown-user'],
      [forged(good), 'forged'],
      [await test.sealed({ salt: Buffer.alloc(32, 9) }), 'forged'],
      [test.bound({ salt: Buffer.alloc(32, 9) }).address, 'forged'],
    ];
    for (const [address, reason] of cases) assert.equal(await at(test, address), reason, address);
    assert.equal(await at(test, unknownThread), 'claim');
  });

  it('names a thread that the store does not know', async (t) => {
    const here = await openGate(t);
    const elsewhere = await openGate(t);
    await elsewhere.store.threadNumber('another/thread');
    const address = await elsewhere.sealed({ salt: here.alice.salts[0]!.salt });
    assert.equal(await at(here, address), 'unknown-thread');
  });

  it('belongs to a user who was disabled or removed, expired or not', async (t) => {
    const test = await openGate(t);
    const address = await test.sealed();
    const old = await test.sealed({ repliedTo: START - MAX_AGE - 1 });
    await test.store.setUser('alice', { enabled: false });
    assert.equal(await at(test, address), 'disabled-user');
    assert.equal(await at(test, old), 'disabled-user');
    await test.store.setUser('alice', { enabled: true });
    assert.equal(await at(test, address), 'claim');
    await test.store.removeUser('alice', Date.now());
    assert.equal(await at(test, address), 'unknown-user');
    await addUser(test.store, 'alice');
    assert.equal(await at(test, address), 'unknown-user');
  });
});

describe('age, by our own clock', () => {
  it('the last second of the maximum age is valid, the next is not', async (t) => {
    const test = await openGate(t);
    const address = await test.sealed();
    test.clock.now = START + MAX_AGE;
    assert.equal(await at(test, address), 'claim');
    test.clock.now = START + MAX_AGE + 1;
    assert.equal(await at(test, address), 'expired');
  });

  it('five minutes into the future are allowed; more is put off, since some clock is wrong', async (t) => {
    const test = await openGate(t);
    assert.equal(await at(test, await test.sealed({ repliedTo: START + 300 })), 'claim');
    assert.equal(await at(test, await test.sealed({ repliedTo: START + 301 })), 'unknown');
  });

  it('only a genuine holder learns that an address has expired', async (t) => {
    const test = await openGate(t);
    const old = await test.sealed({ repliedTo: START - MAX_AGE - 1 });
    assert.equal(await at(test, old), 'expired');
    assert.equal(await at(test, forged(old)), 'forged');
  });
});

describe('a rotated salt', () => {
  const next = Buffer.alloc(32, 5);

  it('voids every address at once without a grace period', async (t) => {
    const test = await openGate(t);
    const addresses = [await test.sealed(), test.bound().address];
    await test.store.rotateSalt('alice', next, START * 1000, undefined);
    for (const address of addresses) assert.equal(await at(test, address), 'forged');
    assert.equal(await at(test, await test.sealed({ salt: next })), 'claim');
  });

  it('lets the previous one verify until the grace period ends', async (t) => {
    const test = await openGate(t);
    const addresses = [await test.sealed(), test.bound().address];
    await test.store.rotateSalt('alice', next, START * 1000, (START + 60) * 1000);
    for (const [now, verdict] of [
      [START + 59, 'claim'],
      [START + 60, 'forged'],
    ] as const) {
      test.clock.now = now;
      for (const address of addresses) assert.equal(await at(test, address), verdict);
      assert.equal(await at(test, await test.sealed({ salt: next })), 'claim');
    }
  });
});

describe('the store behind RCPT', () => {
  it('is not written to: Postfix probes addresses', async (t) => {
    const test = await openGate(t);
    const addresses = [await test.sealed(), test.bound().address, 'reply+x@reply.example.org'];
    const before = [await test.store.counts(), await test.store.listUsers()];
    for (const address of addresses) await test.gate.recipient(address);
    assert.deepEqual([await test.store.counts(), await test.store.listUsers()], before);
    assert.equal(await test.store.threadByNumber(2), undefined);
  });

  it('when it fails, the promise fails, and no address is refused', async (t) => {
    const test = await openGate(t);
    const address = await test.sealed();
    await test.store.close();
    await assert.rejects(test.gate.recipient(address));
  });
});
