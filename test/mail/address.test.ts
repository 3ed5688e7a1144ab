import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  allForms,
  foldAddress,
  foldDomain,
  formatReplyAddress,
  matchRecipient,
  mintingForm,
  prefixFits,
  splitAddress,
  TOKEN_CHARS,
} from '../../src/mail/address.ts';

const TOKEN = 'aiaaaaaaaeaaaaaaafembnkx5gzx3zblz6ykp2ynxktemjsj';
const FORM = { prefix: 'reply+', domain: 'reply.example.org' };
const tokens = fc.string({
  unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz234567'),
  minLength: TOKEN_CHARS,
  maxLength: TOKEN_CHARS,
});

/** Some mixture of upper and lower case of the same text. */
function recase(text: string, upper: readonly boolean[]): string {
  return Array.from(text, (character, index) =>
    upper[index] === true ? character.toUpperCase() : character,
  ).join('');
}

describe('an address taken apart (RFC 5321 §4.1.2)', () => {
  it('has a local part, unquoted, and a domain', () => {
    const rows: [string, string, string][] = [
      ['alice@example.com', 'alice', 'example.com'],
      ['"al ice"@example.com', 'al ice', 'example.com'],
      ['"a@b"@example.com', 'a@b', 'example.com'],
      ['"a\\"b\\\\c"@example.com', 'a"b\\c', 'example.com'],
      ['""@example.com', '', 'example.com'],
      ['x@[192.0.2.1]', 'x', '[192.0.2.1]'],
      ['müller@bücher.example', 'müller', 'bücher.example'],
    ];
    for (const [address, localPart, domain] of rows) {
      assert.deepEqual(splitAddress(address), { localPart, domain }, address);
    }
  });

  it('is none without a local part, a domain or a closing quote', () => {
    for (const address of [
      '',
      '@',
      'alice',
      'alice@',
      '@example.com',
      '"@example.com',
      '"alice@example.com',
    ]) {
      assert.equal(splitAddress(address), undefined, address);
    }
  });
});

describe('domains and addresses made comparable', () => {
  it('fold case, a trailing dot and international labels (RFC 5890)', () => {
    const rows: [string, string][] = [
      ['Example.ORG', 'example.org'],
      ['example.org.', 'example.org'],
      ['BÜCHER.example', 'xn--bcher-kva.example'],
      ['xn--BCHER-kva.example', 'xn--bcher-kva.example'],
      ['bücher.example.', 'xn--bcher-kva.example'],
      ['bücher。example。', 'xn--bcher-kva.example'],
    ];
    for (const [domain, folded] of rows) assert.equal(foldDomain(domain), folded, domain);
    assert.equal(foldAddress('Alice@BÜCHER.example'), 'alice@xn--bcher-kva.example');
    assert.equal(foldAddress('Postmaster'), 'postmaster');
    assert.equal(foldAddress('Alice+Work@example.com'), 'alice+work@example.com');
    assert.equal(foldAddress('"Alice+a b"@example.com', 'ignore'), 'alice@example.com');
    assert.equal(foldAddress('+alice@example.com', 'ignore'), '+alice@example.com');
    // The Kelvin sign becomes an ASCII letter in lower case.
    assert.notEqual(foldAddress('\u212aate@example.com'), 'kate@example.com');
  });

  it('never run two texts together by reading one of them as a URL', () => {
    const others = ['/ü', ':80ü', ':ü', '?ü', '#ü', '\\ü', '%2Eü'];
    for (const rest of others) {
      assert.notEqual(foldDomain(`example.org${rest}`), 'example.org', rest);
      assert.notEqual(foldAddress(`alice@example.org${rest}`), 'alice@example.org', rest);
    }
    assert.notEqual(foldDomain('ü.example/a'), foldDomain('ü.example/b'));
    assert.notEqual(foldDomain('ü%61.example'), foldDomain('üa.example'));
    assert.notEqual(foldDomain('ü\t.example'), foldDomain('ü.example'));
  });

  it('cost time in proportion to their length', () => {
    // A field of a message may be 100 KiB of anything, and A-labels are dear.
    const ideographs = Array.from({ length: 100_000 }, (_, n) =>
      String.fromCodePoint(0x4e00 + ((n * 7919) % 20_000)),
    );
    for (const domain of [ideographs.join(''), `${'ü'.repeat(100_000)}/`, '.'.repeat(100_000)]) {
      const started = process.cpuUsage();
      for (let round = 0; round < 20; round++) foldDomain(domain);
      assert.ok(process.cpuUsage(started).user < 1_000_000, domain.slice(0, 10));
    }
  });

  it('fold to themselves once folded', () => {
    const labels = fc.string({ unit: fc.constantFrom(...'aZ9-üß中K'), minLength: 1, maxLength: 8 });
    const dots = fc.constantFrom('.', '。');
    fc.assert(
      fc.property(labels, dots, labels, fc.constantFrom('', '.', '。'), (one, dot, two, end) => {
        const folded = foldDomain(one + dot + two + end);
        assert.equal(foldDomain(folded), folded);
      }),
    );
  });
});

describe('a reply address', () => {
  it('carries its token there and back, in any mixture of cases', () => {
    fc.assert(
      fc.property(
        tokens,
        fc.constantFrom('reply+', 'mycorp-inbound+', 'R.', ''),
        fc.array(fc.boolean(), { maxLength: 90 }),
        (token, prefix, upper) => {
          const form = { ...FORM, prefix };
          const address = recase(formatReplyAddress(form, token), upper);
          assert.deepEqual(matchRecipient([form], address), { kind: 'token', token });
        },
      ),
    );
  });

  it('is recognised with a quoted local part, a trailing dot and an international domain', () => {
    assert.equal(matchRecipient([FORM], `"reply+${TOKEN}"@reply.example.org.`).kind, 'token');
    const form = { prefix: 'reply+', domain: 'antwort.bücher.example' };
    assert.equal(matchRecipient([form], `reply+${TOKEN}@ANTWORT.xn--bcher-kva.example`).kind, 'token');
  });

  it('is one under every name that is listed, and of no domain that is not', () => {
    const names = { prefix: ['reply+', 'r.', ''], domain: ['new.example', 'Alt.Bücher.example'] } as const;
    assert.deepEqual(mintingForm(names), { prefix: 'reply+', domain: 'new.example' });
    assert.equal(mintingForm({ ...names, domain: [names.domain[1]] }).domain, 'alt.xn--bcher-kva.example');
    const forms = allForms(names);
    assert.equal(forms.length, 6);
    for (const prefix of names.prefix) {
      for (const domain of ['NEW.example', 'alt.xn--bcher-kva.example'])
        assert.deepEqual(matchRecipient(forms, `${prefix}${TOKEN}@${domain}`), {
          kind: 'token',
          token: TOKEN,
        });
      assert.deepEqual(matchRecipient(forms, `${prefix}${TOKEN}@old.example`), { kind: 'other-domain' });
    }
    assert.deepEqual(matchRecipient(forms, `x+${TOKEN}@new.example`), { kind: 'no-token' });
  });

  it('is none of another domain, however similar', () => {
    for (const domain of [
      'example.org',
      'sub.reply.example.org',
      'reply.example.org.evil',
      'reply.example.org/ü',
    ]) {
      assert.deepEqual(matchRecipient([FORM], `reply+${TOKEN}@${domain}`), { kind: 'other-domain' }, domain);
    }
  });

  it('is none with another prefix or length', () => {
    const locals = ['', 'postmaster', TOKEN, `reply-${TOKEN}`, `reply+${TOKEN}a`, `reply+${TOKEN.slice(1)}`];
    for (const local of [...locals, `reply+reply+${TOKEN}`, ` reply+${TOKEN}`, `reply+${'x'.repeat(1e6)}`]) {
      assert.deepEqual(
        matchRecipient([FORM], `${local}@reply.example.org`),
        { kind: 'no-token' },
        local.slice(0, 80),
      );
    }
    assert.deepEqual(matchRecipient([FORM], `reply+${TOKEN}`), { kind: 'no-token' });
  });

  it('fits a local part of 64 octets with a prefix of up to 16 (RFC 5321 §4.5.3.1.1)', () => {
    assert.ok(prefixFits(''));
    assert.ok(prefixFits('x'.repeat(16)));
    assert.ok(!prefixFits('x'.repeat(17)));
    assert.ok(!prefixFits('ü'.repeat(9)));
  });
});
