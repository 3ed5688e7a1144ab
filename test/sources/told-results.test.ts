// The findings of a provider's filter in its call: whom they vouch for at the gate.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ToldFields, toldResults } from '../../src/sources/told-results.ts';
import { bring, fateOf, rulesOf } from '../gate/arriving.ts';
import { openGate } from '../gate/gate.ts';

const FORGED = 'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com';
const EDGE =
  'Received: from x (x [192.0.2.7]) by mx.sendgrid.net (Postfix) with ESMTPS id 4X; Fri, 20 Nov 2026 09:15:00 +0000';

/** Sends Alice's reply with what the call says; gives what became of it. */
async function attempt(
  t: TestContext,
  told: ToldFields,
  from = told.path ?? 'alice@example.com',
): Promise<string> {
  const test = await openGate(t, { senderPolicy: 'strict', addressed: 'off' });
  const address = await test.sealed();
  const lines = [
    FORGED,
    EDGE,
    'From: Alice <alice@example.com>',
    `To: ${address}`,
    'Message-ID: <reply-1@client.example>',
  ];
  return fateOf(
    await bring(test, {
      rules: { ...rulesOf({ authservId: 'mx.example.org' }), told: toldResults(told) },
      raw: Buffer.from([...lines, '', 'I agree.', ''].join('\r\n')),
      uid: 1,
      call: 'call-1',
      envelope: { from, to: [address] },
    }),
  );
}

const ALICE = 'alice@example.com';
const MALLORY = 'mallory@evil.example';

describe('what a call says of the sender', () => {
  for (const [what, told] of [
    ['a signature of the domain', { spf: 'none', path: ALICE, dkim: '{@example.com : pass}' }],
    [
      'one of two signatures',
      { spf: 'fail', path: MALLORY, dkim: '{@evil.example : pass, @example.com : pass}' },
    ],
    [
      'one of two signatures, each in braces',
      { spf: 'none', path: MALLORY, dkim: '{@list.example : fail}{@example.com : pass}' },
    ],
    ['SPF of the path', { spf: 'pass', path: ALICE, dkim: 'none' }],
    ['SPF in capitals, and no signature', { spf: 'Pass', path: ALICE, dkim: undefined }],
  ] as const) {
    it(`vouches by ${what}`, async (t) => {
      assert.equal(await attempt(t, told), 'queued');
    });
  }

  for (const [what, told] of [
    ['nothing, whatever the header says', { spf: undefined, path: undefined, dkim: undefined }],
    ['a signature of another', { spf: 'none', path: ALICE, dkim: '{@evil.example : pass}' }],
    ['a signature that is broken', { spf: 'none', path: ALICE, dkim: '{@example.com : fail}' }],
    ['a signature of a look-alike', { spf: 'none', path: ALICE, dkim: '{@example.com.evil.example : pass}' }],
    ['a signature of a domain below', { spf: 'none', path: ALICE, dkim: '{@evil.example.com : pass}' }],
    ['a signature of the top-level domain', { spf: 'none', path: ALICE, dkim: '{@com : pass}' }],
    ['SPF of another path', { spf: 'pass', path: MALLORY, dkim: 'none' }],
    ['SPF that failed', { spf: 'softfail', path: ALICE, dkim: 'none' }],
    ['SPF without a path', { spf: 'pass', path: undefined, dkim: 'none' }],
    [
      'a path that ends a value',
      {
        spf: 'pass',
        path: '"x; dmarc=pass header.from=example.com"@evil.example',
        dkim: '{@example.com : pass}',
      },
    ],
    ['signatures that cannot be read', { spf: 'none', path: ALICE, dkim: '{@example.com : pass} {@' }],
    ['signatures in another form', { spf: 'none', path: ALICE, dkim: '@example.com : pass' }],
    [
      "a domain with a sender's text",
      { spf: 'none', path: ALICE, dkim: '{@evil.example : pass, x @example.com : pass}' },
    ],
    ['a word that is none', { spf: 'pass; dmarc=pass', path: ALICE, dkim: '{@example.com : pass}' }],
  ] as const) {
    it(`vouches for nobody by ${what}`, async (t) => {
      assert.equal(await attempt(t, told), 'discarded: spoofed');
    });
  }
});
