// Mail without one author: refused where that tells who sent it, discarded where the bounce could go to somebody else.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { message, openGate, send } from './gate.ts';

const STRICT = { senderPolicy: 'strict', authservId: 'mx.example.org' } as const;
const RECEIVED = 'Received: from out.example.com by mx.example.org (Postfix) with ESMTPS id 4Xabc';
const PASS = 'spf=pass smtp.mailfrom=example.com';
const SEVERAL = 'From: alice@example.com, eve@example.com';
const REFUSED = 'rejected: malformed';
const DISCARDED = 'discarded: malformed';

const resultsOf = (results: string, id = 'mx.example.org'): string =>
  `Authentication-Results: ${id}; ${results}`;

/** How a message of these fields ends; its reverse-path is alice's address unless another is given. */
async function site(t: TestContext, options: Parameters<typeof openGate>[1] = STRICT) {
  const test = await openGate(t, options);
  const address = await test.sealed();
  return (lines: readonly string[], path = 'alice@example.com') => send(test, address, message(lines), path);
}

describe('a message without one author', () => {
  it("is refused where the reverse-path is the user's and SPF says so, whatever is wrong with From", async (t) => {
    const end = await site(t);
    const authors = [
      [SEVERAL],
      ['From: alice@example.com', 'From: alice@example.com'],
      ['From: Alice <alice@example.com'],
    ]
      .concat([['From:'], ['From: nobody in particular'], ['From: Friends: alice@example.com;']])
      .concat([
        ['From: alice@example.com <eve@example.com>'],
        ['From: Eve, eve@example.com <alice@example.com>'],
      ]);
    for (const author of authors) {
      assert.equal(await end([resultsOf(PASS), RECEIVED, ...author]), REFUSED, author.join());
    }
  });

  it('is refused by the results that filters write of a pass', async (t) => {
    const end = await site(t);
    for (const results of [
      'spf=pass smtp.mailfrom=alice@example.com',
      'spf=pass smtp.mailfrom=<alice@example.com>',
      'spf=pass (mx.example.org: domain of alice@example.com designates 192.0.2.1) smtp.mailfrom=ALICE@Example.com',
      'dkim=none; spf=pass smtp.mailfrom=example.com; dmarc=fail header.from=example.net',
      'spf=pass smtp.helo=out.example.com; spf=pass smtp.mailfrom=example.com',
    ]) {
      assert.equal(await end([resultsOf(results), RECEIVED, SEVERAL]), REFUSED, results);
    }
    assert.equal(await end([resultsOf(PASS), RECEIVED, SEVERAL], 'Alice@EXAMPLE.com'), REFUSED);
  });

  it('is discarded where anybody can have written the reverse-path', async (t) => {
    const end = await site(t);
    const cases: readonly (readonly [readonly string[], string?])[] = [
      [[RECEIVED]],
      [[resultsOf('dmarc=pass header.from=example.com; dkim=pass header.d=example.com'), RECEIVED]],
      ...['fail', 'softfail', 'neutral', 'none', 'temperror', 'permerror', 'policy'].map(
        (result) => [[resultsOf(`spf=${result} smtp.mailfrom=example.com`), RECEIVED]] as const,
      ),
      [[resultsOf('spf=pass smtp.mailfrom=evil.example'), RECEIVED]],
      [[resultsOf('spf=pass smtp.mailfrom=sub.example.com'), RECEIVED]],
      [[resultsOf('spf=pass smtp.mailfrom=com'), RECEIVED]],
      [[resultsOf('spf=pass smtp.mailfrom=bob@example.com'), RECEIVED]],
      [[resultsOf('spf=pass smtp.helo=example.com'), RECEIVED]],
      [[resultsOf('spf=pass'), RECEIVED]],
      [[resultsOf(PASS, 'evil.example'), RECEIVED]],
      [[RECEIVED, resultsOf(PASS)]],
      [[resultsOf(PASS)]],
      [[resultsOf('spf=fail smtp.mailfrom=example.com'), resultsOf(PASS), RECEIVED]],
      [[resultsOf(PASS), resultsOf('spf=fail smtp.mailfrom=example.com'), RECEIVED]],
      // What a sender wrote where the filter repeats it.
      [
        [
          resultsOf(
            'spf=fail (domain of "x) smtp.mailfrom=e; spf=pass smtp.mailfrom=example.com; a=b (y"@evil) z',
          ),
          RECEIVED,
        ],
      ],
      [[resultsOf(`${PASS} (a (b) c)`), RECEIVED]],
      [[resultsOf(PASS), RECEIVED, 'DKIM-Signature: v=1; d=evil.example; s=a; i="x;y"@evil.example; b=AAAA']],
      [[resultsOf('spf=pass smtp.mailfrom=evil.example'), RECEIVED], 'eve@evil.example'],
      [[resultsOf(PASS), RECEIVED], 'bob@example.com'],
      [[resultsOf(PASS), RECEIVED], '"alice;x"@example.com'],
    ];
    for (const [lines, path] of cases) {
      assert.equal(await end([...lines, SEVERAL], path), DISCARDED, lines.join('\n'));
    }
  });

  it("is discarded where it is a machine's, has no reverse-path, or a header beyond the limits", async (t) => {
    const end = await site(t);
    const proven = [resultsOf(PASS), RECEIVED, SEVERAL];
    assert.equal(await end(proven, ''), 'discarded: bounce');
    assert.equal(await end([...proven, 'Auto-Submitted: auto-replied']), 'discarded: auto-reply');
    assert.equal(await end([...proven, 'Precedence: bulk']), 'discarded: auto-reply');
    assert.equal(await end([...proven, `X-Long: ${'x'.repeat(101 * 1024)}`]), DISCARDED);
    assert.equal(await end([...proven, ...Array<string>(1001).fill('X-Line: x')]), DISCARDED);
  });

  it('is discarded where the site believes no filter', async (t) => {
    for (const options of [{ ...STRICT, senderPolicy: 'off' }, { senderPolicy: 'flag' }] as const) {
      const end = await site(t, options);
      assert.equal(await end([resultsOf(PASS), RECEIVED, SEVERAL]), DISCARDED);
    }
  });

  it('is believed as deep as the site says, and with plus tags as the site compares them', async (t) => {
    const deep = await site(t, { ...STRICT, ownReceived: 1 });
    assert.equal(await deep([RECEIVED, resultsOf(PASS), SEVERAL]), REFUSED);
    const local = 'Received: by mx.example.org (Postfix, from userid 33) id 4Xabc';
    assert.equal(await deep([local, resultsOf(PASS), SEVERAL]), DISCARDED);
    const tags = await site(t, { ...STRICT, plusTags: 'ignore' });
    assert.equal(await tags([resultsOf(PASS), RECEIVED, SEVERAL], 'alice+work@example.com'), REFUSED);
    const compared = await site(t);
    assert.equal(await compared([resultsOf(PASS), RECEIVED, SEVERAL], 'alice+work@example.com'), DISCARDED);
  });
});
