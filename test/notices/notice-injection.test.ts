// Hostile text in every field that a notice repeats: the octets on the wire hold one header, ours, and nothing else.
//
// Method: each payload is put into each field of a reply's header and into everything else that a draft is made of;
// the notice is rendered with every text that we ship and sent by SMTP to a server that keeps the octets.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanHeader } from '../../src/mail/header.ts';
import { draftNotice, NOTICE_KINDS, type NoticeDraft, renderNotice } from '../../src/mail/notice.ts';
import { createSendNotice } from '../../src/notices/mailer.ts';
import { loadNoticeTexts } from '../../src/notices/texts.ts';
import { NOW } from '../support/item.ts';
import { fieldsOf, type ReceivedMail, startMailbox, textOf } from '../support/mailbox.ts';
import { testScratch } from '../support/scratch.ts';
import { mailerTo } from './noticing.ts';

const INJECTION =
  'x\r\nBcc: mallory@example.net\r\nX-Injected: yes\r\n\r\n<b>body</b>\r\n.\r\nMAIL FROM:<a@b.example>';

const base64Word = (text: string): string => `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;

/** Payloads as they may stand in the raw octets of a header field. */
const PAYLOADS: Readonly<Record<string, string>> = {
  'CR LF and a field': INJECTION,
  'bare LF': 'x\nBcc: mallory@example.net\n\nbody',
  'bare CR': 'x\rBcc: mallory@example.net\r\rbody',
  'a folded line': 'x\r\n Bcc: mallory@example.net\r\n\tX-Injected: yes',
  NUL: 'a\0b\0',
  'C0 and C1 controls': 'a\u0001\u0007\u001b[31mred\u0085\u009b31m\u007f',
  'bidirectional overrides': 'a\u202egpj.exe\u202c\u2066\u2069\u200f',
  'line and paragraph separators': 'a\u2028Bcc: mallory@example.net\u2029b',
  'an encoded-word with CR LF': base64Word(INJECTION),
  'an encoded-word with CR LF in quoted-printable': '=?utf-8?Q?x=0D=0ABcc:_mallory@example.net?=',
  'an encoded-word inside an encoded-word': base64Word(base64Word(INJECTION)),
  'an encoded-word of bidirectional overrides': base64Word('\u202eevil\u2066'),
  'half an encoded-word': '=?utf-8?B?',
  'another address': '"a" <alice@example.com>, mallory@example.net',
  'brackets and commas': '<a@b>,<c@d> (x) ; "q',
  overlong: 'word '.repeat(15_000),
  'one overlong word': 'x'.repeat(90_000),
  'an overlong word of other than ASCII': '漢'.repeat(20_000),
  'emoji and a lone surrogate': `😀\ud800${'😀'.repeat(300)}`,
  'a placeholder': '{text}{subject}{unknown}$&$1',
  dots: '.\r\n..\r\n.',
};

const FIELDS = ['Subject', 'Message-ID', 'In-Reply-To', 'References', 'Content-Language', 'From', 'X-Loop'];

/** Every field of a notice, and no other. */
const EXPECTED = [
  'Auto-Submitted',
  'X-Loop',
  'X-Auto-Response-Suppress',
  'From',
  'To',
  'Subject',
  'Message-ID',
  'In-Reply-To',
  'References',
  'Content-Transfer-Encoding',
  'Date',
  'MIME-Version',
  'Content-Type',
];

function draftOf(payload: string): NoticeDraft {
  const lines = FIELDS.map((name) => `${name}: ${payload}`);
  const scan = scanHeader(Buffer.from(`${lines.join('\r\n')}\r\n\r\nbody`), {
    maxBlockBytes: 2 ** 24,
    maxFieldBytes: 2 ** 24,
    maxFields: 1000,
  });
  assert.ok(scan.ok);
  const matter = {
    thread: payload,
    receivedAt: NOW,
    reason: payload,
    files: [payload, payload],
    text: payload,
  };
  return draftNotice(scan.header, payload, matter, (text) => text);
}

/** What holds for the octets of any notice. */
function assertClean(mail: ReceivedMail, what: string): void {
  const octets = mail.raw.toString('latin1');
  assert.equal(mail.mailFrom, '<>', what);
  assert.deepEqual(mail.recipients, ['<alice@example.com>'], what);
  assert.ok(!/[^\t\r\n\u0020-\u007e]/.test(octets), `${what}: other than printable ASCII`);
  assert.ok(!/\r(?!\n)|(?<!\r)\n/.test(octets), `${what}: a bare CR or LF`);
  for (const line of octets.split('\r\n')) assert.ok(line.length <= 998, `${what}: ${line.length} octets`);
  const names = [...mail.header.matchAll(/^([^\s:]+):/gm)].map(([, name]) => name ?? '');
  assert.deepEqual(
    names.filter((name) => !EXPECTED.includes(name)),
    [],
    what,
  );
  assert.equal(new Set(names).size, names.length, `${what}: ${names.join(' ')}`);
  for (const line of mail.header.split('\r\n')) assert.match(line, /^(?:[A-Za-z-]+: |[ \t]+\S|$)/, what);
  assert.deepEqual(fieldsOf(mail, 'X-Loop'), ['mailgw.reply.example.org'], what);
  assert.ok(
    !/[^\P{Cc}\n\t]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u.test(textOf(mail)),
    `${what}: text`,
  );
}

/** The subject as a client shows it. */
function shownSubject(mail: ReceivedMail): string {
  const words = (fieldsOf(mail, 'Subject')[0] ?? '').replaceAll(/\?=\s+=\?/g, '?==?');
  return words.replaceAll(/=\?utf-8\?([BQ])\?([^?]*)\?=/gi, (_, encoding: string, content: string) =>
    encoding.toUpperCase() === 'B'
      ? Buffer.from(content, 'base64').toString()
      : Buffer.from(
          content
            .replaceAll('_', ' ')
            .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
          'latin1',
        ).toString(),
  );
}

describe('nothing in a reply reaches the header of a notice as anything but text', () => {
  for (const [what, payload] of Object.entries(PAYLOADS)) {
    it(what, async (t) => {
      const mailbox = await startMailbox(testScratch(t));
      const send = createSendNotice(mailerTo(mailbox));
      const loaded = loadNoticeTexts(undefined, 'en');
      assert.ok(loaded.ok);
      const draft = draftOf(payload);
      for (const kind of NOTICE_KINDS) {
        for (const language of ['en', 'de', 'fr']) {
          const outcome = await send(
            {
              id: '0123456789abcdefghijklmn',
              to: 'alice@example.com',
              createdAt: NOW,
              ...renderNotice(loaded.texts.text(kind, language), draft),
              inReplyTo: draft.messageId,
              references: draft.references,
              original: kind === 'expired' ? Buffer.from(payload) : undefined,
            },
            AbortSignal.timeout(10_000),
          );
          assert.equal(outcome.kind, 'sent', outcome.diagnostic);
        }
      }
      assert.equal(mailbox.mails.length, NOTICE_KINDS.length * 3);
      for (const mail of mailbox.mails) {
        assertClean(mail, what);
        const subject = shownSubject(mail);
        assert.ok(!/[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|=\?/u.test(subject), subject);
        assert.ok(subject.length <= 420, subject);
      }
    });
  }
});
