// Mail that Alice's domain signed, sent again by somebody else: whoever holds a reply address of hers and any mail of
// hers can bring the two together. What our filter says of it is an honest pass.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mintBoundToken, userKey } from '../../src/mail/token.ts';
import { FORM } from '../support/mint.ts';
import { itemsIn, message, openGate, START, send, type TestGate } from './gate.ts';

const PASS = [
  'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com; dkim=pass header.d=example.com',
  'Received: from out.example.net by mx.example.org',
];
const STRICT = { senderPolicy: 'strict', authservId: 'mx.example.org' } as const;
const OLD = { prefix: 'old-', domain: 'old.example.org' };

type Context = Parameters<typeof openGate>[0];

/** Sends alice's authenticated mail with these fields to the address. */
async function arrive(test: TestGate, address: string, lines: readonly string[]): Promise<string> {
  return send(test, address, message([...PASS, ...lines]));
}

/** A site, an address of alice's, its token, and how mail to it with these fields ends. */
async function site(t: Context, options: Parameters<typeof openGate>[1] = {}) {
  const test = await openGate(t, { ...STRICT, ...options });
  const address = await test.sealed();
  const token = address.slice(FORM.prefix.length, address.indexOf('@'));
  return { test, address, token, ends: (...lines: readonly string[]) => arrive(test, address, lines) };
}

const isFolded = (address: string): string => address.replace('@', '\r\n @');

describe('a reply that names its address', () => {
  it('in To or Cc, however mail programs write it, is posted', async (t) => {
    const { address, ends } = await site(t);
    const bare = address.toUpperCase();
    for (const lines of [
      [`To: ${address}`],
      [`To: <${address}>`],
      [`To: ${bare}`],
      [`Cc: ${address}`],
      [`TO: "Tracker, Issue #5: it (broke)" <${address}>`],
      [`To: Tracker <${address}>, bob@example.com`],
      [`To: bob@example.com,\r\n\t"Carol" <carol@example.com>,\r\n ${address}`],
      [`To: =?utf-8?q?Verfolger=2C_der?= <${address}>`],
      [`To: ${address} (Tracker)`],
      [`To: (Tracker) "${address.slice(0, address.indexOf('@'))}"@${FORM.domain}`],
      [`To: '${address}' <${address}>`],
      [`To: ${address} <${address}>`],
      [`To: ${isFolded(address)}`],
      [`To: undisclosed-recipients:;`, `Cc: ${address}`],
      [`To: bob@example.com`, `Cc: Tracker <${address}>`],
      [`To: mallory@evil.example`, `To: bob@example.com`, `Cc: ${address}`],
    ]) {
      assert.equal(await ends(...lines), 'queued', lines.join('\n'));
    }
  });

  it('by an alias that the site named is posted, and by none that it did not', async (t) => {
    const { token, ends } = await site(t, { aliases: [OLD, { prefix: '', domain: 'all.example.org' }] });
    for (const [to, verdict] of [
      [`old-${token}@old.example.org`, 'queued'],
      [`OLD-${token}@Old.Example.org`, 'queued'],
      [`${token}@all.example.org`, 'queued'],
      [`reply+${token}@old.example.org`, 'discarded: spoofed'],
      [`old-${token}@reply.example.org`, 'discarded: spoofed'],
    ] as const) {
      assert.equal(await ends(`To: ${to}`), verdict, to);
    }
  });
});

describe("alice's mail to somebody else", () => {
  it('is not posted, whatever it shows of the address', async (t) => {
    const { test, address, token, ends } = await site(t);
    const other = await test.sealed({ thread: 'test/thread/2' });
    const replays: readonly (readonly string[])[] = [
      [],
      ['To: mallory@evil.example'],
      ['To: mallory@evil.example', 'Cc: bob@example.com'],
      [`To: ${other}`],
      [`To: "${address}" <mallory@evil.example>`],
      [`To: mallory@evil.example (${address})`],
      [`To: =?utf-8?q?=3C${address.replace('@', '=40')}=3E?= <mallory@evil.example>`],
      [`To: reply+${token}@evil.example`],
      [`To: reply+${token}@reply.example.org.evil.example`],
      [`To: mallory+${token}@reply.example.org`],
      [`To: x${address}`],
      [`To: "${address}"@evil.example`],
      [`To: ${address} <mallory@evil.example>`],
      [`To: <${address}> <mallory@evil.example>`],
      [`To: mallory@evil.example <${address}>`],
      [`To: "${address}" <mallory>`],
      [`To: Friends: ${address}; <mallory@evil.example>`],
      [`To: Friends: ${address};`],
      ['To: mallory@evil.example', `To: ${address}`],
      [`To: ${address}`, 'To: mallory@evil.example'],
      ['Cc: mallory@evil.example', `Cc: ${address}`],
      [`To: ${address}`, `To: ${address}`],
      [`To: mallory@evil.example\r,${address}`],
      [`To: ${address}, Mallory (`],
      ['To: mallory@evil.example', `Resent-To: ${address}`],
      ['To: mallory@evil.example', `Bcc: ${address}`, `Reply-To: ${address}`],
      ['To: mallory@evil.example', `Delivered-To: ${address}`, `X-Original-To: ${address}`],
      ['To: mallory@evil.example', `Subject: ${address}`, `In-Reply-To: <${address}>`],
    ];
    for (const lines of replays) {
      assert.equal(await ends(...lines), 'discarded: spoofed', lines.join('\n'));
    }
    assert.deepEqual(await itemsIn(test), []);
  });

  it('is not posted where its signature left room to add the address, or a text', async (t) => {
    const { address, ends } = await site(t);
    const mallory = 'To: mallory@evil.example';
    const signature = (rest: string, d = 'example.com'): string =>
      `DKIM-Signature: v=1; a=rsa-sha256; d=${d}; s=s1; ${rest}; bh=AAAA; b=AAAA`;
    const gmail = signature('h=to:subject:message-id:date:from');
    for (const lines of [
      [gmail, mallory, `Cc: ${address}`],
      [`Cc: ${address}`, gmail, mallory],
      [gmail, `Cc : <${address}>`],
      [signature('h=from:subject'), `To: ${address}`],
      [signature('H = From :\r\n\tSubject'), `To: ${address}`],
      [signature('h=from:cc:tox'), `To: ${address}`],
      [signature('h='), `To: ${address}`],
      [signature('x=1'), `To: ${address}`],
      // Which of them the filter means, it does not say.
      [signature('h=from:to:cc'), gmail, mallory, `Cc: ${address}`],
      [gmail, signature('h=from:to:cc', 'mail.Example.com'), mallory, `Cc: ${address}`],
      [signature('h=from', 'other.example.com'), `To: ${address}`],
      [signature('h=from:to:cc; l=11'), `To: ${address}`],
      [signature('l = 0; h=from:to:cc'), `To: ${address}`],
    ]) {
      assert.equal(await ends(...lines), 'discarded: spoofed', lines.join('\n'));
    }
    for (const lines of [
      [gmail, `To: ${address}`],
      [gmail, `To: Tracker <${address}>`, `Cc: ${address}`],
      [signature('h=from:to:cc'), mallory, `Cc: ${address}`],
      [signature('h=From : Subject :\r\n To; i=@example.com'), `To: ${address}`],
      [gmail, signature('h=from; l=3', 'evil.example'), `To: ${address}`],
      [gmail, signature('h=from', 'com'), `To: ${address}`],
    ]) {
      assert.equal(await ends(...lines), 'queued', lines.join('\n'));
    }
  });

  it("is posted, whatever was signed, where SPF shows that it came from the domain's own hosts", async (t) => {
    const { test, address } = await site(t);
    const results = (spf: string): string =>
      `Authentication-Results: mx.example.org; dmarc=pass header.from=example.com; spf=${spf}`;
    const gmail = 'DKIM-Signature: v=1; d=example.com; s=s1; h=to:subject:from; bh=AAAA; b=AAAA';
    const rest = [PASS[1]!, gmail, 'To: bob@example.com', `Cc: ${address}`];
    for (const [spf, verdict] of [
      ['pass smtp.mailfrom=alice@example.com', 'queued'],
      ['pass smtp.mailfrom=mallory@evil.example', 'discarded: spoofed'],
      ['pass smtp.mailfrom=alice@x.example.com', 'discarded: spoofed'],
      ['fail smtp.mailfrom=alice@example.com', 'discarded: spoofed'],
      ['pass smtp.helo=example.com', 'discarded: spoofed'],
    ] as const) {
      assert.equal(await send(test, address, message([results(spf), ...rest])), verdict, spf);
    }
  });

  it('is handled as spoofed mail is: held, flagged or told by the log', async (t) => {
    const to = 'To: mallory@evil.example';
    const held = await site(t, { spoofed: 'hold' });
    assert.equal(await held.ends(to), 'held');
    const flagging = await site(t, { spoofed: 'flag' });
    assert.equal(await flagging.ends(to), 'held');
    const { test, address } = await site(t, { senderPolicy: 'flag' });
    assert.equal(await arrive(test, address, [to]), 'queued');
    const [item] = await test.store.lease({ now: START * 1000, leaseMs: 1, limit: 1 });
    assert.deepEqual(item?.authentication, { policy: 'flag', result: 'fail' });
  });

  it('is posted where the site does not look, or trusts the token alone', async (t) => {
    for (const options of [{ addressed: 'off' }, { senderPolicy: 'off' }] as const) {
      const { ends } = await site(t, options);
      assert.equal(await ends('To: mallory@evil.example'), 'queued');
    }
  });

  it('is not posted by a bound address with its id on top', async (t) => {
    const { test } = await site(t);
    const { address, messageId } = test.bound();
    const id = `In-Reply-To: <${messageId}>`;
    assert.equal(await arrive(test, address, [id, 'To: mallory@evil.example']), 'discarded: spoofed');
    assert.equal(await arrive(test, address, [id, `To: ${address}`]), 'queued');
  });
});

it('a token of another nonce for the same post is another address', async (t) => {
  const { test } = await site(t);
  const { address, messageId } = test.bound();
  const key = userKey(Buffer.alloc(32, 7), test.alice.salts[0]!.salt);
  const minting = { userNumber: test.alice.number, nonce: Buffer.alloc(4, 9), messageId };
  const other = `reply+${mintBoundToken(key, minting)}@${FORM.domain}`;
  const lines = [`In-Reply-To: <${messageId}>`, `To: ${other}`];
  assert.equal(await arrive(test, address, lines), 'discarded: spoofed');
  assert.equal(await arrive(test, other, lines), 'queued');
});
