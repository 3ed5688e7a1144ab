import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  judgeSender,
  parseAuthenticationResults,
  type SenderVerdict,
  type Trust,
} from '../../src/mail/authentication.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { senderOf } from '../../src/mail/mailbox.ts';
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
    assert.deepEqual(parse('spf=pass (sender IP is 192.0.2.1)'), undefined);
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

  it('ignores a field that breaks it, and versions it does not know', () => {
    const broken = [
      '',
      '; dkim=pass',
      'mx dkim=pass',
      'mx; dkim',
      'mx; dkim=',
      'mx; =pass',
      'mx; dkim=pass (open',
    ]
      .concat('mx; dkim=pass header.d="open', 'mx; dkim=pass header.d', 'mx 2; dkim=pass header.d=a.b')
      .concat('mx; dkim=pass header.d=a.b header.d=c.d', 'mx; dkim=pass )');
    for (const value of broken) assert.equal(parseAuthenticationResults(value), undefined, value);
    assert.deepEqual(parse('mx; dkim/2=pass header.d=a.b'), []);
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
    assert.equal(postsAsAlice(['Delivered-To: x@reply.example.org', PASS, FROM]), true);
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
