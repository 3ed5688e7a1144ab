// The gate at the end of data, in its order, on a real store.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addUser } from '../support/mint.ts';
import { claimOf, inWords, itemsIn, MAX_AGE, message, openGate, START, send } from './gate.ts';

const AUTOMATIC = 'Auto-Submitted: auto-replied';
const TWO_FROM = ['From: alice@example.com', 'From: eve@example.com'];

describe('a reply that is taken', () => {
  it('sealed: is queued with what the address said', async (t) => {
    const test = await openGate(t);
    const address = await test.sealed({ thread: 'a/b', repliedTo: START - 60 });
    assert.equal(await send(test, address, message(['Message-ID: < X1@Client.Example >'])), 'queued');
    const [item] = await itemsIn(test);
    assert.deepEqual(
      [item?.user, item?.thread, item?.repliedToAt, item?.receivedAt, item?.messageId, item?.reversePath],
      ['alice', 'a/b', (START - 60) * 1000, START * 1000, 'X1@client.example', 'alice@example.com'],
    );
  });

  it('bound: is queued with what the Message-ID says, wherever the reply names it', async (t) => {
    const test = await openGate(t);
    const { address, messageId } = test.bound({ thread: 'go-gitea/gitea/issue/2351', repliedTo: START - 5 });
    const other = 'other/thread/1@reply.example.org';
    const fields = [
      `In-Reply-To: <${messageId}>`,
      `In-Reply-To: ${messageId}`,
      `In-Reply-To: <${messageId.replace('@reply.example.org', '@Reply.EXAMPLE.org')}>`,
      `References: <a@b.example> <${messageId}> <c@d.example>`,
      `References: <${other}>,<${messageId}>`,
      `In-Reply-To: <${other}>\r\nReferences: <${messageId}>`,
      `References:\r\n <a@b.example>\r\n <${messageId}>`,
    ];
    for (const field of fields) assert.equal(await send(test, address, message([field])), 'queued', field);
    for (const item of await itemsIn(test)) {
      assert.deepEqual([item.thread, item.repliedToAt], ['go-gitea/gitea/issue/2351', (START - 5) * 1000]);
    }
  });

  it('a second copy is a duplicate, by Message-ID or else by what was written', async (t) => {
    const test = await openGate(t);
    const address = await test.sealed();
    const elsewhere = await test.sealed({ thread: 'test/thread/2' });
    const withId = message(['Message-ID: <first@client.example>']);
    const travelled = message(['Received: from x', 'Message-ID: <first@CLIENT.example>']);
    const withoutId = message(['Message-ID:', 'Date: Fri, 20 Nov 2026 09:00:00 +0000']);
    const changed = message(['Message-ID:', 'Date: Fri, 20 Nov 2026 09:00:00 +0000'], 'other words\r\n');
    const steps = [
      [address, withId, 'queued'],
      [address, travelled, 'duplicate'],
      [elsewhere, withId, 'queued'],
      [address, withoutId, 'queued'],
      [address, withoutId, 'duplicate'],
      [address, changed, 'queued'],
    ] as const;
    for (const [to, raw, expected] of steps) assert.equal(await send(test, to, raw), expected);
  });
});

describe('a reply that is discarded', () => {
  it('automatic mail of every kind, and what comes from an address of ours', async (t) => {
    const test = await openGate(t);
    const address = await test.sealed();
    const hops = Array<string>(51).fill('Received: from x');
    const cases = [
      [message(), '', 'bounce'],
      [message([AUTOMATIC]), 'alice@example.com', 'auto-reply'],
      [message(['Precedence: bulk']), 'alice@example.com', 'auto-reply'],
      [message(['X-Failed-Recipients: x@example.com']), 'alice@example.com', 'bounce'],
      [message([`From: ${address}`]), 'alice@example.com', 'loop'],
      [message(hops), 'alice@example.com', 'loop'],
    ] as const;
    for (const [raw, reversePath, reason] of cases) {
      assert.equal(await send(test, address, raw, reversePath), `discarded: ${reason}`);
    }
    assert.deepEqual(await itemsIn(test), []);
  });

  it('malformed: not exactly one author, or a header beyond the limits', async (t) => {
    const test = await openGate(t);
    const address = await test.sealed();
    const headers = [
      TWO_FROM,
      ['From: alice@example.com, eve@example.com'],
      ['From: nobody in particular'],
      ['From:'],
      Array<string>(1001).fill('X-Line: x'),
      [`X-Long: ${'x'.repeat(101 * 1024)}`],
    ];
    for (const lines of headers) {
      assert.equal(await send(test, address, message(lines)), 'discarded: malformed', lines[0]?.slice(0, 50));
    }
    assert.equal(await send(test, address, Buffer.from('no header at all')), 'discarded: malformed');
    assert.equal(await send(test, address, Buffer.alloc(0)), 'discarded: malformed');
  });

  it('forged: a bound address with no id, a foreign id, or the id of another notification', async (t) => {
    const test = await openGate(t);
    const { address } = test.bound();
    const other = test.bound({ thread: 'test/thread/2' });
    const bob = await addUser(test.store, 'bob');
    const bobs = test.bound({ user: bob, thread: 'secret' });
    const fields = ['X-None: 1', '<a@b.example>', `<${other.messageId}>`, `<${bobs.messageId}>`];
    for (const value of fields) {
      const lines = [value.startsWith('<') ? `In-Reply-To: ${value}` : value];
      assert.equal(await send(test, address, message(lines)), 'discarded: forged', value);
    }
  });

  it('expired: a bound reply is as old as the notification that it names', async (t) => {
    const test = await openGate(t);
    const { address, messageId } = test.bound();
    const reply = (): Buffer => message([`In-Reply-To: <${messageId}>`]);
    test.clock.now = START + MAX_AGE;
    assert.equal(await send(test, address, reply()), 'queued');
    test.clock.now = START + MAX_AGE + 1;
    assert.equal(await send(test, address, reply()), 'discarded: expired');
    const future = test.bound({ repliedTo: test.clock.now + 301 });
    const early = message([`In-Reply-To: <${future.messageId}>`]);
    assert.equal(await send(test, future.address, early), 'deferred: unknown');
  });

  it('a sealed address that expires between RCPT and the dot', async (t) => {
    const test = await openGate(t);
    const claim = await claimOf(test.gate, await test.sealed());
    test.clock.now = START + MAX_AGE + 1;
    const judgement = await test.gate.judge({ reversePath: 'alice@example.com' }, claim, message());
    assert.deepEqual(judgement, { kind: 'end', disposition: { verdict: 'discarded', reason: 'expired' } });
  });
});

describe('the order of §5', () => {
  it('each check speaks before the next one could', async (t) => {
    const test = await openGate(t, { senderPolicy: 'strict', authservId: 'mx.example.org' });
    const { address, messageId } = test.bound();
    const ours = `In-Reply-To: <${messageId}>`;
    const stranger = 'From: eve@example.com';
    test.clock.now = START + MAX_AGE + 1;
    const expired: [string[], string][] = [
      [[AUTOMATIC, ...TWO_FROM], 'discarded: auto-reply'],
      [TWO_FROM, 'discarded: malformed'],
      [[stranger], 'discarded: forged'],
      [[stranger, ours], 'discarded: expired'],
    ];
    for (const [lines, expected] of expired) {
      assert.equal(await send(test, address, message(lines)), expected);
    }
    test.clock.now = START;
    assert.equal(await send(test, address, message([stranger, ours])), 'discarded: spoofed');
  });
});

describe('the sender policy', () => {
  const pass = [
    'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com',
    'Received: from client.example.com by mx.example.org; Fri, 20 Nov 2026 09:00:00 +0000',
  ];

  it('strict: a registered address with a pass is queued, all else is discarded as spoofed', async (t) => {
    const test = await openGate(t, { senderPolicy: 'strict', authservId: 'mx.example.org' });
    const address = await test.sealed();
    const cases = [
      [pass, 'queued'],
      [[], 'discarded: spoofed'],
      [[...pass, 'From: eve@example.com'], 'discarded: spoofed'],
      [[pass[0]!.replace('mx.', 'evil.'), pass[1]!], 'discarded: spoofed'],
    ] as const;
    for (const [lines, expected] of cases)
      assert.equal(await send(test, address, message([...lines, `To: ${address}`])), expected);
  });

  it('flag: the same replies are queued, and the result goes along', async (t) => {
    const test = await openGate(t, { senderPolicy: 'flag', authservId: 'mx.example.org' });
    const address = await test.sealed();
    for (const lines of [pass, [...pass, 'From: eve@example.com']]) {
      assert.equal(await send(test, address, message([...lines, `To: ${address}`])), 'queued');
    }
    const results = [];
    for (let count = 0; count < 2; count++) {
      const now = START * 1000;
      const [item] = await test.store.lease({ now, leaseMs: 1, limit: 1 });
      results.push(item?.authentication);
      const settlement = { kind: 'posted', at: now } as const;
      await test.store.settle([{ id: item!.id, attempts: item!.attempts, settlement }]);
    }
    assert.deepEqual(results, [
      { policy: 'flag', result: 'pass' },
      { policy: 'flag', result: 'fail' },
    ]);
  });

  it('mail that came through a list is held when the policy is off, else judged like any other', async (t) => {
    const list = 'List-Id: <list.example.org>';
    const off = await openGate(t);
    assert.equal(await send(off, await off.sealed(), message([list])), 'held');
    assert.deepEqual((await itemsIn(off))[0]?.holdReason, 'list');
    const strict = await openGate(t, { senderPolicy: 'strict', authservId: 'mx.example.org' });
    const address = await strict.sealed();
    const to = `To: ${address}`;
    assert.equal(await send(strict, address, message([...pass, list, to])), 'queued');
    assert.equal(await send(strict, address, message([list, to])), 'discarded: spoofed');
  });
});

describe('one message to several recipients', () => {
  it('has one disposition for each claim, in order, and one commit', async (t) => {
    const test = await openGate(t);
    const bob = await addUser(test.store, 'bob');
    const bound = test.bound();
    const addresses = [
      await test.sealed(),
      bound.address,
      await test.sealed({ user: bob }),
      await test.sealed(),
    ];
    const claims = [];
    for (const address of addresses) claims.push(await claimOf(test.gate, address));
    const dispositions = await test.gate.message({ reversePath: 'a@example.com' }, claims, message());
    assert.deepEqual(dispositions.map(inWords), ['queued', 'discarded: forged', 'queued', 'duplicate']);
    assert.equal((await itemsIn(test)).length, 2);
  });

  it('nothing to commit asks nothing of the store', async (t) => {
    const test = await openGate(t);
    const claims = [await claimOf(test.gate, await test.sealed())];
    await test.store.close();
    const dispositions = await test.gate.message({ reversePath: '' }, claims, message());
    assert.deepEqual(dispositions.map(inWords), ['discarded: bounce']);
  });
});

describe('a store that cannot take it', () => {
  it('full: every reply that would be committed is deferred, the others keep their verdict', async (t) => {
    const accept = () => Promise.resolve({ kind: 'storage-full', detail: 'disk full' } as const);
    const test = await openGate(t, { queue: { accept } });
    const addresses = [await test.sealed(), test.bound().address];
    const claims = [];
    for (const address of addresses) claims.push(await claimOf(test.gate, address));
    const dispositions = await test.gate.message({ reversePath: 'a@example.com' }, claims, message());
    assert.deepEqual(dispositions.map(inWords), ['deferred: storage', 'discarded: forged']);
  });

  it('low on space: no transaction begins', async (t) => {
    let isLow = true;
    const { gate } = await openGate(t, { isSpaceLow: () => isLow });
    const refusal = gate.transaction();
    assert.equal(refusal && inWords(refusal), 'deferred: storage');
    isLow = false;
    assert.equal(gate.transaction(), undefined);
  });

  it('broken: the promise fails, and no disposition is given', async (t) => {
    const test = await openGate(t);
    const claims = [await claimOf(test.gate, await test.sealed())];
    await test.store.close();
    await assert.rejects(test.gate.message({ reversePath: 'a@example.com' }, claims, message()));
  });

  it('an answer that is too short promises nothing', async (t) => {
    const accept = () => Promise.resolve({ kind: 'committed', acceptances: [], leased: [] } as const);
    const test = await openGate(t, { queue: { accept } });
    assert.equal(await send(test, await test.sealed(), message()), 'deferred: unknown');
  });
});
