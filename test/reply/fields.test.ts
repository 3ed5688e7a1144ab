import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ATTACHMENT_LIMITS } from '../../src/mail/attachment-limits.ts';
import { parseDate } from '../../src/mail/date.ts';
import { createFinish } from '../../src/reply/finish.ts';
import { parseMimeField } from '../../src/reply/mime/field.ts';
import { parseMessage } from '../../src/reply/parse.ts';
import type { ParsedReply } from '../../src/reply/post.ts';

const LIVE = { mentions: false, references: false, commands: false, closing: false };
const finish = createFinish(
  { forms: [{ prefix: 'reply+', domain: 'reply.example.org' }], policy: LIVE },
  ATTACHMENT_LIMITS,
);

/** The fields of a post. */
async function fields(head: string | Buffer): Promise<ParsedReply> {
  const outcome = await parseMessage(
    Buffer.concat([Buffer.from(head), Buffer.from('\r\n\r\nhi')]),
    ATTACHMENT_LIMITS,
  );
  assert.equal(outcome.kind, 'parsed');
  return finish(outcome.reply);
}

describe('Subject', () => {
  it('is decoded, encoded-words that cut a character included (RFC 2047)', async () => {
    assert.equal((await fields('Subject: =?utf-8?B?R3LD?= =?utf-8?B?vG4=?= ok')).subject, 'Grün ok');
    assert.equal((await fields('Subject: =?ISO-2022-JP?B?GyRCJF4kXxsoQg==?=')).subject, 'まみ');
  });

  it('has no control characters and no line ends, however they were smuggled in', async () => {
    const { subject } = await fields('Subject: =?utf-8?Q?a=0D=0ABcc:_x=00=1B=E2=80=AE?=\r\n folded\r\nX: y');
    assert.equal(subject, 'a Bcc: x folded');
  });

  it('is readable when its bytes are Latin-1, bare or inside an encoded-word', async () => {
    assert.equal((await fields(Buffer.from('Subject: Gr\xfcn', 'latin1'))).subject, 'Grün');
    assert.equal(
      (await fields(Buffer.from('Subject: =?iso-8859-1?Q?Gr\xfcn_ok?=', 'latin1'))).subject,
      'Grün ok',
    );
    assert.equal((await fields('Subject: Grün')).subject, 'Grün');
    assert.equal((await fields(Buffer.from('Subject: \x93x\x94', 'latin1'))).subject, '“x”');
    assert.equal((await fields('Subject: =?iso-8859-1?Q?=93x=94?=')).subject, '“x”');
  });

  it('is empty when there is none', async () => {
    assert.equal((await fields('X: y')).subject, '');
  });
});

describe('From', () => {
  it('gives name and address, decoded', async () => {
    assert.deepEqual((await fields('From: =?utf-8?Q?J=C3=B6rg?= <j@example.com>')).from, {
      name: 'Jörg',
      address: 'j@example.com',
    });
    assert.deepEqual((await fields('From: "Doe, J." <j@example.com>')).from, {
      name: 'Doe, J.',
      address: 'j@example.com',
    });
  });

  it('survives comments, nested and escaped (RFC 5322 appendix A.5)', async () => {
    const { from } = await fields(
      'From: Pete(A wonderful \\) chap (so)) <pete(his account)@silly.test(his host)>',
    );
    assert.deepEqual(from, { name: 'Pete', address: 'pete@silly.test' });
    assert.deepEqual((await fields('From: pete@silly.test (Pete)')).from, {
      name: 'Pete',
      address: 'pete@silly.test',
    });
  });

  it('is the topmost, and empty when there is none', async () => {
    assert.equal((await fields('From: a@example.com\r\nFrom: b@example.com')).from.address, 'a@example.com');
    assert.deepEqual((await fields('Subject: x')).from, { name: '', address: '' });
  });
});

describe('In-Reply-To', () => {
  it('is the first id, in its brackets', async () => {
    assert.equal((await fields('In-Reply-To: <a/1@x> <b@x>')).inReplyTo, '<a/1@x>');
    assert.equal((await fields('In-Reply-To: a/1@x')).inReplyTo, '<a/1@x>');
    assert.equal((await fields('X: y')).inReplyTo, undefined);
  });
});

describe('Date', () => {
  it('is ISO 8601 in UTC', () => {
    const samples: [string, string][] = [
      ['Fri, 21 Nov 1997 09:55:06 -0600', '1997-11-21T15:55:06.000Z'],
      ['1 Jan 2099 00:00:00 +0000', '2099-01-01T00:00:00.000Z'],
      ['Thu,\r\n 13\r\n Feb\r\n 1969 23:32\r\n -0330 (Newfoundland Time)', '1969-02-14T03:02:00.000Z'],
      ['21 Nov 97 09:55:06 GMT', '1997-11-21T09:55:06.000Z'],
      ['Tue, 1 Jul 2003 10:52:37 EST', '2003-07-01T15:52:37.000Z'],
      ['2024-02-29T12:00:00Z', '2024-02-29T12:00:00.000Z'],
    ];
    for (const [value, iso] of samples) assert.equal(parseDate(value), iso, value);
  });

  it('is undefined when it is none: never "now"', () => {
    for (const value of [
      '',
      'yesterday',
      'Thu, 31 Feb 2020 10:00:00 +0000',
      '1 Foo 2020 10:00:00',
      '1 Jan 2020 25:00:00',
      '12',
      '2020-13-01T00:00:00Z',
    ]) {
      assert.equal(parseDate(value), undefined, value);
    }
  });
});

describe('MIME fields', () => {
  it('are read leniently: bare values with blanks and equals signs, missing values, comments', () => {
    assert.equal(parseMimeField('Text/Plain (really); charset=utf-8').value, 'text/plain');
    assert.equal(
      parseMimeField('multipart/mixed; boundary=----=_Part_1.2').params.get('boundary'),
      '----=_Part_1.2',
    );
    assert.equal(parseMimeField('a/b; x; name="q;\\"r"; y=').params.get('name'), 'q;"r');
    assert.equal(parseMimeField('a/b; name="C:\\temp\\x.txt"').params.get('name'), 'C:\\temp\\x.txt');
  });

  it('never throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'a=;"\\* \t\'%0()é') }), (text) => {
        assert.equal(typeof parseMimeField(text).value, 'string');
      }),
      { numRuns: 2000 },
    );
  });
});
