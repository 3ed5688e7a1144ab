// What the LMTP listener answers: the greeting, LHLO, one end-of-data reply per accepted RCPT, enhanced status codes.
// Lines spoken to the real daemon over its real socket.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { freshReply, itemsOf, suiteIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';

/** A reply with exactly one enhanced status code of its own class (RFC 2034 §4). */
const WITH_ONE_CODE = /^([245])\d\d \1\.\d+\.\d+ (?!\d+\.\d+\.\d+)/;

/** The id in `250 2.0.0 queued as ID` or `250 2.0.0 duplicate of ID`. */
function idIn(reply: string | undefined): string {
  return /^250 2\.0\.0 (?:queued as|duplicate of) (\w+)$/.exec(reply ?? '')?.[1] ?? `no id in ${reply}`;
}

/** The address with its local part quoted, the first character of it escaped. */
function quoted(address: string): string {
  const [local, domain] = address.split('@');
  return `"\\${local}"@${domain}`;
}

describe('RFC 2033 §4.2: one reply per accepted RCPT after the dot', { concurrency: false }, () => {
  const intake = suiteIntake();

  it('one recipient gets one reply, and the next command its own', async (t) => {
    const { socket, alice, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const { id, text } = freshReply();
    const [reply] = await client.deliver(text, alice);
    assert.equal(idIn(reply), (await itemsOf(store, id))[0]?.id);
    assert.equal(await client.say('NOOP'), '250 2.0.0 OK');
  });

  it('a recipient named four times, in other cases and quoted, gets four replies about one item', async (t) => {
    const { socket, alice, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const { id, text } = freshReply();
    const spellings = [alice, alice.toUpperCase(), quoted(alice), alice];
    const replies = await client.deliver(text, ...spellings);
    const [item, ...more] = await itemsOf(store, id);
    assert.deepEqual(more, []);
    assert.deepEqual(replies, [
      `250 2.0.0 queued as ${item?.id}`,
      ...Array.from({ length: 3 }, () => `250 2.0.0 duplicate of ${item?.id}`),
    ]);
    assert.equal(await client.say('NOOP'), '250 2.0.0 OK');
  });

  it('accepted, refused, repeated and duplicate recipients are answered in their order', async (t) => {
    const { socket, alice, bob, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const { id, text } = freshReply();
    const [earlier] = await client.deliver(text, bob);
    const replies = await client.sayAll(
      'MAIL FROM:<alice@example.com>',
      `RCPT TO:<${alice}>`,
      'RCPT TO:<reply+nobody@reply.example.org>',
      `RCPT TO:<${bob}>`,
      `RCPT TO:<${alice}>`,
      'RCPT TO:<alice@elsewhere.example>',
      'DATA',
    );
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 9)),
      ['250 2.1.0', '250 2.1.5', '550 5.1.1', '250 2.1.5', '250 2.1.5', '550 5.1.1', '354 end w'],
    );
    client.write(`${text}\r\n.\r\n`);
    const ends = await client.replies(3);
    const queued = (await itemsOf(store, id)).find((item) => item.user === 'alice');
    assert.deepEqual(ends, [
      `250 2.0.0 queued as ${queued?.id}`,
      `250 2.0.0 duplicate of ${idIn(earlier)}`,
      `250 2.0.0 duplicate of ${queued?.id}`,
    ]);
    assert.equal(await client.say('QUIT'), '221 2.0.0 bye');
    assert.deepEqual(await client.rest(), []);
  });

  it('every recipient of automatic mail is told that it was discarded', async (t) => {
    const { socket, alice, bob, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const { id, text } = freshReply();
    const replies = await client.deliver(`Auto-Submitted: auto-replied\r\n${text}`, alice, bob, alice);
    assert.deepEqual(replies, Array<string>(3).fill('250 2.0.0 discarded'));
    assert.deepEqual(await itemsOf(store, id), []);
  });
});

describe('greeting and LHLO (RFC 2033 §4.1)', { concurrency: false }, () => {
  const intake = suiteIntake();

  it('greets at once', async (t) => {
    // smtp-server's own delay is 100 ms; the best of ten is free of a busy machine's pauses.
    const times: number[] = [];
    for (let round = 0; round < 10; round++) {
      const startedAt = performance.now();
      const client = await LmtpClient.connect(t, intake().socket);
      assert.match(await client.reply(), /^220 localhost LMTP mailgw$/);
      times.push(performance.now() - startedAt);
      client.vanish();
    }
    assert.ok(Math.min(...times) < 50, `greetings took ${times.map(Math.round).join(', ')} ms`);
  });

  it('offers exactly what it does, and no DSN, AUTH or STARTTLS', async (t) => {
    const client = await LmtpClient.connect(t, intake().socket);
    await client.reply();
    assert.equal(
      await client.say('LHLO client.example.com'),
      [
        '250-localhost',
        '250-PIPELINING',
        '250-8BITMIME',
        '250-SMTPUTF8',
        `250-SIZE ${25 * 1024 * 1024}`,
        '250 ENHANCEDSTATUSCODES',
      ].join('\n'),
    );
  });

  it('refuses HELO and EHLO, which are not LMTP (RFC 2033 §4.1)', async (t) => {
    const client = await LmtpClient.connect(t, intake().socket);
    await client.reply();
    const replies = await client.sayAll('HELO client.example.com', 'EHLO client.example.com', 'LHLO x');
    assert.match(replies[0] ?? '', /^500 5\.5\.1 /);
    assert.match(replies[1] ?? '', /^500 5\.5\.1 /);
    assert.match(replies[2] ?? '', /^250-localhost\n/);
  });
});

describe('enhanced status codes (RFC 2034)', { concurrency: false }, () => {
  const intake = suiteIntake();

  it('the greeting, LHLO and 354 have none', async (t) => {
    const client = await LmtpClient.connect(t, intake().socket);
    const replies = [await client.reply(), await client.say('LHLO client.example.com')];
    await client.sayAll('MAIL FROM:<>', `RCPT TO:<${intake().alice}>`);
    replies.push(await client.say('DATA'));
    for (const reply of replies) assert.doesNotMatch(reply, /^\d{3}[ -]\d+\.\d+\.\d+/m);
  });

  it('every other reply has exactly one, of the class of its code', async (t) => {
    const { socket, alice } = intake();
    const client = await LmtpClient.open(t, socket);
    const replies = await client.sayAll(
      'NOOP',
      'RSET',
      'HELP',
      'VRFY alice',
      'MAIL FROM:<alice@example.com> SIZE=99999999999',
      'MAIL FROM:<alice@example.com>',
      'MAIL FROM:<alice@example.com>',
      `RCPT TO:<${alice}>`,
      'RCPT TO:<nobody@reply.example.org>',
      'RCPT TO:<>',
      'NONSENSE',
      'DATA now',
    );
    await client.say('DATA');
    client.write(`${freshReply().text}\r\n.\r\n`);
    replies.push(await client.reply(), await client.say('QUIT'));
    for (const reply of replies) assert.match(reply, WITH_ONE_CODE);
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 3)),
      ['250', '250', '214', '252', '552', '250', '503', '250', '550', '501', '500', '501', '250', '221'],
    );
  });
});
