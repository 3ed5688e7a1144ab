import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeWords } from '../../src/mail/encoded-word.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { parseFrom, parseMailboxList, senderOf } from '../../src/mail/mailbox.ts';
import { shortestMs } from '../support/elapsed.ts';

function read(value: string): string {
  const from = parseFrom(value);
  return from.ok ? `${from.mailbox.name}|${from.mailbox.address}` : from.problem;
}

function assertAll(expected: Record<string, string>): void {
  for (const [value, result] of Object.entries(expected)) assert.equal(read(value), result, value);
}

describe('a From field with one mailbox (RFC 5322 §3.4)', () => {
  it('gives its address and display name', () => {
    assertAll({
      'alice@example.com': '|alice@example.com',
      '<alice@example.com>': '|alice@example.com',
      'Alice Example <alice@example.com>': 'Alice Example|alice@example.com',
      '"Example, Alice" <alice@example.com>': 'Example, Alice|alice@example.com',
      'John Q. Public <john@example.com>': 'John Q. Public|john@example.com',
      'alice@example.com (Alice Example)': 'Alice Example|alice@example.com',
      '  alice@example.com  ': '|alice@example.com',
    });
  });

  it('folds the case of the domain and never of the local part', () => {
    assertAll({ 'Alice@EXAMPLE.Com': '|Alice@example.com' });
  });

  it('spells a local part without needless quotes', () => {
    assertAll({
      '"alice"@example.com': '|alice@example.com',
      '"al"."ice"@example.com': '|al.ice@example.com',
      '"al ice"@example.com': '|"al ice"@example.com',
      '"al\\"ice"@example.com': '|"al\\"ice"@example.com',
      '"a@b"@example.com': '|"a@b"@example.com',
    });
  });

  it('skips comments wherever they stand, nested ones too', () => {
    assertAll({
      'Pete(A wonderful \\) chap) <pete(his account)@silly.test(his host)>': 'Pete|pete@silly.test',
      '(a (b (c))) alice@example.com': '|alice@example.com',
      'alice(x)@(y)example.com': '|alice@example.com',
    });
  });
});

describe('obsolete forms (RFC 5322 §4.4)', () => {
  it('lose their route and their white space', () => {
    assertAll({
      '<@relay.example,@other.example:alice@example.com>': '|alice@example.com',
      'alice @ example . com': '|alice@example.com',
      'a . lice@example.com': '|a.lice@example.com',
      'alice@example.com,': '|alice@example.com',
    });
  });
});

describe('internationalised addresses (RFC 6532, RFC 5890)', () => {
  it('keep their local part and carry their domain as A-labels', () => {
    assertAll({
      'Jürgen <jürgen@münchen.example>': 'Jürgen|jürgen@xn--mnchen-3ya.example',
      'a@MÜNCHEN.example': '|a@xn--mnchen-3ya.example',
      'a@xn--mnchen-3ya.example': '|a@xn--mnchen-3ya.example',
    });
  });

  it('with invisible characters are refused', () => {
    for (const character of [
      '\u200b',
      '\u202e',
      '\u00ad',
      '\u2066',
      '\ufffd',
      '\u00a0',
      '\u0000',
      '\u0085',
    ]) {
      assert.equal(read(`al${character}ice@example.com`), 'syntax', JSON.stringify(character));
      assert.equal(read(`alice@exa${character}mple.com`), 'syntax', JSON.stringify(character));
    }
  });
});

describe('a From field that names no single sender', () => {
  it('says why', () => {
    assertAll({
      '': 'none',
      '<>': 'none',
      'MAILER-DAEMON <>': 'none',
      '(only a comment)': 'none',
      'a@example.com, b@example.com': 'several',
      'A <a@example.com>, B <b@example.com>': 'several',
      'Friends: a@example.com;': 'group',
      'Friends: a@example.com, b@example.com;': 'group',
      'undisclosed-recipients:;': 'group',
    });
  });

  it('is a syntax error where readers could differ', () => {
    const broken = ['alice', 'alice@', '@example.com', 'alice@example.com bob@example.com', 'a@b@example.com']
      .concat(
        'alice@example.com <mallory@evil.example>',
        'Doe, mallory@evil.example <john@example.com>',
        'mallory@evil.example: John <john@example.com>',
        'Doe, John <john@example.com>, Mallory',
        'Doe, John <@evil.example:john@example.com>',
        'Doe, John (mallory@evil.example) <john@example.com>',
        'Doe, "mallory@evil.example" <john@example.com>',
        'Doe, John <john>',
        'Doe, John <john@example.com',
        '<alice@example.com',
      )
      .concat('alice@example.com>', 'Alice <alice@example.com> Smith', '<alice@example.com> <b@example.com>')
      .concat('alice.@example.com', '.alice@example.com', 'al..ice@example.com', 'alice@example..com')
      .concat('alice@.example.com', 'alice@example.com.', '"alice@example.com', '(alice@example.com')
      .concat('a: b: c@example.com;;', 'Friends: a@example.com', 'alice@exam!ple.com', '\\alice@example.com');
    for (const value of broken) assert.equal(read(value), 'syntax', value);
  });

  it('is one author where a name is not quoted as it should be, before the only address', () => {
    const names = ['Ann @ Acme', 'Ann; Acme', 'Ann (Acme', 'Ann Acme)', 'Ann "Nick', 'Ann [Acme]'].concat(
      'Acme: Ann, Ben; Eve',
      'Ann (Acme) (Sales), Ltd',
      'john@example.com [Acme]',
    );
    for (const name of names)
      assert.equal(read(`${name} <john@example.com>`), `${name}|john@example.com`, name);
  });

  it('is a syntax error where such a name shows another address, encoded or in pieces', () => {
    const others = [
      'm @ evil.example',
      'm@(c)evil.example',
      '"m"@evil.example',
      '[m@evil.example]',
      '"m @ evil',
    ].concat(
      'john@example.com [Acme] Ann; x',
      'john@example.com: x',
      'm@evil . example',
      '@evil.example:',
      '"=?utf-8?q?m=40evil.example?=',
      '<m@evil.example> "',
      '<> "x',
    );
    for (const other of others) assert.equal(read(`${other} <john@example.com>`), 'syntax', other);
  });

  it('is none for a name whose commas and colons nobody quoted, before the only address', () => {
    assertAll({
      'Doe, John <john@example.com>': 'Doe, John|john@example.com',
      'Doe, John, Dr.<john@example.com>': 'Doe, John, Dr.|john@example.com',
      '=?utf-8?q?M=C3=BCller?=, John <john@Example.com>': 'Müller, John|john@example.com',
      'Example Racing: Electronics <john@example.com>': 'Example Racing: Electronics|john@example.com',
      'john@example.com <john@example.com>': 'john@example.com|john@example.com',
      "'John@Example.com' <john@example.com>": "'John@Example.com'|john@example.com",
    });
  });

  it('has too many addresses beyond 1,000', () => {
    assert.equal(read(Array(1000).fill('a@b.example').join()), 'several');
    assert.equal(read(Array(1001).fill('a@b.example').join()), 'too-many');
  });
});

describe('senderOf', () => {
  const sender = (...fields: string[]): string => {
    const scan = scanHeader(Buffer.from(`${fields.join('\r\n')}\r\n\r\n`));
    assert.ok(scan.ok);
    const from = senderOf(scan.header);
    return from.ok ? from.mailbox.address : from.problem;
  };

  it('wants exactly one From field', () => {
    assert.equal(sender('From: a@example.com'), 'a@example.com');
    assert.equal(sender('To: a@example.com'), 'none');
    assert.equal(sender('From: a@example.com', 'From: a@example.com'), 'several');
    assert.equal(sender('From: a@example.com', 'FROM : b@example.com'), 'several');
  });
});

describe('encoded-words (RFC 2047)', () => {
  it('are decoded in display names', () => {
    assertAll({
      '=?UTF-8?Q?J=C3=BCrgen_M?= <j@example.com>': 'Jürgen M|j@example.com',
      '=?iso-8859-1?q?J=FCrgen?= <j@example.com>': 'Jürgen|j@example.com',
      '"=?windows-1251?B?wPLo6u7iYQ==?=" <j@example.com>': 'Атиковa|j@example.com',
      '=?UTF-8*de?B?SsO8cmdlbg==?= <j@example.com>': 'Jürgen|j@example.com',
    });
  });

  it('are joined across white space, and across a character that was cut', () => {
    assert.equal(decodeWords('=?utf-8?B?SsM=?= =?utf-8?B?vHJnZW4=?='), 'Jürgen');
    assert.equal(decodeWords('=?utf-8?q?a?= =?iso-8859-1?q?=FC?='), 'aü');
    assert.equal(decodeWords('=?utf-8?q?a?= b =?utf-8?q?c?='), 'a b c');
  });

  it('are windows-1252 where they say Latin-1, also on a Node whose decoder has no curly quotes', () => {
    assert.equal(decodeWords('=?windows-1252?q?=93a=94_=80_5?='), '“a” € 5');
    assert.equal(decodeWords('=?iso-8859-1?b?lGGU?='), '”a”');
  });

  it('of unknown charsets stay as they are written', () => {
    assert.equal(decodeWords('=?x-nobody?q?abc?='), '=?x-nobody?q?abc?=');
  });

  it('are read by what their bytes show, under a wrong label or one that says nothing', () => {
    assert.equal(decodeWords('=?iso-8859-1?q?Gr=C3=BC=C3=9Fe_an_alle?='), 'Grüße an alle');
    assert.equal(decodeWords('=?utf-8?q?Gr=FC=DFe?='), 'Grüße');
    assert.equal(decodeWords('=?x-unknown?q?=D0=94=D0=B0?='), 'Да');
    assert.equal(decodeWords('=?iso-2022-jp?b?GyRCRnwbKEIbJChEMCEbKEI=?='), '日丂');
    assert.equal(decodeWords('=?gb2312?b?xOOBOe8wusM=?='), '你㐁好');
  });

  it('never bring in control or bidirectional characters', () => {
    assert.equal(decodeWords('=?utf-8?q?a=0D=0ABcc:_x=00=1B[31m?='), 'a Bcc: x[31m');
    assert.equal(decodeWords('=?utf-8?B?4oCuZ25wLmV4ZQ==?='), 'gnp.exe');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(decodeWords(text), /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });

  it('hold no address', () => {
    assertAll({
      '=?utf-8?q?alice=40example.com?= <mallory@evil.example>': 'alice@example.com|mallory@evil.example',
      '=?utf-8?q?alice=40example.com?=': 'syntax',
      '=?utf-8?q?alice?=@example.com': 'syntax',
      'alice@=?utf-8?q?example.com?=': 'syntax',
      '<=?utf-8?q?alice=40example.com?=>': 'syntax',
    });
  });
});

describe('any value', () => {
  it('gives an address with one domain, or a problem, and never an exception', () => {
    const characters = fc.constantFrom(
      'a',
      '@',
      '.',
      '<',
      '>',
      '"',
      '(',
      ')',
      ',',
      ':',
      ';',
      '\\',
      ' ',
      '[',
      ']',
      'ü',
      '\n',
    );
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 40 }), (value) => {
        const from = parseFrom(value);
        if (!from.ok) return;
        const { address, domain } = from.mailbox;
        assert.ok(address.endsWith(`@${domain}`));
        assert.deepEqual(parseFrom(address), { ok: true, mailbox: { address, domain, name: '' } });
      }),
      { numRuns: 2000 },
    );
  });

  it('of 1 MB costs less than 250 ms', () => {
    const megabyte = 1 << 20;
    const fill = (text: string): string => text.repeat(megabyte / text.length);
    const units = [
      'g:',
      'a,',
      ',',
      '<',
      '(',
      ')',
      '"',
      '\\',
      'a ',
      '.',
      'a.',
      '"" ',
      '@a,',
      '=?a?q?',
      '=?utf-8?q?a?= ',
      '=?x?q?a?= ',
      'a@b.c,',
      ' ',
      '<@a:',
      '()',
      '\ud800',
    ];
    for (const unit of units) {
      for (const value of [fill(unit), `"${fill(unit)}" <a@b.example>`, `a@b.example (${fill(unit)}`]) {
        const elapsed = shortestMs(250, () => {
          parseMailboxList(value);
          decodeWords(value);
        });
        assert.ok(elapsed < 250, `${JSON.stringify(value.slice(0, 20))}: ${elapsed.toFixed(0)} ms`);
      }
    }
  });

  it('with a long name before its address costs less than 250 ms', () => {
    for (const unit of ['a', 'a ', 'a,', ',', ':', "'", '@', 'a@b ', '=?a?q?', 'a@', '\u00a0']) {
      const value = `x, ${unit.repeat(100_000 / unit.length)} <a@b.example>`;
      const elapsed = shortestMs(250, () => parseFrom(value));
      assert.ok(elapsed < 250, `${JSON.stringify(unit)}: ${elapsed.toFixed(0)} ms`);
    }
  });
});
