import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fingerprint } from '../../src/mail/fingerprint.ts';
import { scanHeader } from '../../src/mail/header.ts';

function of(message: string, user = 7, locator = 'a/b/1'): string {
  const raw = Buffer.from(message);
  const scan = scanHeader(raw);
  if (!scan.ok) throw new Error(scan.problem);
  return fingerprint(user, locator, scan.header, raw);
}

const AUTHORED =
  'From: alice@example.com\r\nDate: Fri, 20 Nov 2026 09:14:00 +0000\r\nSubject: Re: x\r\nIn-Reply-To: <1@d>\r\n';
const WITH_ID = `Message-ID: <m1.a7@mail.example.com>\r\n${AUTHORED}\r\nYes.\r\n`;
const WITHOUT_ID = `${AUTHORED}\r\nYes.\r\n`;
const trace = (n: number): string =>
  `Delivered-To: x${n}\r\nReceived: from h${n} by mx${n};\r\n\tFri, 20 Nov 2026 09:14:0${n} +0000\r\nX-Spam-Score: ${n}\r\n`;

describe('the fingerprint of a reply', () => {
  for (const [name, message] of [
    ['a Message-ID', WITH_ID],
    ['none', WITHOUT_ID],
  ] as const) {
    it(`with ${name} is the same for a copy that travelled another way`, () => {
      assert.equal(of(trace(1) + message), of(trace(2) + trace(3) + message));
      assert.equal(of(message), of(message.replace('\r\n\r\n', '\r\nX-Trace: added below\r\n\r\n')));
      assert.equal(of(message).length, 16);
    });

    it(`with ${name} is another for another user or thread`, () => {
      assert.notEqual(of(message), of(message, 8));
      assert.notEqual(of(message), of(message, 7, 'a/b/2'));
    });
  }

  it('follows the Message-ID alone where there is one', () => {
    assert.equal(of(WITH_ID), of(WITH_ID.replace('Yes.', 'A footer was added.\r\nYes.')));
    assert.equal(
      of(WITH_ID),
      of(WITH_ID.replace('<m1.a7@mail.example.com>', '<m1.a7@\r\n MAIL.example.com>')),
    );
    assert.notEqual(of(WITH_ID), of(WITH_ID.replace('m1', 'm2')));
    assert.notEqual(of(WITH_ID), of(WITH_ID.replace('m1', 'M1')));
  });

  it('follows what the person wrote where there is none, or one that names nothing', () => {
    for (const [written, instead] of [
      ['Yes.', 'No.'],
      ['alice', 'bob'],
      ['09:14:00', '09:14:01'],
      ['Re: x', 'Re: y'],
      ['<1@d>', '<2@d>'],
    ] as const) {
      assert.notEqual(of(WITHOUT_ID), of(WITHOUT_ID.replace(written, instead)), written);
    }
    for (const empty of ['', '<>', '< >']) {
      assert.equal(of(`Message-ID: ${empty}\r\n${WITHOUT_ID}`), of(WITHOUT_ID));
      assert.notEqual(of(`Message-ID: ${empty}\r\n${WITHOUT_ID}`), of(`${WITHOUT_ID}more\r\n`));
    }
    assert.notEqual(of(WITH_ID), of(WITHOUT_ID));
  });

  it('follows what the person wrote where a client gives all of its mail one Message-ID', () => {
    for (const id of [
      '1@localhost',
      '1@localhost.localdomain',
      'message@laptop',
      'mail',
      '1@mail.example.com',
      '@x.example',
    ]) {
      const message = `Message-ID: <${id}>\r\n${WITHOUT_ID}`;
      assert.notEqual(of(message), of(message.replace('Yes.', 'No.')), id);
      assert.notEqual(of(message), of(message.replace('09:14:00', '09:14:01')), id);
      assert.equal(of(message), of(trace(1) + message), id);
    }
  });

  it('never runs two of its parts together', () => {
    assert.notEqual(of(WITH_ID, 12, '3/a'), of(WITH_ID, 1, '23/a'));
    const parts = fc.tuple(
      fc.nat(999),
      fc.stringMatching(/^[0-9:a/]{0,6}$/),
      fc.stringMatching(/^[0-9:a]{4,9}$/),
    );
    const key = ([user, locator, id]: [number, string, string]) =>
      of(`Message-ID: <${id}@x.example>\r\n\r\n`, user, locator);
    fc.assert(
      fc.property(parts, parts, (one, two) => {
        assert.equal(key(one) === key(two), JSON.stringify(one) === JSON.stringify(two));
      }),
    );
    // A message cannot be shaped so that its content digest meets another's Message-ID.
    assert.notEqual(of('Message-ID: <xxxx@x.example>\r\n\r\n'), of('From: message-id\r\nDate: x\r\n\r\n'));
  });

  it('moves a line between fields and body only by becoming another', () => {
    assert.notEqual(of('Subject: a\r\n\r\nb'), of('Subject: ab\r\n\r\n'));
    assert.notEqual(of('From: a\r\nFrom: b\r\n\r\n'), of('From: ab\r\n\r\n'));
    assert.notEqual(of('From: a\r\nDate:\r\n\r\n'), of('From:\r\nDate: a\r\n\r\n'));
  });
});
