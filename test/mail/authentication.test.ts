import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { judgeSender, type SenderVerdict } from '../../src/mail/authentication.ts';
import { parseAuthenticationResults } from '../../src/mail/authentication-results.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { senderOf } from '../../src/mail/mailbox.ts';
import type { Trust } from '../../src/mail/results-place.ts';
import { shortestMs } from '../support/elapsed.ts';

const TRUST: Trust = { authservId: 'mx.example.org' };
const RECEIVED = 'Received: from out.example.com by mx.example.org (Postfix) with ESMTPS id 4Xabc';
const FROM = 'From: Alice <alice@example.com>';
const PASS = 'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com';

/** The verdict on a message of these fields, or why its From names no sender. */
function verdictOn(fields: readonly string[], trust = TRUST): SenderVerdict | string {
  const scan = scanHeader(Buffer.from(`${fields.join('\r\n')}\r\n\r\n`));
  assert.ok(scan.ok);
  const from = senderOf(scan.header);
  return from.ok ? judgeSender(scan.header, from.mailbox, trust) : from.problem;
}

/** Whether a strict site would post these fields as Alice, whose only address is alice@example.com. */
function postsAsAlice(fields: readonly string[]): boolean {
  const scan = scanHeader(Buffer.from(`${fields.join('\r\n')}\r\n\r\n`));
  if (!scan.ok) return false;
  const from = senderOf(scan.header);
  if (!from.ok || from.mailbox.address !== 'alice@example.com') return false;
  return judgeSender(scan.header, from.mailbox, TRUST).result === 'pass';
}

function judge(results: string): SenderVerdict {
  const verdict = verdictOn([`Authentication-Results: mx.example.org; ${results}`, RECEIVED, FROM]);
  assert.ok(typeof verdict !== 'string');
  return verdict;
}

describe('the grammar of Authentication-Results (RFC 8601 §2.2)', () => {
  const parse = (value: string): unknown => {
    const field = parseAuthenticationResults(value);
    return field?.results.map(({ method, result, properties }) => [
      method,
      result,
      Object.fromEntries(properties),
    ]);
  };

  it('reads the examples of RFC 8601 appendix B', () => {
    assert.deepEqual(parse('example.org 1; none'), []);
    assert.deepEqual(parse('example.com;\tspf=pass smtp.mailfrom=example.net'), [
      ['spf', 'pass', { 'smtp.mailfrom': 'example.net' }],
    ]);
    assert.deepEqual(
      parse(
        'example.com; sender-id=fail header.from=example.com; dkim=pass (good signature) header.d=example.com',
      ),
      [
        ['sender-id', 'fail', { 'header.from': 'example.com' }],
        ['dkim', 'pass', { 'header.d': 'example.com' }],
      ],
    );
    const strange =
      "foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = (wait for it) fail policy (A dot can go here) . (like that) expired (this surprised me) = (as I wasn't expecting it) 1362471462";
    assert.deepEqual(parse(strange), [['dkim', 'fail', { 'policy.expired': '1362471462' }]]);
  });

  it('reads what large providers write', () => {
    assert.deepEqual(
      parse(
        'mx.google.com; dkim=pass header.i=@example.com header.s=s1 header.b="ab/c+d="; arc=pass (i=2 spf=pass spfdomain=a.b);',
      ),
      [
        ['dkim', 'pass', { 'header.i': '@example.com', 'header.s': 's1', 'header.b': 'ab/c+d=' }],
        ['arc', 'pass', {}],
      ],
    );
    assert.deepEqual(parse('mx; dmarc=pass action=none header.from=example.com;compauth=pass reason=100'), [
      ['dmarc', 'pass', { action: 'none', 'header.from': 'example.com' }],
      ['compauth', 'pass', { reason: '100' }],
    ]);
  });

  it('keeps a quoted local part whole', () => {
    assert.deepEqual(parse('mx; spf=pass smtp.mailfrom="a; dmarc=pass"@evil.example'), [
      ['spf', 'pass', { 'smtp.mailfrom': 'a; dmarc=pass@evil.example' }],
    ]);
    assert.deepEqual(parse('mx; spf=none smtp.mailfrom=""'), [['spf', 'none', { 'smtp.mailfrom': '' }]]);
  });

  it('doubts a field that breaks it, and takes nothing from versions it does not know', () => {
    for (const nobodys of ['', '; dkim=pass', 'spf=pass (sender IP is 192.0.2.1)'])
      assert.equal(parseAuthenticationResults(nobodys), undefined, nobodys);
    const broken = ['mx dkim=pass', 'mx; dkim', 'mx; dkim=', 'mx; =pass', 'mx; dkim=pass (open']
      .concat('mx; dkim=pass header.d="open', 'mx; dkim=pass header.d')
      .concat('mx; dkim=pass header.d=a.b header.d=c.d', 'mx; dkim=pass )');
    for (const value of broken) {
      assert.deepEqual(parse(value), [], value);
      assert.ok(parseAuthenticationResults(value)?.doubt, value);
    }
    for (const value of ['mx; dkim/2=pass header.d=a.b', 'mx 2; dkim=pass header.d=a.b'])
      assert.deepEqual(parseAuthenticationResults(value), { authservId: 'mx', results: [] }, value);
  });
});

describe('DMARC (RFC 7489)', () => {
  it('decides where it has a verdict on the From domain', () => {
    assert.deepEqual(judge('dmarc=pass header.from=example.com'), {
      result: 'pass',
      method: 'dmarc',
      reason: 'dmarc=pass for example.com',
    });
    assert.equal(judge('dmarc=pass (p=REJECT) header.from=EXAMPLE.com').result, 'pass');
    assert.equal(judge('dmarc=fail header.from=example.com; dkim=pass header.d=example.com').result, 'fail');
  });

  it('fails a From of which our filter read another author', () => {
    const verdict = judge('dmarc=pass header.from=evil.example; dkim=pass header.d=example.com');
    assert.deepEqual(verdict, {
      result: 'fail',
      method: 'dmarc',
      cause: 'failed',
      reason: 'DMARC judged another domain than example.com',
    });
  });

  it('says nothing for a domain below the one that it names', () => {
    const fields = [PASS, RECEIVED, 'From: a@sub.example.com'];
    assert.equal((verdictOn(fields) as SenderVerdict).result, 'none');
  });

  it('leaves the verdict to DKIM and SPF where it has none', () => {
    assert.equal(judge('dmarc=none header.from=example.com; dkim=pass header.d=example.com').method, 'dkim');
    assert.equal(
      judge('dmarc=temperror header.from=example.com; spf=pass smtp.mailfrom=example.com').method,
      'spf',
    );
    assert.equal(judge('dmarc=none header.from=example.com').result, 'none');
  });

  it('is disbelieved when two of our fields disagree', () => {
    const fields = [
      PASS,
      'Authentication-Results: mx.example.org; dmarc=fail header.from=example.com',
      RECEIVED,
      FROM,
    ];
    assert.equal(postsAsAlice(fields), false);
  });
});

describe('alignment of DKIM and SPF', () => {
  it('takes the domain itself or one above it', () => {
    for (const results of [
      'dkim=pass header.d=example.com',
      'dkim=pass header.i=@example.com',
      'spf=pass smtp.mailfrom=x@example.com',
    ]) {
      assert.equal(judge(results).result, 'pass', results);
    }
    const fields = [
      'Authentication-Results: mx.example.org; dkim=pass header.d=example.com',
      RECEIVED,
      'From: a@sub.example.com',
    ];
    const verdict = verdictOn(fields);
    assert.ok(typeof verdict !== 'string');
    assert.equal(verdict.result, 'pass');
  });

  it('finds the aligned one among several results and several fields', () => {
    assert.equal(judge('dkim=pass header.d=list.example; dkim=pass header.d=example.com').result, 'pass');
    assert.equal(judge('dkim=fail header.d=example.com; dkim=pass header.d=example.com').result, 'pass');
    const fields = [
      'Authentication-Results: mx.example.org; spf=fail smtp.mailfrom=x@list.example',
      PASS,
      RECEIVED,
      FROM,
    ];
    assert.equal(postsAsAlice(fields), true);
  });

  it('knows an aligned failure from no result', () => {
    assert.equal(judge('dkim=fail header.d=example.com').result, 'fail');
    assert.equal(judge('dkim=fail header.d=list.example').result, 'none');
    assert.equal(judge('spf=softfail smtp.mailfrom=example.com').result, 'none');
  });

  it('compares internationalised domains as A-labels', () => {
    const fields = [
      'Authentication-Results: mx.example.org; dmarc=pass header.from=xn--mnchen-3ya.example',
      RECEIVED,
      'From: a@münchen.example',
    ];
    const verdict = verdictOn(fields);
    assert.ok(typeof verdict !== 'string');
    assert.equal(verdict.result, 'pass');
  });
});

describe('ARC (RFC 8617)', () => {
  it('is reported as our filter judged it and turns nothing into a pass', () => {
    const verdict = judge('dmarc=fail header.from=example.com; arc=pass (i=1)');
    assert.equal(verdict.arc, 'pass');
    assert.equal(verdict.result, 'fail');
  });

  it('is not read from the fields of the chain itself', () => {
    const chain = 'ARC-Authentication-Results: i=1; mx.example.org; dmarc=pass header.from=example.com';
    assert.equal(postsAsAlice([chain, RECEIVED, FROM]), false);
  });
});

describe('the place of a believed field (RFC 8601 §5)', () => {
  it('is above our topmost Received, in any case, folded or not', () => {
    assert.equal(postsAsAlice([PASS, RECEIVED, FROM]), true);
    assert.equal(postsAsAlice([PASS.replace('mx.example.org', 'MX.Example.ORG'), RECEIVED, FROM]), true);
    assert.equal(postsAsAlice([PASS.replace('mx.example.org', '"mx.example.org" 1'), RECEIVED, FROM]), true);
    assert.equal(postsAsAlice([PASS.replaceAll(' ', '\r\n\t'), RECEIVED, FROM]), true);
    assert.equal(postsAsAlice(['Delivered-To: x@reply.example.org', PASS, RECEIVED, FROM]), true);
  });

  it('passes by the topmost field that reports a method, and fails by any', () => {
    const field = (results: string): string => `Authentication-Results: mx.example.org; ${results}`;
    const fail = field('dmarc=fail header.from=example.com');
    for (const top of ['dmarc=none', 'dmarc=temperror header.from=example.com']) {
      assert.equal(postsAsAlice([field(top), PASS, RECEIVED, FROM]), false, top);
    }
    assert.equal(postsAsAlice([field('spf=none'), PASS, RECEIVED, FROM]), true);
    assert.equal(postsAsAlice([fail, PASS, RECEIVED, FROM]), false);
    assert.equal(postsAsAlice([PASS, fail, RECEIVED, FROM]), false);
  });

  it('may be below as many Received of ours as the site says', () => {
    const below = [RECEIVED, PASS, 'Received: from elsewhere', FROM];
    assert.equal(verdictOf(below, 0), 'none');
    assert.equal(verdictOf(below, 1), 'pass');
    assert.equal(verdictOf([RECEIVED, RECEIVED, PASS, FROM], 1), 'none');
  });

  it('needs the mark: without the Received of our own hosts nothing is believed', () => {
    const cause = (fields: string[], ownReceived = 0): string | undefined =>
      (verdictOn(fields, { ...TRUST, ownReceived }) as SenderVerdict).cause;
    assert.equal(cause([PASS, FROM]), 'no-received');
    assert.equal(cause([PASS, FROM], 1), 'no-received');
    assert.equal(cause([RECEIVED, PASS, FROM], 2), 'no-received');
    assert.equal(cause([RECEIVED, RECEIVED, PASS, FROM], 2), undefined);
  });

  it('is not below the mark of sendmail(1), where the author wrote the header', () => {
    const pickup = 'Received: by mx.example.org (Postfix, from userid 33)\r\n\tid 4Xabc; Fri, 20 Nov 2026';
    const below = verdictOn([pickup, PASS, FROM], { ...TRUST, ownReceived: 1 }) as SenderVerdict;
    assert.deepEqual([below.result, below.cause], ['none', 'local-submission']);
    assert.equal(verdictOf([PASS, 'Received: from a by mx.example.org', pickup, FROM], 0), 'pass');
  });

  it('is not below a Received that the author wrote beneath the mark of sendmail(1), however many are ours', () => {
    const pickup = 'Received: by mx.example.org (Postfix, from userid 33)\r\n\tid 4Xabc; Fri, 20 Nov 2026';
    for (const above of [
      [pickup, RECEIVED],
      [pickup, RECEIVED, RECEIVED],
      [RECEIVED, pickup, RECEIVED],
    ]) {
      const trust = { ...TRUST, ownReceived: above.length };
      const { result, cause } = verdictOn([...above, PASS, FROM], trust) as SenderVerdict;
      assert.deepEqual([result, cause], ['none', 'local-submission'], above.join('\n'));
    }
    assert.equal(verdictOf([RECEIVED, PASS, pickup, FROM], 1), 'pass');
  });

  it('is above that mark worth what a signature proves: for SPF there was no client', () => {
    const pickup = 'Received: by mx.example.org (Postfix, from userid 33); Fri, 20 Nov 2026';
    const field = (results: string): string => `Authentication-Results: mx.example.org; ${results}`;
    const above = (...results: string[]) =>
      verdictOn([...results.map(field), pickup, FROM], TRUST) as SenderVerdict;
    const dmarc = 'dmarc=pass header.from=example.com';
    const spf = 'spf=pass smtp.mailfrom=alice@example.com';
    const dkim = 'dkim=pass header.d=example.com';
    for (const results of [[dmarc], [spf], [dmarc, spf], [`${dmarc}; ${spf}`]])
      assert.deepEqual([above(...results).result, above(...results).cause], ['none', 'local-submission']);
    for (const results of [[dkim], [dmarc, dkim], [`${dkim}; ${dmarc}`]])
      assert.deepEqual([above(...results).result, above(...results).method], ['pass', 'dkim']);
    assert.equal(above(`${dkim}; dmarc=fail header.from=example.com`).result, 'fail');
    assert.equal(above('dkim=pass header.d=evil.example', dmarc).result, 'none');
  });

  function verdictOf(fields: string[], ownReceived: number): string {
    const verdict = verdictOn(fields, { ...TRUST, ownReceived });
    return typeof verdict === 'string' ? verdict : verdict.result;
  }
});

/** What Mallory sends; the field that her own server earned honestly is `HERS`. */
const HERS =
  'Authentication-Results: mx.example.org; dmarc=pass header.from=evil.example; dkim=pass header.d=evil.example; spf=pass smtp.mailfrom=mallory@evil.example';
const ours = (results: string): string[] => [
  `Authentication-Results: mx.example.org; ${results}`,
  RECEIVED,
  FROM,
];
const from = (value: string): string[] => [HERS, RECEIVED, `From: ${value}`];

const FORGERIES: Record<string, string[]> = {
  'no field at all': [RECEIVED, FROM],
  'a field below our Received': [RECEIVED, PASS, FROM],
  'a field below our Received, hers above': [HERS, RECEIVED, PASS, FROM],
  'a field at the very end': [HERS, RECEIVED, FROM, 'Subject: x', PASS],
  'a field between her own forged Received': [HERS, RECEIVED, PASS, RECEIVED, PASS, FROM],
  'a field of another id above': [
    'Authentication-Results: mx.evil.example; dmarc=pass header.from=example.com',
    RECEIVED,
    FROM,
  ],
  'an id that starts like ours': [
    PASS.replace('mx.example.org', 'mx.example.org.evil.example'),
    RECEIVED,
    FROM,
  ],
  'an id that ends like ours': [PASS.replace('mx.example.org', 'a.mx.example.org'), RECEIVED, FROM],
  'our id in a comment': [PASS.replace('mx.example.org', '(mx.example.org) evil.example'), RECEIVED, FROM],
  'our id in look-alike letters': [PASS.replace('mx.example.org', 'mx.exаmple.org'), RECEIVED, FROM],
  'our id as the version': [PASS.replace('mx.example.org', 'evil.example mx.example.org'), RECEIVED, FROM],
  'no id': ['Authentication-Results: dmarc=pass header.from=example.com', RECEIVED, FROM],
  'another field name': [PASS.replace('Authentication-Results', 'X-Authentication-Results'), RECEIVED, FROM],
  'the original results of a forwarder': [
    PASS.replace('Authentication', 'Original-Authentication'),
    RECEIVED,
    FROM,
  ],
  'white space before the colon': [PASS.replace(':', ' :'), RECEIVED, FROM],
  'a blank line after the colon': [PASS.replace(': ', ':\r\n \r\n\t'), RECEIVED, FROM],
  'a line of a tab within': [PASS.replace('; ', ';\r\n\t\r\n '), RECEIVED, FROM],
  'a folded field below': [RECEIVED, PASS.replaceAll(' ', '\r\n '), FROM],
  'a pass within a comment': ours('dmarc=fail (dmarc=pass header.from=example.com) header.from=example.com'),
  'a pass within a nested comment': ours('none (x (y) ; dmarc=pass header.from=example.com)'),
  'a pass within a quoted local part': ours(
    'spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com"@evil.example',
  ),
  'a pass within an open quoted string': ours(
    'spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com',
  ),
  'a pass after an open comment': ours(
    'spf=pass smtp.mailfrom=x(@evil.example; dmarc=pass header.from=example.com',
  ),
  'a pass within a reason': ours(
    'dmarc=fail reason="dmarc=pass header.from=example.com" header.from=example.com',
  ),
  'a pass as a property of another method': ours(
    'dkim=pass dmarc=pass header.from=example.com header.d=evil.example',
  ),
  'a second header.d': ours('dkim=pass header.d=evil.example header.d=example.com'),
  'a folded second result without a semicolon': ours(
    'spf=pass smtp.mailfrom=evil.example\r\n dmarc=pass header.from=example.com',
  ),
  'DMARC for her own domain': [HERS, RECEIVED, FROM],
  'DMARC without a domain': ours('dmarc=pass'),
  'DMARC for a domain below': ours('dmarc=pass header.from=sub.example.com'),
  'DMARC for a domain above': ours('dmarc=pass header.from=com'),
  'DMARC for a look-alike': ours('dmarc=pass header.from=example.com.evil.example'),
  'DKIM of a tenant below': ours('dkim=pass header.d=evil.example.com'),
  'DKIM of a domain that ends alike': ours('dkim=pass header.d=evilexample.com'),
  'DKIM of a whole top-level domain': ours('dkim=pass header.d=com'),
  'DKIM with a header.i of ours and a header.d of hers': ours(
    'dkim=pass header.i=alice@example.com header.d=evil.example',
  ),
  'DKIM that only says neutral': ours('dkim=neutral (pass) header.d=example.com'),
  'DKIM of an unknown version': ours('dkim/2=pass header.d=example.com'),
  'SPF of her bounce address': ours('spf=pass smtp.mailfrom=mallory@evil.example'),
  'SPF with our domain in the local part': ours('spf=pass smtp.mailfrom=alice@example.com@evil.example'),
  'SPF of the HELO name only': ours('spf=pass smtp.helo=example.com'),
  'SPF that softly failed': ours('spf=softfail smtp.mailfrom=alice@example.com'),
  'SPF of nobody': ours('spf=pass smtp.mailfrom=<>'),
  'Sender-ID and other methods': ours(
    'sender-id=pass header.from=example.com; auth=pass smtp.auth=alice; iprev=pass',
  ),
  'ARC alone': ours('arc=pass header.from=example.com'),
  'a reverse-path that closes the comment of rspamd 3.4': ours(
    'dmarc=none; spf=pass (mx: domain of "x) smtp.mailfrom=evil.example; dmarc=pass header.from=example.com; a=b (y@evil.example" designates 192.0.2.1 as permitted sender) smtp.mailfrom="x) smtp.mailfrom=evil.example; dmarc=pass header.from=example.com; a=b (y@evil.example"',
  ),
  'a signature whose b= opens a comment over dmarc=fail': ours(
    'dkim=permerror (x) header.d=evil.example header.b="\\\\"(AAAAA"; dmarc=fail (policy=reject) header.from=example.com; spf=pass (mx: domain of "y)) ; dmarc=pass header.from=example.com; a=b (z@evil.example" designates) smtp.mailfrom=evil.example',
  ),
  'a comment that swallows a fail': ours(
    'spf=pass (x ( y) smtp.mailfrom=evil.example; dmarc=fail (policy=none) header.from=example.com; a=b (z) ) ; dmarc=pass header.from=example.com',
  ),
  'a pass beside dmarc=none': ours('dmarc=none; dmarc=pass header.from=example.com'),
  'a second SPF result': ours('spf=fail smtp.mailfrom=evil.example; spf=pass smtp.mailfrom=example.com'),
  'a fail of no domain': ours('dmarc=fail; dkim=pass header.d=example.com'),
  'a quoted local part': ours('spf=pass smtp.mailfrom="alice"@example.com'),
  'a local part with two dots': ours('spf=pass smtp.mailfrom=a..b@example.com'),
  'a comment within a value': ours('spf=pass smtp.mailfrom=x(y)header.d=z; dkim=pass header.d=example.com'),
  'a field in doubt above a genuine one': [
    'Authentication-Results: mx.example.org; spf=none smtp.helo="a\\',
    PASS,
    RECEIVED,
    FROM,
  ],
  'a field in doubt below a genuine one': [
    PASS,
    'Authentication-Results: mx.example.org; spf=none smtp.helo="a;b"',
    RECEIVED,
    FROM,
  ],
  'a contradicting field of ours': [
    PASS,
    'Authentication-Results: mx.example.org; dmarc=fail header.from=example.com',
    RECEIVED,
    FROM,
  ],
  'two From fields, hers first': [HERS, RECEIVED, 'From: mallory@evil.example', FROM],
  'two From fields, hers last': [PASS, RECEIVED, FROM, 'From: mallory@evil.example'],
  'two From fields, one with a space before the colon': [PASS, RECEIVED, FROM, 'From : mallory@evil.example'],
  'two addresses': from('alice@example.com, mallory@evil.example'),
  'two addresses in the other order': from('mallory@evil.example, alice@example.com'),
  'a group': from('Friends: alice@example.com;'),
  'a group of one, authenticated': [PASS, RECEIVED, 'From: Friends: alice@example.com;'],
  'our address as her display name': from('alice@example.com <mallory@evil.example>'),
  'our address as her quoted display name': from('"alice@example.com" <mallory@evil.example>'),
  'our address with brackets as her display name': from('"<alice@example.com>" <mallory@evil.example>'),
  'our address in two pairs of brackets': from('<alice@example.com> <mallory@evil.example>'),
  'our address in a comment': from('mallory@evil.example (alice@example.com)'),
  'our address as an encoded-word': from('=?utf-8?q?alice=40example.com?= <mallory@evil.example>'),
  'our address as an encoded-word with its own brackets': from(
    '=?utf-8?q?Alice_=3Calice=40example.com=3E?= <mallory@evil.example>',
  ),
  'our address as nothing but an encoded-word': from('=?utf-8?b?YWxpY2VAZXhhbXBsZS5jb20=?='),
  'our address in her quoted local part': from('"alice@example.com"@evil.example'),
  'our address before her domain': from('alice@example.com@evil.example'),
  'our domain as her route': from('<@example.com:mallory@evil.example>'),
  'our address as her route': from('<alice@example.com:mallory@evil.example>'),
  'a look-alike domain': from('alice@exаmple.com'),
  'a look-alike domain that she authenticates': [
    PASS.replace('example.com', 'xn--exmple-4nf.com'),
    RECEIVED,
    'From: alice@exаmple.com',
  ],
  'an invisible character in the domain': from('alice@exam\u200bple.com'),
  'a NUL that ends the address for some': from('alice@example.com\0@evil.example'),
  'a bare CR that starts a new line for some': from('mallory@evil.example\rFrom: alice@example.com'),
  'our domain with a dot at its end': from('alice@example.com.'),
  'Sender and Reply-To of ours': [
    HERS,
    RECEIVED,
    'From: mallory@evil.example',
    'Sender: alice@example.com',
    'Reply-To: alice@example.com',
  ],
  'Resent-From of ours': [PASS, RECEIVED, 'Resent-From: alice@example.com', 'From: mallory@evil.example'],
};

/** A field that nobody can tell from the filter's own. */
const CLEAN = ours('spf=pass smtp.mailfrom=evil.example; dmarc=pass header.from=example.com; a=b c.d=e');
const signed = (tags: string): string[] => [...CLEAN, `DKIM-Signature: v=1; a=rsa-sha256; ${tags}`];

describe("a sender's text that a filter wrote without quotes", () => {
  const result = (fields: readonly string[], trust: Partial<Trust> = {}): string =>
    (verdictOn(fields, { ...TRUST, ...trust }) as SenderVerdict).result;
  const heloOf = (helo: string): string[] =>
    CLEAN.toSpliced(
      1,
      1,
      `Received: from ${helo} (unknown [192.0.2.66])\r\n\tby mx.example.org (Postfix) with ESMTP id 4Xabc; Fri, 20 Nov 2026`,
    );

  it('is found in the reverse-path', () => {
    const paths = ['"x) ; dmarc=pass header.from=example.com; a=b (y"@evil.example', '"a;b"@evil.example'];
    for (const reversePath of paths) assert.equal(result(CLEAN, { reversePath }), 'fail', reversePath);
    for (const reversePath of ['', "o'brien+x=y@example.com", 'jörg@münchen.example', 'a..b@example.com'])
      assert.equal(result(CLEAN, { reversePath }), 'pass', reversePath);
  });

  it('is found in the tags of signatures, encoded or not', () => {
    for (const tags of [
      'd=evil.example; i=x=3B=20dmarc=3Dpass@evil.example',
      'd=evil.example; i=x=3\r\n B@evil.example',
      'd=evil.example; i="x y"@evil.example',
      'd=evil.example x(y; s=m',
      'd=evil.example; b=\\"(AAAA',
      'd=evil.example; I=x=28@evil.example; i=@evil.example',
    ])
      assert.equal(result(signed(tags)), 'fail', tags);
    for (const tags of [
      'c=relaxed/simple; d=example.com; s=2024_a-b; t=1; x=2; h=From:To:\r\n\tSubject; bh=ab/c+d=; b=AB/c+\r\n\td==; ',
      'd=example.com; i=bounce=2Bx=3Dy@example.com; z=Subject:=20(x);',
      'd=example.com; i=@example.com; q=dns/txt; l=10',
    ])
      assert.equal(result(signed(tags)), 'pass', tags);
  });

  it('is found in HELO, by what Postfix makes of it in Received', () => {
    for (const helo of [
      ...[
        'x????spf=pass?smtp.mailfrom=alice?example.com?',
        'x) dmarc=pass (y',
        'x (a [192.0.2.1]) header.d=b',
      ],
      ...['x; dmarc=pass', 'x by y', 'x\\', '"x y"', 'x header.d=example.com'],
    ])
      assert.equal(result(heloOf(helo)), 'fail', helo);
    for (const helo of ['mail.example.com', '[192.0.2.1]', '[IPv6:2001:db8::1]', 'WIN-A_B', 'localhost'])
      assert.equal(result(heloOf(helo)), 'pass', helo);
  });

  it('is not looked for in what Postfix itself writes there', () => {
    const received = [
      'from out.example.com (out.example.com [192.0.2.1]) (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256) (Client CN "mail.example.com", Issuer "R3" (verified OK)) by mx.example.org (Postfix) with ESMTPS id 4XyZ1k3Qz2z9sT for <reply+x@reply.example.org>; Fri, 20 Nov 2026 09:00:00 +0000 (UTC)',
      'by mx.example.org (Postfix) id 4XyZ1k3Qz2z9sT; Fri, 20 Nov 2026 09:00:00 +0000 (UTC)',
      'from localhost (localhost [127.0.0.1]) by localhost (mx.example.org [127.0.0.1]) (amavisd-new, port 10024) with ESMTP id a-b_c for <reply+x@reply.example.org>; Fri, 20 Nov 2026 09:00:00 +0000 (UTC)',
    ];
    for (const value of received)
      assert.equal(result(CLEAN.toSpliced(1, 1, `Received: ${value}`)), 'pass', value);
  });
});

describe('forged senders', () => {
  it('are at least forty', () => {
    assert.ok(Object.keys(FORGERIES).length >= 40);
  });

  for (const [trick, fields] of Object.entries(FORGERIES)) {
    it(`are refused with ${trick}`, () => {
      assert.equal(postsAsAlice(fields), false);
    });
  }
});

/** What filters write of an honest sender, with the characters that are usual there. */
const GENUINE: Record<string, string> = {
  'rspamd 3.4':
    'dkim=pass header.d=example.com header.s=s1 header.b="ab/c+d="; dmarc=pass (policy=reject) header.from=example.com; spf=pass (mx.example.org: domain of alice@example.com designates 192.0.2.1 as permitted sender) smtp.mailfrom=alice@example.com',
  'rspamd, of a reverse-path with SRS':
    'dkim=pass header.d=example.com header.s=s1 header.b=abcdefgh; spf=pass (mx.example.org: domain of "SRS0=a/b+c=xx=example.net=alice@forward.example" designates 2001:db8::1 as permitted sender) smtp.mailfrom="SRS0=a/b+c=xx=example.net=alice@forward.example"; dmarc=pass (policy=none) header.from=example.com',
  'rspamd, with a second signature that is broken':
    'arc=pass ("google.com:s=arc-20160816:i=1"); dkim=fail ("headers rsa verify failed") header.d=list.example header.s=s header.b=AAAAAAAA; dkim=pass header.d=example.com header.s=s1 header.b=abcdefgh; dmarc=none',
  OpenDKIM:
    'dkim=pass (2048-bit key; unprotected) header.d=example.com header.i=@example.com header.a=rsa-sha256 header.s=s1 header.b=abcdefgh; dkim-atps=neutral',
  OpenDMARC: 'dmarc=pass (p=reject dis=none) header.from=example.com',
  'policyd-spf':
    'spf=pass (sender SPF authorized) smtp.mailfrom=example.com (client-ip=192.0.2.1; helo=out.example.com; envelope-from=alice@example.com; receiver=<UNKNOWN>)',
  Google:
    'dkim=pass header.i=@example.com header.s=s1 header.b="ab/c+d="; spf=pass (google.com: domain of alice@example.com designates 2001:db8::1 as permitted sender) smtp.mailfrom=alice@example.com; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.com',
  Microsoft:
    'spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.com; dkim=pass (signature was verified) header.d=example.com;dmarc=pass action=none header.from=example.com;compauth=pass reason=100',
  Yahoo:
    'dkim=pass header.i=@example.com header.s=s1; spf=pass smtp.mailfrom=example.com; dmarc=pass(p=REJECT) header.from=example.com;',
  Fastmail:
    'arc=none (no signatures found); bimi=skipped (DMARC Policy is not at enforcement); dkim=pass (2048-bit rsa key sha256) header.d=example.com header.i=@example.com header.b=ab/c+d= header.a=rsa-sha256 header.s=s1 x-bits=2048; dmarc=pass policy.published-domain-policy=none policy.applied-disposition=none policy.policy-from=p (p=none,d=none,d.eval=none) header.from=example.com; iprev=pass smtp.remote-ip=192.0.2.1 (out.example.com); spf=pass smtp.mailfrom=alice@example.com smtp.helo=out.example.com; x-ptr=pass smtp.helo=out.example.com policy.ptr=out.example.com; x-tls=pass smtp.version=TLSv1.3 smtp.cipher=TLS_AES_256_GCM_SHA384 smtp.bits=256/256',
  amavis:
    'dkim=pass (2048-bit key) reason="pass (just generated, assumed good)" header.d=example.com; dkim=fail (1024-bit key) reason="fail (message has been altered)" header.d=list.example',
  Exim: 'iprev=pass (out.example.com) smtp.remote-ip=192.0.2.1; spf=pass smtp.mailfrom=example.com; dkim=pass header.d=example.com header.s=s1 header.a=rsa-sha256; dmarc=pass header.from=example.com; arc=none',
};

describe('fields of real filters', () => {
  for (const [filter, results] of Object.entries(GENUINE)) {
    it(`are believed, as ${filter} writes them`, () => {
      assert.equal(postsAsAlice(ours(results)), true);
    });
  }

  it('are believed with the local parts that people have', () => {
    for (const local of ["o'brien", 'a+b', 'jörg', 'a.b-c_d', '=?x', 'x{y}|z~`^%$#!&*'])
      assert.equal(judge(`spf=pass smtp.mailfrom=${local}@example.com`).result, 'pass', local);
  });
});

describe('why nothing is believed', () => {
  const why = (fields: string[], ownReceived = 0): [string | undefined, string] => {
    const { cause, reason } = verdictOn(fields, { ...TRUST, ownReceived }) as SenderVerdict;
    return [cause, reason];
  };
  const other = PASS.replace('mx.example.org', 'gateway.example.net');

  it('is said in one of three wordings', () => {
    assert.deepEqual(why([RECEIVED, FROM]), ['no-results', 'no Authentication-Results at all']);
    assert.deepEqual(why([other, RECEIVED, FROM]), [
      'other-authserv-id',
      'sender.authserv_id is "mx.example.org"; the message has Authentication-Results of "gateway.example.net"',
    ]);
    assert.deepEqual(why([RECEIVED, RECEIVED, PASS, FROM]), [
      'below-received',
      'Authentication-Results of "mx.example.org" stands below 2 Received fields, sender.own_received is 0',
    ]);
  });

  it('is ours one Received too deep, or another id at the place, before what stands deeper', () => {
    assert.equal(why([other, RECEIVED, PASS, FROM])[0], 'below-received');
    assert.equal(why([other, RECEIVED, RECEIVED, PASS, FROM])[0], 'other-authserv-id');
    assert.equal(why([RECEIVED, RECEIVED, other, FROM])[0], 'no-results');
    assert.match(
      why([RECEIVED, RECEIVED, other, FROM])[1],
      /the topmost, of "gateway.example.net", stands below 2/,
    );
  });

  it('shows an id of a stranger cut and in ASCII', () => {
    const id = `"\u001b[31m ü${'x'.repeat(200)}"`;
    const [, reason] = why([PASS.replace('mx.example.org', id), RECEIVED, FROM]);
    assert.match(reason, /of "\?\[31m\?\?x{73}…"$/);
  });
});

describe('hostile fields', () => {
  it('never throw', () => {
    const characters = fc.constantFrom('m', 'x', ';', '=', '.', '"', '(', ')', '\\', ' ', '1', '/', '@', '<');
    fc.assert(
      fc.property(
        fc.string({ unit: characters, maxLength: 60 }),
        (value) => void parseAuthenticationResults(value),
      ),
      { numRuns: 2000 },
    );
  });

  it('of 1 MB cost less than 150 ms', () => {
    const results = ['a=b;', ' a.b=c', '(', '"', '""', '\\', ';', ' ', '=', 'x', '1', '("', '.', 'a=b c=d '];
    for (const unit of results) {
      const value = `mx; a=b ${unit.repeat((1 << 20) / unit.length)}`;
      const elapsed = shortestMs(150, () => {
        parseAuthenticationResults(value);
      });
      assert.ok(elapsed < 150, `${JSON.stringify(unit)}: ${elapsed.toFixed(0)} ms`);
    }
  });
});
