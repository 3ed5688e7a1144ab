// Who may write as Alice: forgeries and genuine replies through the gate on a real store.
//
// Mallory has got hold of a reply address of Alice's. Her own mail is authenticated as hers (`HERS`), and mail that she
// writes in Alice's name gets what the site's filter honestly says of it (`FAILED`, `SILENT`). Not one may be posted. What
// she tries is in forgeries.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addUser } from '../support/mint.ts';
import {
  ALICE,
  FAILED,
  FORGED_AUTHORS,
  FORGED_RESULTS,
  GENUINE,
  HERS,
  hers,
  ID,
  MALLORY,
  PASS,
  RECEIVED,
  results,
  SILENT,
} from './forgeries.ts';
import { claimOf, openGate, send, type TestGate } from './gate.ts';

/** A gate of a strict site where Alice has three addresses. */
async function strictSite(
  t: Parameters<typeof openGate>[0],
  options: Parameters<typeof openGate>[1] = {},
): Promise<{ readonly test: TestGate; readonly address: string }> {
  const test = await openGate(t, { senderPolicy: 'strict', authservId: ID, ...options });
  const addresses = ['alice@example.com', 'alice@work.example', 'alice@bücher.example'];
  await test.store.setUser('alice', { addresses });
  await addUser(test.store, 'bob');
  return { test, address: await test.sealed() };
}

const mail = (fields: readonly string[], id: number, to: string): Buffer =>
  Buffer.from(
    [...fields, `To: ${to}`, `Message-ID: <reply-${id}@client.example>`, '', 'I agree.', ''].join('\r\n'),
  );

describe('a strict site', () => {
  const forgeries = { ...FORGED_RESULTS, ...FORGED_AUTHORS };

  it('posts and holds nothing of what somebody else wrote', async (t) => {
    const { test, address } = await strictSite(t);
    const all: Readonly<Record<string, readonly string[]>> = {
      ...forgeries,
      'a reply address of ours': [PASS, RECEIVED, `From: ${address}`],
      'a reply address of ours as a display name': hers(`"${address}" <mallory@evil.example>`),
      'a reply address in capitals': [PASS, RECEIVED, `From: ${address.toUpperCase()}`],
      'a reply address in quotes': [PASS, RECEIVED, `From: "${address.replace('@', '"@')}`],
    };
    let id = 0;
    for (const [trick, fields] of Object.entries(all)) {
      await t.test(trick, async () => {
        assert.match(
          await send(test, address, mail(fields, ++id, address)),
          /^discarded: (?:spoofed|malformed|loop|bounce)$/,
        );
      });
    }
    assert.ok(id >= 130, `${id} forgeries`);
    assert.deepEqual(await test.store.list({}), []);
  });

  it('posts what Alice wrote, however her mail program and our filter write it', async (t) => {
    const { test, address } = await strictSite(t);
    let id = 0;
    for (const [variant, fields] of Object.entries(GENUINE)) {
      await t.test(variant, async () => {
        assert.equal(await send(test, address, mail(fields, ++id, address)), 'queued');
      });
    }
    assert.equal((await test.store.list({ state: 'ready' })).length, id);
  });

  it('that holds spoofed mail posts none of it by itself', async (t) => {
    const { test, address } = await strictSite(t, { spoofed: 'hold' });
    let id = 0;
    for (const [trick, fields] of Object.entries(forgeries)) {
      assert.match(
        await send(test, address, mail(fields, ++id, address)),
        /^(?:held|discarded: \w+)$/,
        trick,
      );
    }
    assert.deepEqual(await test.store.list({ state: 'ready' }), []);
    for (const { holdReason } of await test.store.list({})) assert.equal(holdReason, 'spoofed');
    assert.equal(await send(test, address, mail(GENUINE['a plain address'] ?? [], ++id, address)), 'queued');
  });

  it('that flags posts a registered address without a verdict, marked, and holds the rest', async (t) => {
    const { test, address } = await strictSite(t, { spoofed: 'flag' });
    assert.equal(await send(test, address, mail([SILENT, RECEIVED, ALICE], 1, address)), 'queued');
    assert.equal(await send(test, address, mail([FAILED, RECEIVED, ALICE], 2, address)), 'held');
    assert.equal(await send(test, address, mail([HERS, RECEIVED, MALLORY], 3, address)), 'held');
    assert.equal(
      await send(test, address, mail([PASS, RECEIVED, ALICE, MALLORY], 4, address)),
      'discarded: malformed',
    );
    const [item] = await test.store.lease({ now: test.clock.now * 1000, leaseMs: 1, limit: 9 });
    assert.deepEqual(item?.authentication, { policy: 'strict', result: 'none' });
  });
});

describe('sender.plus_tags', () => {
  const tagged = (from: string): string[] => [PASS, RECEIVED, `From: ${from}`];

  it('ignore: a tag makes no other address, on either side', async (t) => {
    const { test, address } = await strictSite(t, { plusTags: 'ignore' });
    await test.store.setUser('alice', { addresses: ['Alice+tracker@example.com'] });
    const own = ['alice@example.com', 'alice+x@example.com', '"alice+x+y"@example.com', 'ALICE+@example.com'];
    const others = [
      'alicex@example.com',
      '+alice@example.com',
      'bob+alice@example.com',
      'alice-x@example.com',
    ];
    let id = 0;
    for (const from of own)
      assert.equal(await send(test, address, mail(tagged(from), ++id, address)), 'queued', from);
    for (const from of others) {
      assert.equal(await send(test, address, mail(tagged(from), ++id, address)), 'discarded: spoofed', from);
    }
  });
});

describe('sender.own_received', () => {
  // OpenDMARC and OpenDKIM insert at index 1, which is below Postfix's own Received (measured with 3.7.11).
  const theirs = 'Received: from mallory by out.example.net';

  it('1: believes what stands directly below our Received, and nothing below the next one', async (t) => {
    const { test, address } = await strictSite(t, { ownReceived: 1 });
    const cases: readonly (readonly [readonly string[], string])[] = [
      [[RECEIVED, PASS, theirs, ALICE], 'queued'],
      [[PASS, RECEIVED, theirs, ALICE], 'queued'],
      [[RECEIVED, theirs, PASS, ALICE], 'discarded: spoofed'],
      [[RECEIVED, SILENT, theirs, PASS, ALICE], 'discarded: spoofed'],
    ];
    let id = 0;
    for (const [fields, expected] of cases) {
      assert.equal(await send(test, address, mail(fields, ++id, address)), expected, fields.join('\n'));
    }
  });

  it('1: a forged field directly below the genuine one passes only what our filter did not report on', async (t) => {
    const { test, address } = await strictSite(t, { ownReceived: 1 });
    const forged = [
      'dmarc=pass header.from=example.com',
      'dkim=pass header.d=example.com',
      'spf=pass smtp.mailfrom=example.com',
    ];
    for (const [index, text] of forged.entries()) {
      const fields = [RECEIVED, SILENT, results(text), theirs, ALICE];
      assert.equal(await send(test, address, mail(fields, index, address)), 'discarded: spoofed', text);
    }
  });
});

describe('the gate that is asked why', () => {
  it('says what each rule saw, and the same as when it is not asked', async (t) => {
    const { test, address } = await strictSite(t);
    const findings: Parameters<typeof test.gate.judge>[3] = [];
    const verdict = await test.gate.recipient(address, findings);
    assert.equal(verdict.kind, 'claim');
    assert.deepEqual(
      findings.map(({ rule, result }) => `${rule} ${result}`),
      ['address pass', 'token pass', 'user pass', 'age pass'],
    );
    findings.length = 0;
    const claim = await claimOf(test.gate, address);
    const raw = mail([FAILED, RECEIVED, ALICE], 1, address);
    const judgement = await test.gate.judge({ reversePath: 'alice@example.com' }, claim, raw, findings);
    assert.equal(judgement.kind, 'end');
    assert.deepEqual(
      findings.map(({ rule, result, saw }) => [rule, result, saw].slice(0, rule === 'age' ? 2 : 3)),
      [
        ['automatic', 'pass', 'no sign of a machine'],
        ['malformed', 'pass', 'one author: alice@example.com'],
        ['age', 'pass'],
        ['sender_policy', 'discarded', 'dmarc=fail for example.com'],
      ],
    );
  });
});
