// The whole way of one reply: SMTP, a real Postfix configured from postfix-examples/, LMTP, SQLite, HTTP.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { newMessageId, replyMessage, replyWithAttachment } from '../support/message.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';

const skip = postfixUnavailable();
const skipSwaks = skip === false && !existsSync('/usr/bin/swaks') ? 'unavailable: no swaks' : skip;

/** The status that Postfix logs for a reply that was committed. */
const QUEUED = /dsn=2\.0\.0, status=sent \(250 2\.0\.0 queued as \S+\)/;

describe('a reply, from SMTP to the platform', () => {
  const site = suiteSite();

  for (const [form, bound] of [
    ['a sealed token', false],
    ['a bound token', true],
  ] as const) {
    it(`with ${form} is posted as the user, to the thread, with what they wrote`, { skip }, async () => {
      const { postfix, daemon, platform } = site();
      const { reply_to, message_id, thread } = await freshAddress(daemon, { bound });
      const messageId = newMessageId();
      const queueId = await postfix.accept({
        from: ALICE.address,
        to: [reply_to],
        data: replyMessage({
          to: reply_to,
          inReplyTo: message_id,
          messageId,
          subject: 'Re: [tracker] It does not work',
          body: 'It works now, thank you.\n\nOn Fri, 20 Nov 2026 at 10:00, Tracker wrote:\n> Does it work?\n',
        }),
      });
      const { data, type } = await platform.post((post) => post.data.thread === thread);
      assert.equal(type, 'reply.created');
      assert.equal(data.user, ALICE.user);
      assert.equal(data.body.text.trim(), 'It works now, thank you.');
      assert.match(data.body.quoted, /Does it work\?/);
      assert.equal(data.subject, 'Re: [tracker] It does not work');
      assert.equal(data.message_id, `<${messageId}>`);
      assert.equal(data.from.address, ALICE.address);
      assert.match((await postfix.done(queueId)).join('\n'), QUEUED);
    });
  }

  it('is in our log under the id that Postfix has given it', { skip }, async () => {
    const { postfix, daemon } = site();
    const { reply_to } = await freshAddress(daemon);
    const data = replyMessage({ to: reply_to });
    const queueId = await postfix.accept({ from: ALICE.address, to: [reply_to], data });
    const events = (): unknown[] =>
      daemon
        .log()
        .split('\n')
        .filter((line) => line.includes(`"queue_id":"${queueId}"`))
        .map((line) => (JSON.parse(line) as { event: unknown }).event);
    await eventually(
      () => (events().length === 2 ? true : undefined),
      () => daemon.log(),
    );
    assert.deepEqual(events(), ['verdict', 'attempt']);
  });

  it('arrives when a client has upper-cased the whole recipient', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    for (const bound of [false, true]) {
      const { reply_to, message_id, thread } = await freshAddress(daemon, { bound });
      const to = reply_to.toUpperCase();
      await postfix.accept({
        from: ALICE.address,
        to: [to],
        data: replyMessage({ to, inReplyTo: message_id }),
      });
      await platform.post((post) => post.data.thread === thread);
    }
  });

  it('arrives from an internationalised address, with a subject in UTF-8 (RFC 6531)', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const queueId = await postfix.accept({
      from: 'jürgen@exämple.com',
      to: [reply_to],
      smtpUtf8: true,
      data: replyMessage({
        to: reply_to,
        from: 'jürgen@exämple.com',
        subject: 'Re: Grüße aus Köln – 你好',
        body: 'Schöne Grüße, 你好.\n',
      }),
    });
    const { data } = await platform.post((post) => post.data.thread === thread);
    assert.equal(data.subject, 'Re: Grüße aus Köln – 你好');
    assert.equal(data.body.text.trim(), 'Schöne Grüße, 你好.');
    assert.match((await postfix.done(queueId)).join('\n'), QUEUED);
  });

  it('keeps its 8-bit octets, whatever the charset (RFC 6152)', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const message = replyMessage({
      to: reply_to,
      headers: ['Content-Type: text/plain; charset=iso-8859-1', 'Content-Transfer-Encoding: 8bit'],
      body: 'Käse für 3 £, ÿ.\n.a line with a leading dot\n',
    });
    await postfix.accept({ from: ALICE.address, to: [reply_to], data: Buffer.from(message, 'latin1') });
    const { data } = await platform.post((post) => post.data.thread === thread);
    assert.equal(data.body.text.trim(), 'Käse für 3 £, ÿ.\n.a line with a leading dot');
  });

  it('brings an attachment of 10 MB along, byte for byte', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const content = randomBytes(10_000_000);
    const queueId = await postfix.accept({
      from: ALICE.address,
      to: [reply_to],
      data: replyWithAttachment({ to: reply_to }, 'trace.bin', content),
    });
    const { data } = await platform.post((post) => post.data.thread === thread, 60_000);
    const [attachment, ...others] = data.attachments;
    assert.deepEqual(others, []);
    assert.equal(data.body.text.trim(), 'See the file.');
    assert.equal(attachment?.filename, 'trace.bin');
    assert.equal(attachment.bytes, content.length);
    assert.equal(attachment.sha256, createHash('sha256').update(content).digest('hex'));
    assert.ok(Buffer.from(attachment.content, 'base64').equals(content));
    assert.match((await postfix.done(queueId)).join('\n'), QUEUED);
  });

  it('is posted once when a second copy of the message comes another way', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const message = replyMessage({ to: reply_to });
    const first = await postfix.accept({ from: ALICE.address, to: [reply_to], data: message });
    await postfix.done(first);
    const copy = `X-Forwarded-For: somebody else\r\n${message}`;
    const second = await postfix.accept({ from: ALICE.address, to: [reply_to], data: copy });
    assert.match((await postfix.done(second)).join('\n'), /status=sent \(250 2\.0\.0 duplicate of \S+\)/);

    // A later reply in the same thread is posted after everything before it (G5): what came then is all there is.
    const later = replyMessage({ to: reply_to, body: 'One more thing.\n' });
    await postfix.accept({ from: ALICE.address, to: [reply_to], data: later });
    await platform.post((post) => post.data.body.text.startsWith('One more thing'));
    const texts = platform.posts.filter((post) => post.data.thread === thread);
    assert.deepEqual(
      texts.map((post) => post.data.body.text.trim()),
      ['It works now.', 'One more thing.'],
    );
  });

  it('can be tried with the swaks command of postfix-examples/README.md', { skip: skipSwaks }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const readme = readFileSync(join(repositoryRoot, 'postfix-examples', 'README.md'), 'utf8');
    const command = /^```sh\n(swaks .*)\n```$/m.exec(readme)?.[1] ?? assert.fail('no swaks command');
    const script = command.replace('127.0.0.1:25', `127.0.0.1:${postfix.port}`);
    const result = await run('bash', ['-c', `reply_to=${reply_to}; ${script}`]);
    assert.equal(result.code, 0, result.stdout + result.stderr);
    const { data } = await platform.post((post) => post.data.thread === thread);
    assert.equal(data.subject, 'Re: a test');
    assert.equal(data.body.text.trim(), 'A reply.');
  });
});
