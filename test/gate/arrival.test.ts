// Mail that comes without RCPT: for whom it is, what becomes of it for each of them, and what is written with it.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { arrive, MOST_CLAIMS } from '../../src/gate/arrival.ts';
import { createAuthorNotices } from '../../src/gate/author-notices.ts';
import type { Gate } from '../../src/gate/gate.ts';
import { Meter } from '../../src/observe/meter.ts';
import { addUser, FORM } from '../support/mint.ts';
import { bring, fateOf, rulesOf } from './arriving.ts';
import { openGate, START, type TestGate } from './gate.ts';

const EDGE =
  'Received: from x (x [192.0.2.7]) by mx.example.org with ESMTPS id 4Xabc; Fri, 20 Nov 2026 09:15:00 +0000';
const PASS = 'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com';
const RULES = rulesOf({ authservId: 'mx.example.org' });

let number = 0;

/** A reply of alice's with these lines on top; each has an id of its own. */
function reply(lines: readonly string[], body = 'I agree.'): Buffer {
  const rest = [
    'From: Alice <alice@example.com>',
    `Message-ID: <reply-${++number}@client.example>`,
    '',
    body,
    '',
  ];
  return Buffer.from([...lines, ...rest].join('\r\n'));
}

/** A strict gate whose site believes another filter than the source does, and a mailbox that nothing was read of. */
async function strict(t: TestContext, options: Parameters<typeof openGate>[1] = {}): Promise<TestGate> {
  const test = await openGate(t, { senderPolicy: 'strict', authservId: 'other.example', ...options });
  const state = { source: 'box', account: 'alice', uidValidity: 1, highWater: 0, isWalking: false };
  await test.store.beginMailbox(state, START * 1000);
  return test;
}

/** Brings a reply with a UID. */
const take = async (test: TestGate, lines: readonly string[], uid = 1) =>
  await bring(test, { rules: RULES, raw: reply([PASS, EDGE, ...lines]), uid });

/** The UID up to which the folder is settled. */
const settledUpTo = async ({ store }: TestGate): Promise<number | undefined> =>
  (await store.mailbox('box'))?.highWater;

describe('the recipients of mail in a mailbox', () => {
  it('are the addresses of ours in the fields of the envelope recipient, then in To and Cc', async (t) => {
    for (const name of ['Delivered-To', 'X-Original-To', 'Envelope-To', 'To', 'Cc']) {
      const test = await strict(t, { addressed: 'off' });
      const arrived = await take(test, [`${name}: support@site.example, ${await test.sealed()}`]);
      assert.deepEqual([arrived.kind, fateOf(arrived)], ['settled', 'queued'], name);
    }
  });

  it('are each taken once, however often they are named', async (t) => {
    const test = await strict(t);
    const address = await test.sealed();
    const arrived = await take(test, [
      `Delivered-To: ${address}`,
      `To: ${address}, ${address.toUpperCase()}`,
      `Cc: ${address}`,
    ]);
    assert.equal(fateOf(arrived), 'queued');
  });

  it('are at most eight', async (t) => {
    const test = await strict(t, { addressed: 'off' });
    const addresses = await Promise.all(
      Array.from({ length: MOST_CLAIMS + 3 }, (_, each) => test.sealed({ thread: `test/thread/${each}` })),
    );
    const arrived = await take(test, [`To: ${addresses.join(', ')}`]);
    assert.equal(fateOf(arrived), Array.from({ length: MOST_CLAIMS }, () => 'queued').join(', '));
    assert.equal((await test.store.list({})).length, MOST_CLAIMS);
  });

  it('never come from References, In-Reply-To, Reply-To or the text', async (t) => {
    const test = await strict(t);
    const address = await test.sealed();
    const lines = [
      `References: <${address}>`,
      `In-Reply-To: <${address}>`,
      `Reply-To: ${address}`,
      'To: support@site.example',
    ];
    const raw = reply([PASS, EDGE, ...lines], `On Friday ${address} wrote:`);
    const arrived = await bring(test, { rules: RULES, raw, uid: 1 });
    assert.deepEqual([arrived.kind, fateOf(arrived)], ['settled', 'rejected: no-such-address']);
    assert.deepEqual(await test.store.list({}), []);
  });

  it('are not found where the address stood in Bcc alone, and no field names it', async (t) => {
    const test = await strict(t, { addressed: 'off' });
    const address = await test.sealed();
    assert.equal(fateOf(await take(test, ['To: bob@example.net'])), 'rejected: no-such-address');
    assert.equal(
      fateOf(await take(test, ['To: bob@example.net', `Bcc: ${address}`], 2)),
      'rejected: no-such-address',
    );
    assert.equal(fateOf(await take(test, ['To: bob@example.net', `Delivered-To: ${address}`], 3)), 'queued');
  });

  it('are judged each by itself: one that is refused takes nothing from the others', async (t) => {
    const test = await strict(t);
    const good = await test.sealed();
    const forged = `${good.slice(0, good.indexOf('@') - 4)}aaaa${good.slice(good.indexOf('@'))}`;
    await addUser(test.store, 'bob');
    const bob = await test.store.userByName('bob');
    assert.ok(bob !== undefined);
    const bobs = await test.sealed({ user: bob });
    const arrived = await take(test, [`To: ${forged}, ${good}`, `Cc: ${bobs}`]);
    assert.deepEqual(
      [arrived.kind, fateOf(arrived)],
      ['settled', 'rejected: no-such-address, queued, discarded: spoofed'],
    );
  });
});

describe('the receipt of mail in a mailbox', () => {
  it('is written with the items, and for mail that is for nobody', async (t) => {
    const test = await strict(t);
    await take(test, [`To: ${await test.sealed()}`], 7);
    assert.equal(await settledUpTo(test), 7);
    await take(test, ['To: support@site.example'], 8);
    assert.equal(await settledUpTo(test), 8);
    assert.equal((await test.store.list({})).length, 1);
  });

  it('is not written where anything is temporary, for none of the recipients', async (t) => {
    const test = await strict(t);
    const address = await test.sealed();
    for (const [what, part] of [
      ['no transaction may begin', { transaction: () => ({ verdict: 'deferred', reason: 'storage' }) }],
      ['a recipient cannot be judged', { recipient: () => Promise.reject(new Error('the store is gone')) }],
      ['the commit fails', { message: () => Promise.reject(new Error('the store is gone')) }],
    ] as readonly (readonly [string, Partial<Gate>])[]) {
      const broken: TestGate = { ...test, gate: { ...test.gate, ...part } };
      const arrived = await take(broken, [`To: bob@example.net, ${address}`], 3);
      assert.equal(arrived.kind, 'deferred', what);
      assert.ok(
        arrived.verdicts.every(({ verdict }) => verdict === 'deferred'),
        what,
      );
      assert.equal(await settledUpTo(test), 0, what);
    }
    assert.equal((await take(test, [`To: ${address}`], 3)).kind, 'settled');
  });

  it('that cannot be written for mail that is for nobody has it come again', async (t) => {
    const test = await strict(t);
    const broken: TestGate = {
      ...test,
      gate: { ...test.gate, pass: () => Promise.reject(new Error('the store is gone')) },
    };
    assert.equal((await take(broken, ['To: support@site.example'])).kind, 'deferred');
  });
});

describe("the receipt of a provider's call", () => {
  const call = async (test: TestGate, uid: number, id: string, to: readonly string[]) =>
    await bring(test, {
      rules: RULES,
      raw: reply([PASS, EDGE, `To: ${to.join(', ')}`]),
      uid,
      call: id,
      envelope: { from: 'alice@example.com', to },
    });

  it('makes nothing of the same call again, and tells another message under its id', async (t) => {
    const test = await strict(t);
    const address = await test.sealed();
    assert.equal(fateOf(await call(test, 1, 'call', [address])), 'queued');
    const again = await call(test, 1, 'call', [address]);
    assert.deepEqual([again.kind, fateOf(again)], ['settled', 'discarded: repeated']);
    const forged = await call(test, 2, 'call', [address]);
    assert.deepEqual([forged.kind, fateOf(forged)], ['replayed', 'discarded: replayed']);
    assert.equal((await test.store.list({})).length, 1);
  });

  it('is consumed by a message that is for nobody', async (t) => {
    const test = await strict(t);
    assert.equal((await call(test, 1, 'call', ['support@site.example'])).kind, 'settled');
    assert.equal((await call(test, 2, 'call', [await test.sealed()])).kind, 'replayed');
    assert.deepEqual(await test.store.list({}), []);
  });

  it("is consumed by a message that is for an address of nobody's", async (t) => {
    const test = await strict(t);
    const address = await test.sealed();
    const forged = `${address.slice(0, address.indexOf('@') - 4)}aaaa${address.slice(address.indexOf('@'))}`;
    assert.equal(fateOf(await call(test, 1, 'call', [forged])), 'rejected: no-such-address');
    assert.equal((await call(test, 2, 'call', [address])).kind, 'replayed');
  });
});

describe('mail of which only the header was read, as it is too large', () => {
  const refusal = { verdict: 'rejected', reason: 'too-big' } as const;

  /** A strict gate that tells authors, and the way of a header to it. */
  async function telling(t: TestContext, senderPolicy: 'strict' | 'flag' | 'off' = 'strict') {
    let ids = 0;
    const { oversize } = createAuthorNotices({
      forms: [FORM],
      plusTags: 'compare',
      newId: () => `notice${++ids}`,
      now: () => START * 1000,
    });
    const open: { test?: TestGate } = {};
    const authorNotices = {
      oversize,
      add: async (notice: Parameters<TestGate['store']['addNotice']>[0]) =>
        open.test?.store.addNotice(notice),
    };
    const test = await strict(t, { senderPolicy, authorNotices });
    open.test = test;
    const address = await test.sealed();
    let uid = 0;
    const attempt = async (lines: readonly string[]): Promise<string> => {
      const arrived = await bring(test, {
        rules: RULES,
        raw: reply([...lines, `To: ${address}`], ''),
        uid: ++uid,
        refusal,
      });
      assert.equal(arrived.kind, 'settled');
      assert.equal(await settledUpTo(test), uid);
      return fateOf(arrived);
    };
    const told = async (): Promise<number> => (await test.store.listNotices(100)).length;
    return { test, attempt, told };
  }

  it('ends in that verdict, and its author is told once a day, with nothing of it', async (t) => {
    const { test, attempt, told } = await telling(t);
    const path = 'Return-Path: <alice@example.com>';
    for (let round = 0; round < 3; round++)
      assert.equal(await attempt([path, PASS, EDGE, 'Subject: Photos']), 'rejected: too-big');
    assert.equal(await told(), 1);
    const notice = await test.store.leaseNotice({ now: START * 1000, leaseMs: 1, longestMs: 1 });
    assert.deepEqual(
      [
        notice?.kind,
        notice?.user,
        notice?.draft.from,
        notice?.draft.subject,
        notice?.itemId,
        notice?.original,
      ],
      ['oversize', 'alice', 'alice@example.com', 'Photos', undefined, undefined],
    );
    assert.deepEqual(await test.store.list({}), []);
  });

  for (const [what, lines] of [
    ['without a result', [EDGE]],
    ['with a failed check', [PASS.replace('pass', 'fail'), EDGE]],
    ['with a pass that the sender wrote', [EDGE, PASS]],
    ['of a machine', [PASS, EDGE, 'Auto-Submitted: auto-replied']],
    ['of a list', [PASS, EDGE, 'List-Id: <list.example.net>']],
    ['with the null reverse-path', ['Return-Path: <>', PASS, EDGE]],
    ['with two authors', [PASS, EDGE, 'From: mallory@evil.example']],
  ] as const) {
    it(`${what} ends in that verdict, and nobody is told`, async (t) => {
      const { attempt, told } = await telling(t);
      assert.equal(await attempt(lines), 'rejected: too-big');
      assert.equal(await told(), 0);
    });
  }

  for (const policy of ['flag', 'off'] as const) {
    it(`is told to nobody without a pass where the policy is "${policy}"`, async (t) => {
      const { attempt, told } = await telling(t, policy);
      assert.equal(await attempt([EDGE]), 'rejected: too-big');
      assert.equal(await told(), 0);
    });
  }

  it('that is for nobody is passed, and nobody is told', async (t) => {
    const { test, told } = await telling(t);
    const raw = reply([PASS, EDGE, 'To: support@site.example'], '');
    const arrived = await bring(test, { rules: RULES, raw, uid: 9, refusal });
    assert.deepEqual([arrived.kind, fateOf(arrived)], ['settled', 'rejected: no-such-address']);
    assert.equal(await told(), 0);
    assert.equal(await settledUpTo(test), 9);
  });

  it('comes again where its receipt cannot be written', async (t) => {
    const { test } = await telling(t);
    const shared = {
      gate: () => ({ ...test.gate, refuse: () => Promise.reject(new Error('the store is gone')) }),
      log: () => undefined,
      meter: new Meter(),
      count: () => undefined,
    };
    const arrived = await arrive(shared, {
      session: 'box-1',
      envelope: { reversePath: 'alice@example.com', rules: RULES },
      candidates: [await test.sealed()],
      raw: reply([PASS, EDGE], ''),
      refusal,
      receipt: {
        kind: 'mailbox',
        source: 'box',
        uidValidity: 1,
        uid: 1,
        highWater: 1,
        owesCourtesy: false,
        at: 0,
      },
    });
    assert.equal(arrived.kind, 'deferred');
    assert.equal(await settledUpTo(test), 0);
  });
});
