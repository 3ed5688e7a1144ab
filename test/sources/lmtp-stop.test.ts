// The real daemon while it stops, and while its store cannot serve: every 250 is kept, no doubt becomes a 5yz.

import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { eventually } from '../support/eventually.ts';
import { freshReply, type Intake, itemsOf, startIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { testScratch } from '../support/scratch.ts';

/** Sends SIGTERM; resolves when the daemon has begun to stop, with the promise of how it ends. */
async function beginStop({ daemon }: Intake): Promise<{ end: Promise<string> }> {
  const end = daemon.stop();
  await eventually(
    () => (daemon.log().includes('"stopping"') ? true : undefined),
    () => 'the beginning of the stop',
  );
  return { end };
}

describe('a graceful stop', () => {
  it('tells idle sessions 421 4.3.2 and closes them', async (t) => {
    const intake = await startIntake(testScratch(t));
    const greeted = await LmtpClient.connect(t, intake.socket);
    await greeted.reply();
    const ready = await LmtpClient.open(t, intake.socket);
    const { end } = await beginStop(intake);
    for (const client of [greeted, ready]) {
      assert.deepEqual(await client.rest(), ['421 4.3.2 service is stopping']);
    }
    assert.equal(await end, 'exit 0');
  });

  it('lets transactions under way end, at whatever point they are, and begins no other', async (t) => {
    const intake = await startIntake(testScratch(t));
    const { socket, alice, bob, store } = intake;
    const inMail = await LmtpClient.open(t, socket);
    await inMail.say('MAIL FROM:<alice@example.com>');
    const inData = await LmtpClient.open(t, socket);
    await inData.begin(alice, bob);
    const first = freshReply();
    const second = freshReply();
    inData.write(first.text);
    const { end } = await beginStop(intake);

    inData.write('\r\n.\r\nMAIL FROM:<alice@example.com>\r\n');
    const dataReplies = await inData.rest();
    inMail.write(`RCPT TO:<${alice}>\r\nDATA\r\n${second.text}\r\n.\r\n`);
    const mailReplies = await inMail.rest();
    assert.equal(await end, 'exit 0');

    const starts = (replies: string[]): string[] => replies.map((reply) => reply.slice(0, 16));
    assert.deepEqual(starts(dataReplies), ['250 2.0.0 queued', '250 2.0.0 queued', '421 4.3.2 servic']);
    assert.deepEqual(starts(mailReplies), [
      '250 2.1.5 recipi',
      '354 end with a l',
      '250 2.0.0 queued',
      '421 4.3.2 servic',
    ]);
    assert.equal((await itemsOf(store, first.id)).length, 2);
    assert.equal((await itemsOf(store, second.id)).length, 1);
  });

  it('ends in time though a client never finishes its message, and stores nothing of it', async (t) => {
    const intake = await startIntake(testScratch(t), { delivery: { stop_timeout: '500ms' } });
    const client = await LmtpClient.open(t, intake.socket);
    const { id, text } = freshReply();
    await client.begin(intake.alice);
    client.write(text);
    const { end } = await beginStop(intake);
    assert.deepEqual(await client.rest(), []);
    assert.equal(await end, 'exit 0');
    assert.deepEqual(await itemsOf(intake.store, id), []);
  });

  it('does not wait for a client that keeps its side open', async (t) => {
    const intake = await startIntake(testScratch(t));
    const stubborn = createConnection({ path: intake.socket, allowHalfOpen: true });
    t.after(() => stubborn.destroy());
    stubborn.on('error', () => undefined);
    await new Promise((resolve) => stubborn.once('data', resolve));
    const startedAt = performance.now();
    assert.equal(await intake.daemon.stop(), 'exit 0');
    // smtp-server's own patience with such a client is 5 s.
    assert.ok(performance.now() - startedAt < 4000);
  });

  it('under load answers no 250 that is not in the store', async (t) => {
    const intake = await startIntake(testScratch(t));
    const accepted: string[] = [];
    const clients = Array.from({ length: 8 }, () => deliverUntilClosed(t, intake, accepted));
    await eventually(
      () => (accepted.length >= 40 ? true : undefined),
      () => `${accepted.length} accepted`,
    );
    assert.equal(await intake.daemon.stop(), 'exit 0');
    await Promise.all(clients);
    const stored = new Set((await intake.store.list({ limit: 1_000_000 })).map((item) => item.id));
    assert.deepEqual(
      accepted.filter((id) => !stored.has(id)),
      [],
    );
  });
});

/** Sends message after message until the server closes; notes the id of every 250. */
async function deliverUntilClosed(
  t: TestContext,
  { socket, alice }: Intake,
  accepted: string[],
): Promise<void> {
  const client = await LmtpClient.open(t, socket);
  const oneMore = async (): Promise<string> => {
    const start = `MAIL FROM:<alice@example.com>\r\nRCPT TO:<${alice}>\r\nDATA\r\n`;
    client.write(`${start}${freshReply().text}\r\n.\r\n`);
    return (await client.replies(4)).at(-1) ?? '';
  };
  for (;;) {
    const reply = await oneMore().catch(() => '421');
    if (!reply.startsWith('250')) return;
    accepted.push(reply.slice(reply.lastIndexOf(' ') + 1));
  }
}

describe('a store that cannot serve for a while', () => {
  it('locked longer than the busy timeout: 451 4.3.0 after the dot, then 250 again', async (t) => {
    // The command deadline is shorter than the lock: a client that waits for us is not late.
    const intake = await startIntake(testScratch(t), { lmtp: { command_timeout: '2s', data_timeout: '2s' } });
    const { socket, alice, bob, scratch, store } = intake;
    const client = await LmtpClient.open(t, socket);
    const { id, text } = freshReply();
    await client.begin(alice, bob);

    const other = new Sqlite(scratch.path('mailgw.db'));
    t.after(() => other.close());
    other.exec('BEGIN EXCLUSIVE');
    client.write(`${text}\r\n.\r\n`);
    for (const reply of await client.replies(2)) assert.match(reply, /^451 4\.3\.0 /);
    other.exec('ROLLBACK');

    const replies = await client.deliver(text, alice, bob);
    for (const reply of replies) assert.match(reply, /^250 2\.0\.0 queued as /);
    assert.equal((await itemsOf(store, id)).length, 2);
    assert.match(intake.daemon.log(), /"transaction_failed"/);
  });

  it('a read that fails: 451 4.3.0 at RCPT, then 250 again', async (t) => {
    const { socket, alice, scratch } = await startIntake(testScratch(t));
    const client = await LmtpClient.open(t, socket);
    await client.say('MAIL FROM:<alice@example.com>');
    const other = new Sqlite(scratch.path('mailgw.db'));
    t.after(() => other.close());
    other.exec('ALTER TABLE salt RENAME TO salt_elsewhere');
    assert.match(await client.say(`RCPT TO:<${alice}>`), /^451 4\.3\.0 /);
    other.exec('ALTER TABLE salt_elsewhere RENAME TO salt');
    assert.match(await client.say(`RCPT TO:<${alice}>`), /^250 2\.1\.5 /);
    client.vanish();
  });
});
