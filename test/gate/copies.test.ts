// Copies of one reply: a worse one never shadows a better one, and what was dropped is forgotten.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { GateOptions } from '../../src/gate/gate.ts';
import type { OperatorAction, OperatorResult } from '../../src/store/desk.ts';
import { FAILED, ids, lease, POSTED, settle } from '../support/item.ts';
import { newMessageId } from '../support/message.ts';
import { itemsIn, message, openGate, START, send, type TestGate } from './gate.ts';

const AUTHSERV = 'mx.example.org';

/** What our own host wrote: results are believed above it. */
const RECEIVED = 'Received: from client.example by mx.example.org; Fri, 20 Nov 2026 09:14:30 +0000';

/** What our filter wrote above a copy, by its result. */
const RESULTS = {
  pass: [`Authentication-Results: ${AUTHSERV}; dmarc=pass header.from=example.com`],
  none: [],
  fail: [`Authentication-Results: ${AUTHSERV}; dmarc=fail header.from=example.com`],
} as const;

type Result = keyof typeof RESULTS;

/** A mail as it arrives; all have one Message-ID. */
interface Arriving {
  readonly result: Result;
  readonly spam?: boolean;
  readonly body?: string;
  readonly date?: string;
}

/** A gate that holds spam, and a way to let copies of one reply come to it. */
async function arrivals(
  t: TestContext,
  options: Partial<GateOptions>,
): Promise<{ test: TestGate; arrive: (copy: Arriving) => Promise<string> }> {
  const spam = {
    action: 'hold',
    unchecked: 'accept',
    ask: (_header: unknown, raw: Uint8Array) => ({
      score: 1,
      flagged: Buffer.from(raw).includes('X-Spam: yes'),
    }),
  } as const;
  const test = await openGate(t, { authservId: AUTHSERV, spam, ...options });
  const address = await test.sealed();
  const id = newMessageId();
  return {
    test,
    arrive: ({ result, spam: isSpam = false, body = 'I agree.\r\n', date }) => {
      const lines = [
        ...RESULTS[result],
        RECEIVED,
        ...(isSpam ? ['X-Spam: yes'] : []),
        ...(date === undefined ? [] : [`Date: ${date}`]),
      ];
      return send(test, address, message([...lines, `To: ${address}`, `Message-ID: <${id}>`], body));
    },
  };
}

/** How good a copy is: what our filter said first, then whether the spam rule holds it. */
const COPIES: readonly Arriving[] = (['pass', 'none', 'fail'] as const).flatMap((result) => [
  { result },
  { result, spam: true },
]);

const ORDER: readonly Result[] = ['fail', 'none', 'pass'];

/** Whether the first copy may stand for the second. */
function shadows(first: Arriving, second: Arriving): boolean {
  const isVouchedAsWell = ORDER.indexOf(first.result) >= ORDER.indexOf(second.result);
  return isVouchedAsWell && (first.spam !== true || second.spam === true);
}

const inWords = ({ result, spam }: Arriving): string => `${result}${spam === true ? ', spam' : ''}`;

describe('a copy of a reply', () => {
  for (const first of COPIES) {
    it(`that is the first, ${inWords(first)}, shadows what is no better than itself`, async (t) => {
      for (const second of COPIES) {
        const { arrive } = await arrivals(t, { senderPolicy: 'flag' });
        const expected = (copy: Arriving): string => (copy.spam === true ? 'held' : 'queued');
        assert.equal(await arrive(first), expected(first));
        const verdict = shadows(first, second) ? 'duplicate' : expected(second);
        assert.equal(await arrive(second), verdict, `then ${inWords(second)}`);
        assert.equal(await arrive(second), 'duplicate', `then ${inWords(second)} again`);
        assert.equal(await arrive(first), 'duplicate', 'then the first again');
      }
    });
  }

  for (const [name, options] of [
    ['spoofed = "hold"', { senderPolicy: 'strict', spoofed: 'hold' }],
    ['"flag"', { senderPolicy: 'flag' }],
  ] as const) {
    it(`that is forged and comes first leaves the genuine one alone, with ${name}`, async (t) => {
      const { test, arrive } = await arrivals(t, options);
      for (const result of ['fail', 'none'] as const)
        await arrive({ result, body: 'You are all fools.\r\n' });
      assert.equal(await arrive({ result: 'pass' }), 'queued');
      assert.equal(await arrive({ result: 'pass', body: 'I agree.\r\n-- \r\nA footer.\r\n' }), 'duplicate');
      assert.equal((await itemsIn(test)).length, 3);
    });
  }

  it('that says something else is another mail where nobody vouches for either', async (t) => {
    const { arrive } = await arrivals(t, { senderPolicy: 'off' });
    const forged = { result: 'none', body: 'You are all fools.\r\n' } as const;
    assert.equal(await arrive(forged), 'queued');
    assert.equal(await arrive({ result: 'none' }), 'queued');
    assert.equal(await arrive({ result: 'none' }), 'duplicate');
    assert.equal(await arrive(forged), 'duplicate');
  });

  it('that was sent again with a new Date is a duplicate, whoever vouches for it or does not', async (t) => {
    for (const result of ['pass', 'none', 'fail'] as const) {
      const { arrive } = await arrivals(t, { senderPolicy: 'flag' });
      assert.equal(await arrive({ result, date: 'Fri, 20 Nov 2026 09:14:00 +0000' }), 'queued');
      assert.equal(await arrive({ result, date: 'Fri, 20 Nov 2026 09:14:01 +0000' }), 'duplicate');
    }
  });
});

describe('after the operator', () => {
  it('dropped a copy, the next one is the first', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
    for (const spam of [true, false]) {
      await arrive({ result: 'pass', spam });
      const [item] = await itemsIn(test);
      assert.deepEqual(await test.store.operate('drop', item!.id, START * 1000), {
        kind: 'done',
        ...{ id: item!.id, state: 'dropped' },
      });
      assert.equal(await arrive({ result: 'pass', spam: true }), 'held');
      await test.store.operate('drop', (await itemsIn(test))[0]!.id, START * 1000);
    }
  });

  it('dropped what was posted, a copy is a duplicate still', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
    await arrive({ result: 'pass' });
    const [leased] = await lease(test.store, START * 1000);
    await settle(test.store, leased!, POSTED);
    await test.store.operate('drop', leased!.id, START * 1000);
    assert.equal(await arrive({ result: 'pass' }), 'duplicate');
  });

  it('released a held copy, it stands for every copy that is vouched for no better', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
    await arrive({ result: 'none', spam: true });
    await test.store.operate('release', (await itemsIn(test))[0]!.id, START * 1000);
    assert.equal(await arrive({ result: 'none' }), 'duplicate');
    assert.equal(await arrive({ result: 'none', spam: true }), 'duplicate');
    assert.equal(await arrive({ result: 'pass' }), 'queued');
  });

  it('held what was accepted, a copy does not go round the hold', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
    await arrive({ result: 'pass' });
    await test.store.operate('hold', (await itemsIn(test))[0]!.id, START * 1000);
    assert.equal(await arrive({ result: 'pass' }), 'duplicate');
  });
});

/** Copies that are held, each with one that stands for it. */
const STALE: readonly { readonly held: Arriving; readonly better: Arriving }[] = [
  { held: { result: 'pass', spam: true }, better: { result: 'pass' } },
  { held: { result: 'none', spam: true }, better: { result: 'none' } },
  { held: { result: 'none', spam: true }, better: { result: 'pass' } },
  { held: { result: 'fail', spam: true }, better: { result: 'fail' } },
  { held: { result: 'fail', spam: true }, better: { result: 'none' } },
  { held: { result: 'fail', spam: true, body: 'Fools.\r\n' }, better: { result: 'pass' } },
];

describe('a held copy that the operator releases', () => {
  for (const { held, better } of STALE) {
    it(`as ${inWords(held)} stays held where it came as ${inWords(better)} meanwhile`, async (t) => {
      const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
      assert.equal(await arrive(held), 'held');
      assert.equal(await arrive(better), 'queued');
      const [stale, posted] = await itemsIn(test);
      const act = (action: OperatorAction, id: string): Promise<OperatorResult> =>
        test.store.operate(action, id, START * 1000);
      const refused = { kind: 'duplicate', was: 'held', of: posted!.id } as const;
      assert.deepEqual(await act('release', stale!.id), { ...refused, state: 'ready' });
      await settle(test.store, (await lease(test.store, START * 1000))[0]!, POSTED);
      assert.deepEqual(await act('release', stale!.id), { ...refused, state: 'posted' });
      await act('drop', posted!.id);
      assert.deepEqual(await act('release', stale!.id), { ...refused, state: undefined });
      assert.equal((await test.store.get(stale!.id))?.state, 'held');
      assert.deepEqual(await lease(test.store, START * 1000), []);
    });
  }

  it('is posted where the better one was dropped unposted, and waits for a dead letter to be tried again', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
    await arrive({ result: 'pass', spam: true });
    await arrive({ result: 'pass' });
    const [stale, better] = await itemsIn(test);
    await settle(test.store, (await lease(test.store, START * 1000))[0]!, FAILED);
    assert.deepEqual(await test.store.operate('release', stale!.id, START * 1000), {
      ...{ kind: 'duplicate', was: 'held', of: better!.id, state: 'failed' },
    });
    await test.store.operate('drop', better!.id, START * 1000);
    assert.equal((await test.store.operate('release', stale!.id, START * 1000)).kind, 'done');
  });

  it('is one post where two are released, in whatever order', async (t) => {
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const { test, arrive } = await arrivals(t, { senderPolicy: 'strict', spoofed: 'hold' });
      assert.equal(await arrive({ result: 'fail' }), 'held');
      assert.equal(await arrive({ result: 'pass', spam: true }), 'held');
      const items = await itemsIn(test);
      const [first, second] = order.map((index) => items[index]!.id);
      assert.equal((await test.store.operate('release', first!, START * 1000)).kind, 'done');
      const refused = { kind: 'duplicate', was: 'held', of: first, state: 'ready' };
      assert.deepEqual(await test.store.operate('release', second!, START * 1000), refused);
      assert.deepEqual(ids(await lease(test.store, START * 1000)), [first]);
    }
  });

  it('is posted though a forgery of other words was released before', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'strict', spoofed: 'hold' });
    await arrive({ result: 'fail', body: 'You are all fools.\r\n' });
    await arrive({ result: 'pass', spam: true });
    for (const { id } of await itemsIn(test))
      assert.equal((await test.store.operate('release', id, START * 1000)).kind, 'done');
  });

  it('is posted though worse ones of the same words are there, if none of those will be posted', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
    await arrive({ result: 'fail' });
    await settle(test.store, (await lease(test.store, START * 1000))[0]!, FAILED);
    await arrive({ result: 'none' });
    await arrive({ result: 'pass', spam: true });
    const [failed, waiting, best] = await itemsIn(test);
    await test.store.operate('hold', waiting!.id, START * 1000);
    assert.equal((await test.store.operate('release', best!.id, START * 1000)).kind, 'done');
    for (const [action, { id, was }] of [
      ['retry', { id: failed!.id, was: 'failed' }],
      ['release', { id: waiting!.id, was: 'held' }],
    ] as const) {
      const refused = { kind: 'duplicate', was, of: best!.id, state: 'ready' };
      assert.deepEqual(await test.store.operate(action, id, START * 1000), refused, action);
    }
  });

  it('is posted once though it is held and released again and again', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
    for (const result of ['pass', 'none', 'fail'] as const)
      await arrive({ result, spam: true, body: `${result}\r\n` });
    for (const { id } of await itemsIn(test)) {
      for (const action of ['release', 'hold', 'release', 'drop'] as const)
        assert.equal((await test.store.operate(action, id, START * 1000)).kind, 'done', action);
    }
  });
});

describe('a copy of a dead letter', () => {
  it('has it tried again, under its own id; a worse copy does not', async (t) => {
    const { test, arrive } = await arrivals(t, { senderPolicy: 'flag' });
    await arrive({ result: 'pass' });
    const [leased] = await lease(test.store, START * 1000);
    await settle(test.store, leased!, FAILED);
    for (const worse of [{ result: 'none' }, { result: 'pass', spam: true }] as const) {
      assert.equal(await arrive(worse), 'duplicate');
    }
    assert.equal((await itemsIn(test))[0]!.state, 'failed');
    assert.equal(await arrive({ result: 'pass' }), 'queued');
    assert.equal(await arrive({ result: 'pass' }), 'duplicate');
    const again = await lease(test.store, START * 1000);
    assert.deepEqual(
      again.map(({ id, attempts }) => [id, attempts]),
      [[leased!.id, 2]],
    );
  });
});
