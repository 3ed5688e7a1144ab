// A notification as it stands on the wire, whole; and that nothing that a platform says can add to its header.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { simpleParser } from 'mailparser';
import { classifyHeader } from '../../src/mail/automatic.ts';
import { scanHeader } from '../../src/mail/header.ts';
import { type NotificationContent, readContent } from '../../src/mail/notification.ts';
import { fieldsOf, startMailbox } from '../support/mailbox.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { composed, MESSAGE_ID, REPLY_TO, serverAt } from './outgoing.ts';

const FULL: NotificationContent = {
  subject: 'Das Dach leckt – wieder',
  text: 'Bob schrieb:\n\nEs tropft.\n.\n\nReply to this mail to answer.\n',
  html: '<p>Es tropft.</p>\n',
  from: { name: 'Björn via Tracker' },
  headers: { 'X-Tracker-Issue': '2351', 'List-Archive': '<https://tracker.example.org/2351>' },
  list: { id: 'gitea.tracker.example.org', unsubscribe: 'https://tracker.example.org/u/k3j2h4g5' },
};

/** A whole mail, line by line: `test/outbound/golden/NAME.eml` with LF for CR LF. */
const golden = (name: string): string =>
  readFileSync(new URL(`../../../test/outbound/golden/${name}.eml`, import.meta.url), 'utf8');

describe('a notification on the wire', () => {
  for (const [name, content] of [
    ['full', FULL],
    ['plain', { subject: 'The roof leaks', text: 'It leaks again.' }],
  ] as const) {
    it(`is the whole mail of golden/${name}.eml, twice the same`, async (t) => {
      const mailbox = await startMailbox(testScratch(t));
      const server = serverAt(mailbox);
      t.after(() => {
        server.close();
      });
      for (let n = 0; n < 2; n++) {
        const outcome = await server.send(composed(content), AbortSignal.timeout(5000));
        assert.deepEqual(outcome, { kind: 'sent', diagnostic: '250 2.0.0 taken' });
      }
      const [first, second] = mailbox.mails;
      assert.deepEqual(second?.raw, first?.raw);
      assert.equal(first?.raw.toString().replaceAll('\r\n', '\n'), golden(name));
      assert.match(first.mailFrom, new RegExp(`^<${REPLY_TO.replaceAll('+', '\\+')}>`));
      assert.deepEqual(first.recipients, ['<alice@example.com>']);
    });
  }

  it('answers its thread, and the same root in all of its mails', () => {
    const { messageId, inReplyTo, references } = composed(FULL);
    assert.equal(messageId, MESSAGE_ID);
    assert.equal(inReplyTo, 'go-gitea/gitea/issue/2351@reply.example.org');
    assert.deepEqual(references, [inReplyTo]);
  });

  it("names the author alone by name, and has the site's name where none is given", () => {
    assert.deepEqual(composed(FULL).from, {
      name: 'Björn via Tracker',
      address: 'noreply@reply.example.org',
    });
    assert.equal(composed({ subject: 's', text: 't' }).from.name, 'Tracker');
  });

  it("that comes back to its own reply address is a loop to our gate, and a person's answer with its fields is not", async (t) => {
    const mailbox = await startMailbox(testScratch(t));
    const server = serverAt(mailbox, 1);
    await server.send(composed(FULL), AbortSignal.timeout(5000));
    const scan = scanHeader(mailbox.mails[0]?.raw ?? Buffer.alloc(0));
    assert.ok(scan.ok);
    assert.notEqual(classifyHeader(scan.header, 'alice@example.com'), null);
    // Outlook keeps this one field of the mail that it answers.
    const answer = scanHeader(
      Buffer.from('From: alice@example.com\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\n\r\nYes.\r\n'),
    );
    assert.ok(answer.ok);
    assert.equal(classifyHeader(answer.header, 'alice@example.com'), null);
  });
});

/** Fields that every notification has, in lower case. */
const ALWAYS =
  'auto-submitted content-transfer-encoding content-type date from in-reply-to message-id mime-version references reply-to subject to x-auto-response-suppress x-loop';

const HOSTILE = [
  '\r\nBcc: eve@example.com',
  '\n\n',
  '\0',
  '\u202e',
  '=?utf-8?q?=0A?=',
  '"',
  '\\',
  '<a@b.c>',
  ',',
  ';',
  '(',
  ')',
  ' ',
  'é',
  '🦆',
  '\ud800',
  'Re: ',
  '.',
  '\n.\n',
  'From ',
];
const words = fc
  .array(
    fc.oneof(
      fc.constantFrom(...HOSTILE),
      fc.string({ maxLength: 30 }),
      fc.string({ unit: 'binary', maxLength: 12 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));
const contents = fc.record(
  {
    subject: words,
    text: words,
    html: fc.option(words, { nil: undefined }),
    from: fc.option(fc.record({ name: words }), { nil: undefined }),
    headers: fc.dictionary(fc.oneof(fc.constantFrom('X-A', 'X-Bee', 'List-Post', 'Bcc'), words), words, {
      maxKeys: 3,
    }),
    list: fc.record({
      id: fc.oneof(words, fc.constant('a.b')),
      unsubscribe: fc.oneof(
        words,
        fc.webUrl().map((url) => url.replace('http:', 'https:')),
      ),
    }),
  },
  { requiredKeys: ['subject', 'text'] },
);

/** The field names of a header block, in lower case. */
const fieldNames = (header: string): string[] =>
  header
    .replaceAll(/\r\n(?=[ \t])/g, '')
    .split('\r\n')
    .slice(0, -1)
    .map((line) => /^([!-9;-~]+):/.exec(line)?.[1]?.toLowerCase() ?? `no field: ${line}`);

describe('hostile content', () => {
  it("is refused, or stands in a mail with our fields and the platform's alone, read as it was cleaned", async (t) => {
    const mailbox = await startMailbox(testScratch(t));
    const server = serverAt(mailbox);
    t.after(() => {
      server.close();
    });
    let taken = 0;
    const property = fc.asyncProperty(contents, async (given) => {
      const read = readContent(given);
      if (!read.ok) {
        assert.ok(read.problems.length > 0);
        return;
      }
      taken++;
      const { content } = read;
      const before = mailbox.mails.length;
      await server.send(composed(given), AbortSignal.timeout(5000));
      assert.equal(mailbox.mails.length, before + 1);
      const mail = mailbox.mails[before];
      assert.ok(mail);
      assert.deepEqual(mail.recipients, ['<alice@example.com>']);
      const own = Object.keys(content.headers ?? {}).map((name) => name.toLowerCase());
      const list = [
        ...(content.list?.id === undefined ? [] : ['list-id']),
        ...(content.list?.unsubscribe === undefined ? [] : ['list-unsubscribe', 'list-unsubscribe-post']),
      ];
      const expected = [...ALWAYS.split(' '), ...own, ...list];
      const names = fieldNames(mail.header);
      const wanted =
        content.html === undefined
          ? expected
          : expected.filter((name) => name !== 'content-transfer-encoding');
      assert.deepEqual(names.toSorted(), wanted.toSorted());
      assert.ok(
        mail.raw
          .toString('latin1')
          .split('\r\n')
          .every((line) => line.length <= 998 && !/[\r\n\0]/.test(line)),
      );
      const parsed = await simpleParser(mail.raw);
      assert.equal(parsed.subject, content.subject);
      assert.equal(parsed.from?.value[0]?.address, 'noreply@reply.example.org');
      assert.equal(parsed.from.value[0].name, content.from?.name ?? 'Tracker');
      assert.equal(parsed.text?.trimEnd(), content.text.trimEnd());
      if (content.html !== undefined) assert.equal(String(parsed.html).trimEnd(), content.html.trimEnd());
      assert.deepEqual(fieldsOf(mail, 'Reply-To').length, 1);
    });
    await fc.assert(property, { numRuns: roundsOf(3000, 400) });
    assert.ok(taken > 20, `${taken} contents were taken`);
  });
});
