// Where a provider's fields have to stand: its results, what its spam filter says, and the reverse-path.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { scanHeader } from '../../src/mail/header.ts';
import { reversePathOf, UNKNOWN_PATH } from '../../src/sources/reverse-path.ts';
import { bring, fateOf, rulesOf, type Told } from './arriving.ts';
import { openGate, type TestGate } from './gate.ts';

const ALICE = 'From: Alice <alice@example.com>';
const INSIDE = 'Received: by 2002:a05:7300:1 with SMTP id a1csp1; Fri, 20 Nov 2026 01:15:00 -0800';
const EDGE =
  'Received: from x (x. [192.0.2.7]) by mx.google.com with ESMTPS id b3si1; Fri, 20 Nov 2026 01:15:00 -0800';
const THEIRS = 'Received: from localhost by out.example.net with ESMTPSA; Fri, 20 Nov 2026 10:14:00 +0100';
const AS_IF =
  'Received: from y (y. [192.0.2.9]) by mx.google.com with ESMTPS id f0rg; Fri, 20 Nov 2026 01:14:00 -0800';
const results = (text: string, id = 'mx.google.com'): string => `Authentication-Results: ${id}; ${text}`;
const PASS = results('dmarc=pass header.from=example.com');
const FAIL = results('dmarc=fail header.from=example.com');
const GMAIL: Told = { authservId: 'mx.google.com', ownReceived: 2 };

/** Brings a reply with these lines on top; gives what became of it. */
async function trial(
  t: TestContext,
  options: Parameters<typeof openGate>[1] = {},
): Promise<{
  test: TestGate;
  attempt: (told: Told, lines: readonly string[], site?: string) => Promise<string>;
}> {
  const test = await openGate(t, { senderPolicy: 'strict', ...options });
  const address = await test.sealed();
  let uid = 0;
  return {
    test,
    attempt: async (told, lines, site) => {
      uid++;
      const rest = [ALICE, `To: ${address}`, `Message-ID: <reply-${uid}@client.example>`, '', 'I agree.', ''];
      const raw = Buffer.from([...lines, ...rest].join('\r\n'));
      return fateOf(await bring(test, { rules: rulesOf(told, site), raw, uid }));
    },
  };
}

describe('the results of a provider', () => {
  for (const [what, told, lines, expected] of [
    ['stand at the very place', GMAIL, [INSIDE, EDGE, PASS, THEIRS], 'queued'],
    ['stand higher, with fewer Received of the provider', GMAIL, [EDGE, PASS, THEIRS], 'queued'],
    ['stand on top of everything', GMAIL, [PASS, INSIDE, EDGE], 'queued'],
    ['stand one Received too deep', GMAIL, [INSIDE, INSIDE, EDGE, PASS], 'discarded: spoofed'],
    ['stand in a header without Received', GMAIL, [PASS], 'discarded: spoofed'],
    ['are a pass above a fail', GMAIL, [INSIDE, EDGE, PASS, FAIL], 'queued'],
    ['are a fail above a pass', GMAIL, [INSIDE, EDGE, FAIL, PASS], 'discarded: spoofed'],
    ['say nothing above a pass', GMAIL, [INSIDE, EDGE, results('none'), PASS], 'discarded: spoofed'],
    ['are broken above a pass', GMAIL, [INSIDE, EDGE, results('dmarc=pass ('), PASS], 'discarded: spoofed'],
    [
      'are of a later version above a pass',
      GMAIL,
      [INSIDE, EDGE, results('none', 'mx.google.com 2'), PASS],
      'discarded: spoofed',
    ],
    [
      'are of another id above a pass',
      GMAIL,
      [INSIDE, EDGE, results('none', 'mx2.google.com'), PASS],
      'discarded: spoofed',
    ],
    [
      'have no id above a pass',
      GMAIL,
      [INSIDE, EDGE, 'Authentication-Results: spf=none', PASS],
      'discarded: spoofed',
    ],
    [
      'have no id that any reader finds above a pass',
      GMAIL,
      [INSIDE, EDGE, 'Authentication-Results: ;', PASS],
      'discarded: spoofed',
    ],
    ['have a space before the colon', GMAIL, [INSIDE, EDGE, PASS.replace(':', ' :')], 'discarded: spoofed'],
    [
      'are written as by Exchange Online, which nobody said',
      GMAIL,
      [INSIDE, EDGE, 'Authentication-Results: dmarc=pass header.from=example.com'],
      'discarded: spoofed',
    ],
    ['are written by nobody who is believed', { ownReceived: 2 }, [INSIDE, EDGE, PASS], 'discarded: spoofed'],
    [
      'stand where sendmail(1) was called',
      GMAIL,
      ['Received: by mx.google.com (Postfix, from userid 33) id 4X; Fri, 20 Nov 2026', PASS],
      'discarded: spoofed',
    ],
  ] as const) {
    it(`${what}: ${expected}`, async (t) => {
      const { attempt } = await trial(t);
      assert.equal(await attempt(told, lines), expected);
    });
  }

  it("are a sender's, where the number is too large and the provider wrote none; own_hosts prevents it", async (t) => {
    const { attempt } = await trial(t);
    const forged = [INSIDE, EDGE, AS_IF, PASS];
    assert.equal(await attempt({ ...GMAIL, ownReceived: 3 }, forged), 'queued');
    const told = { ...GMAIL, ownReceived: 3, ownHosts: ['Google.com'] };
    assert.equal(await attempt(told, forged), 'discarded: spoofed');
    assert.equal(await attempt(told, [INSIDE, INSIDE, EDGE, PASS, AS_IF]), 'queued');
    assert.equal(await attempt(told, [INSIDE, THEIRS, PASS]), 'discarded: spoofed');
  });

  it('are found below the genuine Received, whatever a sender calls itself there', async (t) => {
    const { attempt } = await trial(t);
    const told = { ...GMAIL, ownReceived: 9, ownHosts: ['mx.google.com'] };
    for (const helo of ['by', 'by.example', '(by', 'x'.repeat(3000), 'by mx.evil.example']) {
      const edge = `Received: from ${helo} (x. [192.0.2.7]) by mx.google.com with ESMTPS id b3si1; Fri, 20 Nov 2026`;
      assert.equal(await attempt(told, [INSIDE, edge, AS_IF, PASS]), 'discarded: spoofed', helo);
      assert.equal(await attempt(told, [INSIDE, edge, PASS, AS_IF]), 'queued', helo);
    }
  });

  it('are not those of a look-alike of own_hosts', async (t) => {
    const { attempt } = await trial(t);
    for (const host of ['evil-mx.google.com', 'mx.google.com.evil.example', 'xmx.google.com', 'google.com']) {
      const told = { ...GMAIL, ownHosts: ['mx.google.com'] };
      assert.equal(
        await attempt(told, [EDGE.replace('by mx.google.com', `by ${host}`), PASS]),
        'discarded: spoofed',
        host,
      );
    }
  });

  it('of Exchange Online stand above the Received by which it took the mail in', async (t) => {
    const { attempt } = await trial(t);
    const told: Told = { authservId: 'none', ownReceived: 9, ownHosts: ['mail.protection.outlook.com'] };
    const inside = 'Received: from A.outlook.com (::1) by B.outlook.com with HTTPS; Fri, 20 Nov 2026';
    const edge =
      'Received: from x (192.0.2.7) by A.mail.protection.outlook.com with Microsoft SMTP Server; Fri, 20 Nov 2026';
    const pass =
      'Authentication-Results: spf=none (sender IP is 192.0.2.7) smtp.mailfrom=a.example; b.example; dkim=none (message not signed) header.d=none;b.example; dmarc=pass action=none header.from=example.com;compauth=pass reason=100';
    assert.equal(await attempt(told, [inside, inside, pass, edge]), 'queued');
    assert.equal(await attempt(told, [inside, inside, edge, pass]), 'discarded: spoofed');
    assert.equal(await attempt(told, [inside, inside, edge, edge, pass, edge]), 'discarded: spoofed');
    assert.equal(
      await attempt(told, [inside, inside, pass.replace('dmarc=pass', 'dmarc=fail'), edge, pass]),
      'discarded: spoofed',
    );
  });
});

describe("what a provider's spam filter says", () => {
  const told: Told = { ...GMAIL, spamHeaders: ['X-Spam-Flag'] };
  const mail = (...lines: readonly string[]): readonly string[] => [INSIDE, EDGE, PASS, ...lines];

  it("counts within the provider's part, and what becomes of it says [spam]", async (t) => {
    const { attempt } = await trial(t);
    const site = (action: string): string => `[spam]\nsource = "off"\naction = "${action}"`;
    assert.equal(await attempt(told, mail('X-Spam-Flag: YES'), site('hold')), 'held');
    assert.equal(await attempt(told, mail('X-Spam-Flag: YES'), site('discard')), 'discarded: spam');
    assert.equal(await attempt(told, mail('X-Spam-Flag: YES'), site('tag')), 'queued');
    assert.equal(await attempt(told, mail('X-Spam-Flag: NO'), site('hold')), 'queued');
  });

  it("a sender's own field neither makes spam of a mail nor hides that it is", async (t) => {
    const { attempt } = await trial(t);
    const site = '[spam]\nsource = "off"\naction = "hold"\nunchecked = "accept"';
    assert.equal(await attempt(told, mail(THEIRS, 'X-Spam-Flag: YES'), site), 'queued');
    assert.equal(
      await attempt(told, mail('X-Spam-Flag: YES', 'X-Spam-Flag: NO', THEIRS, 'X-Spam-Flag: NO'), site),
      'held',
    );
    const above = [INSIDE, 'X-Spam-Flag: YES', EDGE, PASS, 'X-Spam-Flag: NO'];
    assert.equal(await attempt(told, above, site), 'held');
  });

  it('that is missing leaves a mail unchecked; what would be put off is held', async (t) => {
    const { attempt } = await trial(t);
    const site = (unchecked: string): string => `[spam]\nsource = "spamd"\nunchecked = "${unchecked}"`;
    assert.equal(await attempt(told, mail(), site('accept')), 'queued');
    assert.equal(await attempt(told, mail(), site('hold')), 'held');
    assert.equal(await attempt(told, mail(), site('defer')), 'held');
  });

  it("is not asked of fields of the site, and of the site's spamd where there is no field", () => {
    const header = rulesOf(GMAIL, '[spam]\nsource = "header"\nheaders = ["X-Spam-Flag"]');
    assert.ok('spam' in header && header.spam === undefined);
    assert.equal('spam' in rulesOf(GMAIL, '[spam]\nsource = "spamd"'), false);
    assert.ok('spam' in rulesOf(GMAIL, '[spam]\nsource = "off"'));
  });
});

describe('the reverse-path of mail in a mailbox', () => {
  const of = (told: Told, lines: readonly string[]): string => {
    const scan = scanHeader(Buffer.from([...lines, ALICE, '', ''].join('\r\n')));
    assert.ok(scan.ok);
    return reversePathOf(scan.header, rulesOf(told));
  };
  const BOUNCE = 'Return-Path: <>';
  const exchange: Told = { authservId: 'none', ownReceived: 1 };
  for (const [what, told, lines, expected] of [
    ['on top, by Dovecot', { ownReceived: 1 }, ['Return-Path: <a@b.example>', EDGE], 'a@b.example'],
    ['without a Received of its own', {}, ['Return-Path: <a@b.example>', EDGE], 'a@b.example'],
    ['the null one', {}, [BOUNCE, EDGE], ''],
    ['between two Received of Gmail', GMAIL, [INSIDE, BOUNCE, EDGE, PASS], ''],
    ['without brackets', {}, ['Return-Path: a@b.example', EDGE], 'a@b.example'],
    ['the topmost of two', {}, ['Return-Path: <a@b.example>', BOUNCE, EDGE], 'a@b.example'],
    ['below the last Received of the provider', GMAIL, [INSIDE, EDGE, BOUNCE], UNKNOWN_PATH],
    ['far below', GMAIL, [INSIDE, EDGE, PASS, THEIRS, BOUNCE], UNKNOWN_PATH],
    ['below all Received', {}, [EDGE, BOUNCE], UNKNOWN_PATH],
    ['missing', GMAIL, [INSIDE, EDGE, PASS], UNKNOWN_PATH],
    ['in a header without Received', {}, [BOUNCE], UNKNOWN_PATH],
    ['with fewer Received than the provider writes', GMAIL, [BOUNCE, EDGE], UNKNOWN_PATH],
    ['with a space before its colon', {}, ['Return-Path : <>', EDGE], UNKNOWN_PATH],
    ['with words', {}, ['Return-Path: <> forged', EDGE], UNKNOWN_PATH],
    [
      'above an edge of own_hosts',
      { ...GMAIL, ownReceived: 9, ownHosts: ['mx.google.com'] },
      [INSIDE, BOUNCE, EDGE, ...Array.from({ length: 9 }, () => THEIRS)],
      '',
    ],
    [
      'below an edge of own_hosts',
      { ...GMAIL, ownReceived: 9, ownHosts: ['mx.google.com'] },
      [INSIDE, EDGE, BOUNCE, ...Array.from({ length: 9 }, () => THEIRS)],
      UNKNOWN_PATH,
    ],
    [
      'the null one that SPF names',
      exchange,
      [
        INSIDE,
        'Authentication-Results: spf=none (sender IP is ) smtp.mailfrom=<>;',
        EDGE,
        ALICE,
        'Return-Path: <x@b.example>',
      ],
      '',
    ],
    [
      'the one that SPF names',
      GMAIL,
      [INSIDE, EDGE, results('spf=pass smtp.mailfrom=a@b.example')],
      'a@b.example',
    ],
    [
      'of which SPF names the domain',
      exchange,
      [INSIDE, 'Authentication-Results: spf=none smtp.mailfrom=b.example', EDGE],
      UNKNOWN_PATH,
    ],
    [
      'the null one of results that are not believed',
      exchange,
      [INSIDE, EDGE, 'Authentication-Results: spf=none smtp.mailfrom=<>'],
      UNKNOWN_PATH,
    ],
  ] as readonly (readonly [string, Told, readonly string[], string])[]) {
    it(`${what}: ${expected === '' ? '<>' : expected}`, () => {
      assert.equal(of(told, lines), expected);
    });
  }

  it('makes a bounce of what has the null one, and none of a reply that has none', async (t) => {
    const { attempt } = await trial(t);
    assert.equal(await attempt(GMAIL, [INSIDE, BOUNCE, EDGE, PASS]), 'discarded: bounce');
    assert.equal(await attempt(GMAIL, [INSIDE, EDGE, PASS, THEIRS]), 'queued');
  });
});
