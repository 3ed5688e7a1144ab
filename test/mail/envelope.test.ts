import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Parsed, parseMail, parseRcpt } from '../../src/mail/envelope.ts';
import { formatReply } from '../../src/mail/status.ts';

function refusal(parsed: Parsed<unknown>): string {
  return parsed.ok ? 'accepted' : formatReply(parsed.reply).slice(0, 9);
}

describe('MAIL FROM (RFC 5321 §4.1.1.2)', () => {
  it('gives the reverse-path and what its parameters say', () => {
    const rows: [string, string, number | undefined, boolean][] = [
      ['FROM:<alice@example.com>', 'alice@example.com', undefined, false],
      ['from:<alice@example.com>', 'alice@example.com', undefined, false],
      ['FROM: <alice@example.com>', 'alice@example.com', undefined, false],
      ['FROM:<>', '', undefined, false],
      ['FROM:<> SIZE=1234', '', 1234, false],
      ['FROM:<a@b.c> BODY=8BITMIME SIZE=0', 'a@b.c', 0, false],
      ['FROM:<a@b.c> body=7bit size=12 smtputf8', 'a@b.c', 12, true],
      ['FROM:<müller@bücher.example> SMTPUTF8', 'müller@bücher.example', undefined, true],
      ['FROM:<"a b"@c>', '"a b"@c', undefined, false],
      ['FROM:<"a>b\\">"@c> SIZE=1', '"a>b\\">"@c', 1, false],
      ['FROM:<@one,@two:alice@example.com>', 'alice@example.com', undefined, false],
      ['FROM:<a@[IPv6:2001:db8::1]>', 'a@[IPv6:2001:db8::1]', undefined, false],
      ['FROM:<a@b>  SIZE=1 ', 'a@b', 1, false],
    ];
    for (const [argument, reversePath, sizeBytes, smtpUtf8] of rows) {
      assert.deepEqual(
        parseMail(argument),
        { ok: true, value: { reversePath, sizeBytes, smtpUtf8 } },
        argument,
      );
    }
  });

  it('answers 501 5.1.7 to what is no path', () => {
    const broken = [
      '',
      'FROM',
      'FROM:',
      'FROM:alice@example.com',
      'FROM:<alice@example.com',
      'FROM <a@b>',
      'TO:<a@b>',
    ];
    const worse = [
      'FROM:<a b@c>',
      'FROM:<<a@b>>',
      'FROM:<a@b>SIZE=1',
      'FROM:<@b>',
      'FROM:<a@>',
      'FROM:<"a@b>',
    ];
    for (const argument of [
      ...broken,
      ...worse,
      'FROM:<a\r\n@b>',
      'FROM:<a\0@b>',
      `FROM:<${'a'.repeat(600)}@b>`,
    ]) {
      assert.equal(refusal(parseMail(argument)), '501 5.1.7', argument.slice(0, 40));
    }
  });

  it('answers 501 5.5.4 to a parameter with a value it cannot have, 555 to one never offered', () => {
    for (const bad of [
      'SIZE',
      'SIZE=',
      'SIZE=-1',
      'SIZE=1e3',
      `SIZE=${'9'.repeat(21)}`,
      'BODY=BINARYMIME',
      'BODY',
      'SMTPUTF8=1',
    ]) {
      assert.equal(refusal(parseMail(`FROM:<a@b> ${bad}`)), '501 5.5.4', bad);
    }
    for (const unknown of ['AUTH=<>', 'RET=HDRS', 'ENVID=x', 'X', '=']) {
      assert.equal(refusal(parseMail(`FROM:<a@b> ${unknown}`)), '555 5.5.4', unknown);
    }
  });
});

describe('RCPT TO (RFC 5321 §4.1.1.3)', () => {
  it('gives the forward-path', () => {
    for (const [argument, path] of [
      ['TO:<reply+abc@reply.example.org>', 'reply+abc@reply.example.org'],
      ['to:<postmaster>', 'postmaster'],
      ['TO: <@relay:a@b>', 'a@b'],
    ] as const) {
      assert.deepEqual(parseRcpt(argument), { ok: true, value: path }, argument);
    }
  });

  it('answers 501 5.1.3 to what is no path, the null path included, and 555 to any parameter', () => {
    for (const argument of ['', 'TO:<>', 'TO:a@b', 'TO:<a@b', 'TO:<a@b>x', 'FROM:<a@b>']) {
      assert.equal(refusal(parseRcpt(argument)), '501 5.1.3', argument);
    }
    for (const parameter of ['NOTIFY=NEVER', 'ORCPT=rfc822;a@b']) {
      assert.equal(refusal(parseRcpt(`TO:<a@b> ${parameter}`)), '555 5.5.4', parameter);
    }
  });
});

describe('any command argument', () => {
  it('becomes a value or a reply, never a control character in either', () => {
    const units = fc.constantFrom(...'<>@:,"\\ aü=\r\n\0', 'FROM:', 'TO:', 'SIZE=');
    fc.assert(
      fc.property(fc.string({ unit: units, maxLength: 30 }), (rest) => {
        for (const parsed of [parseMail(`FROM:<${rest}`), parseMail(rest), parseRcpt(`TO:<${rest}`)]) {
          assert.doesNotMatch(JSON.stringify(parsed), /\\[rn]|\\u00/);
        }
      }),
    );
  });

  it('is read in linear time', () => {
    for (const unit of ['@', '@a,', '"', '\\', '<', ',@', ' X']) {
      parseMail(`FROM:<${unit.repeat(500_000)}:a@b>`);
      parseMail(`FROM:<a@b>${unit.repeat(500_000)}`);
    }
  });
});
