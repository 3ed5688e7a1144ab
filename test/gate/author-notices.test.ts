// Who is told that "strict" dropped a reply of theirs: somebody who passed before, and nobody else.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createAuthorNotices } from '../../src/gate/author-notices.ts';
import { addUser, FORM } from '../support/mint.ts';
import { message, openGate, START, send, type TestGate } from './gate.ts';

const DAY = 86_400;
const RECEIVED = 'Received: from a by mx.example.org; Fri, 20 Nov 2026 09:15:00 +0000';
const ID = 'mx.example.org';
const resultsOf = (results: string, id = ID): string => `Authentication-Results: ${id}; ${results}`;
const PASS = resultsOf('dmarc=pass header.from=example.com');

/** A strict gate that tells authors what it drops. */
async function strictGate(t: TestContext, plusTags: 'compare' | 'ignore' = 'compare'): Promise<TestGate> {
  let ids = 0;
  const clock = { now: (): number => START * 1000 };
  const { dropped } = createAuthorNotices({
    forms: [FORM],
    plusTags,
    newId: () => `notice${++ids}`,
    now: () => clock.now(),
  });
  const open: { test?: TestGate } = {};
  const test = await openGate(t, {
    senderPolicy: 'strict',
    authservId: ID,
    plusTags,
    authorNotices: { dropped, add: async (notice) => await open.test?.store.addNotice(notice) },
  });
  open.test = test;
  clock.now = () => test.clock.now * 1000;
  return test;
}

/** Sends a reply of alice's whose header begins with these lines; `to` is what To says. */
async function reply(
  test: TestGate,
  lines: readonly string[],
  reversePath = 'alice@example.com',
  to?: string,
): Promise<string> {
  const address = await test.sealed();
  return await send(test, address, message([...lines, `To: ${to ?? address}`]), reversePath);
}

/** How many notices were written. */
const told = async ({ store }: TestGate): Promise<number> => (await store.listNotices(100)).length;

/** Alice's address passes. */
async function pass(test: TestGate): Promise<void> {
  assert.match(await reply(test, [PASS, RECEIVED]), /queued/);
}

describe('a reply that "strict" drops, of an address that passed before', () => {
  for (const [what, lines] of [
    ['without any result', [RECEIVED]],
    ['with a result of another id', [resultsOf('dmarc=none', 'mx.example.net'), RECEIVED]],
    ['with a result below Received', [RECEIVED, PASS]],
    ['without Received', [PASS]],
    [
      'with a filter that could not ask',
      [resultsOf('dmarc=temperror; spf=temperror smtp.mailfrom=alice@example.com; dkim=none'), RECEIVED],
    ],
    [
      'with a key that could not be read',
      [
        resultsOf('dkim=permerror header.d=example.com; spf=neutral smtp.mailfrom=alice@example.com'),
        RECEIVED,
      ],
    ],
    [
      'signed by another domain',
      [resultsOf('dkim=pass header.d=example.net; spf=none smtp.mailfrom=alice@example.com'), RECEIVED],
    ],
  ] as const) {
    it(`${what} is told, with nothing of what it says`, async (t) => {
      const test = await strictGate(t);
      await pass(test);
      assert.equal(await reply(test, ['Subject: buy this', ...lines]), 'discarded: spoofed');
      const request = { now: START * 1000, leaseMs: 60_000, longestMs: 60_000 };
      const notice = await test.store.leaseNotice(request);
      assert.deepEqual(
        [notice?.kind, notice?.user, notice?.draft.from],
        ['dropped', 'alice', 'alice@example.com'],
      );
      const { subject, text, references, files, reason, thread } = notice?.draft ?? {};
      assert.deepEqual([subject, text, references, files, reason], ['', '', [], [], '']);
      assert.equal(thread, 'test/thread/1');
      assert.deepEqual([notice?.itemId, notice?.original], [undefined, undefined]);
    });
  }

  it('is told where only To was wrong', async (t) => {
    const test = await strictGate(t);
    await pass(test);
    assert.equal(await reply(test, [PASS, RECEIVED], undefined, 'team@example.com'), 'discarded: spoofed');
    assert.equal(await told(test), 1);
  });

  it('is told once in 24 hours, also across midnight, and again the day after', async (t) => {
    const test = await strictGate(t);
    await pass(test);
    const midnight = Math.ceil(START / DAY) * DAY;
    for (const [at, expected] of [
      [midnight - 60, 1],
      [midnight + 60, 1],
      [midnight + DAY - 61, 1],
      [midnight + DAY - 60, 2],
      [midnight + DAY, 2],
      [midnight - 120, 2],
    ] as const) {
      test.clock.now = at;
      assert.equal(await reply(test, [RECEIVED]), 'discarded: spoofed');
      assert.equal(await told(test), expected, new Date(at * 1000).toISOString());
    }
  });

  it('is told whatever the case, and the tag where tags are ignored', async (t) => {
    const test = await strictGate(t, 'ignore');
    await pass(test);
    const lines = ['From: <ALICE+lists@EXAMPLE.com>', RECEIVED];
    assert.equal(await reply(test, lines, 'Alice+x@example.com'), 'discarded: spoofed');
    assert.equal(await told(test), 1);
  });
});

describe('nobody is told of a dropped reply', () => {
  for (const [what, lines, reversePath] of [
    ['that our filter found to be forged', [resultsOf('dmarc=fail header.from=example.com'), RECEIVED]],
    ['that failed SPF', [resultsOf('spf=fail smtp.mailfrom=alice@example.com'), RECEIVED]],
    [
      'whose domain would rather not have it (softfail)',
      [resultsOf('spf=softfail smtp.mailfrom=alice@example.com; dkim=none'), RECEIVED],
    ],
    [
      'that a filter of another id found to be forged',
      [resultsOf('dmarc=fail header.from=example.com', 'mx.example.net'), RECEIVED],
    ],
    [
      'that a filter below Received found to be forged',
      [RECEIVED, resultsOf('dmarc=fail header.from=example.com')],
    ],
    [
      'that Exchange Online, which writes no id, found to be forged',
      [
        'Authentication-Results: spf=none smtp.mailfrom=a.example;dmarc=fail header.from=example.com',
        RECEIVED,
      ],
    ],
    [
      'that another reader of its results may find forged',
      [resultsOf('x=y (a "b) dmarc=fail', 'mx.example.net'), RECEIVED],
    ],
    [
      'that fails in Received-SPF',
      ['Received-SPF: Softfail (mailfrom) identity=mailfrom; client-ip=192.0.2.1', RECEIVED],
    ],
    ['with results that can be read in two ways', [resultsOf('dmarc=none (a "b) c'), RECEIVED]],
    ['from another reverse-path', [RECEIVED], 'mallory@evil.example'],
    [
      'from an address of theirs that never passed',
      ['From: alice@other.example', RECEIVED],
      'alice@other.example',
    ],
    ['from a stranger', ['From: mallory@evil.example', RECEIVED], 'mallory@evil.example'],
    ['that came through a list', ['List-Id: <all.example.com>', RECEIVED]],
    ['that a machine sent', ['Auto-Submitted: auto-replied', RECEIVED]],
    ['with the null reverse-path', [RECEIVED], ''],
  ] as readonly (readonly [string, readonly string[], string?])[]) {
    it(what, async (t) => {
      const test = await strictGate(t);
      await test.store.setUser('alice', { addresses: ['alice@example.com', 'alice@other.example'] });
      await pass(test);
      assert.match(await reply(test, lines, reversePath), /^discarded: /);
      assert.equal(await told(test), 0);
    });
  }

  it('of an address that never passed, though another user passed', async (t) => {
    const test = await strictGate(t);
    const bob = await addUser(test.store, 'bob');
    const address = await test.sealed({ user: bob });
    const lines = ['From: bob@example.com', PASS, RECEIVED, `To: ${address}`];
    assert.match(await send(test, address, message(lines), 'bob@example.com'), /queued/);
    assert.equal(await reply(test, [RECEIVED]), 'discarded: spoofed');
    assert.equal(await told(test), 0);
  });

  it('of the next user of a name, whose predecessor had the same address and passed', async (t) => {
    const test = await strictGate(t);
    await pass(test);
    await test.store.removeUser('alice', START * 1000);
    const user = await addUser(test.store, 'alice');
    const address = await test.sealed({ user });
    assert.equal(await send(test, address, message([RECEIVED, `To: ${address}`])), 'discarded: spoofed');
    assert.equal(await told(test), 0);
  });

  it('where "flag" posted it without a pass before', async (t) => {
    const test = await strictGate(t);
    const flag = await openGate(t, {
      senderPolicy: 'flag',
      authservId: ID,
      queue: test.store,
      directory: test.store,
    });
    const address = await test.sealed();
    assert.match(
      await send({ ...test, gate: flag.gate }, address, message([RECEIVED, `To: ${address}`])),
      /queued/,
    );
    assert.equal(await reply(test, [RECEIVED]), 'discarded: spoofed');
    assert.equal(await told(test), 0);
  });
});
