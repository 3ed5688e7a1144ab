// A platform's content made fit for a mail: people's words are cleaned, the platform's own syntax is taken or refused.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type ContentRead,
  NOTIFICATION_LIMITS,
  type NotificationContent,
  readContent,
} from '../../src/mail/notification.ts';

const PLAIN: NotificationContent = { subject: 'The roof leaks', text: 'Again.\n' };

/** The content of a platform that was accepted. */
function fit(change: Partial<NotificationContent>): NotificationContent {
  const read = readContent({ ...PLAIN, ...change });
  assert.ok(read.ok, JSON.stringify(read));
  return read.content;
}

/** The problems of one that was refused. */
function problems(change: Partial<NotificationContent>): readonly string[] {
  const read: ContentRead = readContent({ ...PLAIN, ...change });
  return read.ok ? [] : read.problems.map(({ path, problem }) => `${path.join('.')}: ${problem}`);
}

describe("people's words", () => {
  it('become one line in subject and name, without controls and bidirectional characters', () => {
    const hostile = 'a\r\nBcc: eve@example.com\0\u0085 \u202eb\u2066c\u061cd\u2028e\ud800f';
    const clean = 'a Bcc: eve@example.com bcd e\ufffdf';
    assert.equal(fit({ subject: hostile }).subject, clean);
    assert.equal(fit({ from: { name: hostile } }).from?.name, clean);
  });

  it('are not decoded any further by a reader', () => {
    assert.equal(fit({ subject: '=?utf-8?q?=0D=0ABcc:?=' }).subject, '= ?utf-8?q?=0D=0ABcc:?=');
  });

  it('are shortened in subject and name by whole characters', () => {
    const { subject } = fit({ subject: '🦆'.repeat(300) });
    assert.equal(subject, `${'🦆'.repeat(NOTIFICATION_LIMITS.subjectChars - 1)}…`);
    assert.equal([...(fit({ from: { name: 'n'.repeat(200) } }).from?.name ?? '')].length, 100);
  });

  it('have one "Re: " of several, and none put before them', () => {
    assert.equal(fit({ subject: 'RE: re:Re: The roof' }).subject, 'Re: The roof');
    assert.equal(fit({ subject: 'Re: The roof' }).subject, 'Re: The roof');
    assert.equal(fit({ subject: 'Regarding: the roof' }).subject, 'Regarding: the roof');
  });

  it('keep tabs, marks of direction and empty lines in a text, and lose other controls', () => {
    const text = 'a\tb\r\rc\u200fd\0\u001be\u0085\ud800';
    assert.equal(fit({ text }).text, 'a\tb\n\nc\u200fde\ufffd\n');
    assert.equal(fit({ html: '<p>\0x</p>\n' }).html, '<p>x</p>\n');
  });

  for (const [field, change] of [
    ['subject', { subject: ' \r\n\u202e' }],
    ['from.name', { from: { name: '\0' } }],
    ['text', { text: '\n \n' }],
    ['html', { html: '' }],
  ] as const) {
    it(`that are nothing are refused: ${field}`, () => {
      assert.match(problems(change).join(), new RegExp(`^${field}: is empty; expected`));
    });
  }

  it('are refused where they are too long for a mail', () => {
    assert.deepEqual(problems({ text: 'ü'.repeat(300 * 1024) }), [
      'text: has 614400 octets; expected at most 524288',
    ]);
    assert.match(problems({ html: 'x'.repeat(2 ** 20 + 1) }).join(), /^html: has 1048577 octets/);
  });
});

describe('fields of the platform', () => {
  it('are taken as they are where they are its own', () => {
    const headers = {
      'X-Tracker-Issue': '7',
      'X-Size': 'groß',
      'List-Archive': '<https://tracker.example.org/7>',
      'Feedback-ID': 'a:b:c:d',
    };
    assert.deepEqual(fit({ headers }).headers, headers);
  });

  const OURS =
    'From To Cc Bcc Sender Reply-To Message-ID In-Reply-To References Date Subject Received Return-Path DKIM-Signature ARC-Seal Authentication-Results Content-Type Content-Transfer-Encoding MIME-Version Auto-Submitted Precedence List-Id List-Unsubscribe List-Unsubscribe-Post Resent-From Delivered-To Errors-To Disposition-Notification-To Return-Receipt-To Received-SPF X-Loop x-loop X-Auto-Response-Suppress X-Autoreply X-Failed-Recipients X-Spam-Flag X-Original-To X-MS-Exchange-Organization-SCL X-Google-Sender X-Forwarded-For X-Mailgw-Y';
  for (const name of OURS.split(' ')) {
    it(`are refused where they are not: ${name}`, () => {
      assert.match(problems({ headers: { [name]: 'x' } }).join(), /^headers\.[\w-]+: is no field of yours/);
    });
  }

  for (const name of [
    '',
    'X-',
    'X-A B',
    'X-A:',
    'X-A\r\nBcc',
    'X-Ä',
    'X-A\0',
    ' X-A',
    `X-${'a'.repeat(80)}`,
    '__proto__',
  ]) {
    it(`are refused for their name: ${JSON.stringify(name)}`, () => {
      const headers = Object.fromEntries([[name, 'x']]);
      const [problem = '', ...more] = problems({ headers });
      assert.deepEqual(more, []);
      assert.ok(problem.startsWith(`headers.${name}: is no field of yours`), problem);
    });
  }

  for (const value of [
    '',
    ' ',
    'a\rb',
    'a\nb',
    'a\r\n b',
    'a\0b',
    'a\u0085b',
    'a\u202eb',
    'a\ud800b',
    'a\u2028b',
  ]) {
    it(`are refused for their value: ${JSON.stringify(value)}`, () => {
      assert.match(
        problems({ headers: { 'X-A': value } }).join(),
        /^headers\.X-A: "[^]*" is not one line of text/,
      );
    });
  }

  it('are refused where they are too long, too many, there twice, or cannot be encoded', () => {
    assert.match(problems({ headers: { 'X-A': 'x'.repeat(994) } }).join(), /longer than 998 octets/);
    const many = Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`X-${n}`, 'x']));
    assert.deepEqual(problems({ headers: many }), ['headers: has 31 fields; expected at most 30']);
    assert.deepEqual(problems({ headers: { 'X-A': '1', 'x-a': '2' } }), ['headers.x-a: is there twice']);
    assert.match(problems({ headers: { 'List-Archive': '<https://ü.example>' } }).join(), /is not ASCII/);
  });
});

describe('a list', () => {
  it('has an id as in RFC 2919, with or without brackets', () => {
    assert.deepEqual(fit({ list: { id: '<site.tracker.example.org>' } }).list, {
      id: 'site.tracker.example.org',
    });
    assert.deepEqual(fit({ list: {} }).list, {});
  });

  for (const id of ['', 'nodot', 'a b.c', 'a..b', 'a.b>\r\nBcc: x', 'ü.example', `${'a'.repeat(255)}.b`]) {
    it(`is refused for its id: ${JSON.stringify(id).slice(0, 40)}`, () => {
      assert.match(problems({ list: { id } }).join(), /^list\.id: .* is no list identifier/);
    });
  }

  it('is left by https alone, in ASCII', () => {
    const unsubscribe = 'https://tracker.example.org/u/ü?t=a&b';
    assert.deepEqual(fit({ list: { unsubscribe } }).list, {
      unsubscribe: 'https://tracker.example.org/u/%C3%BC?t=a&b',
    });
  });

  for (const unsubscribe of [
    '',
    'http://tracker.example.org/u',
    'mailto:u@example.org',
    'https://u:p@tracker.example.org/',
    'https://tracker.example.org/>, <mailto:x@y.z',
    'https://tracker.example.org/\r\nBcc: x',
    'javascript:alert(1)',
    `https://tracker.example.org/${'u'.repeat(1000)}`,
  ]) {
    it(`is refused for its way out: ${JSON.stringify(unsubscribe).slice(0, 50)}`, () => {
      assert.match(problems({ list: { unsubscribe } }).join(), /^list\.unsubscribe: .* is no https address/);
    });
  }
});

it('every problem of a content is told at once', () => {
  const all = problems({
    subject: '',
    text: '',
    headers: { From: 'x' },
    list: { id: 'x', unsubscribe: 'y' },
  });
  assert.deepEqual(
    all.map((each) => each.replace(/:.*/, '')),
    ['subject', 'text', 'headers.From', 'list.id', 'list.unsubscribe'],
  );
});
