// Two clients that others wrote speak to the real daemon: Python's smtplib and nodemailer.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createConnection } from 'node:net';
import { describe, it } from 'node:test';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { freshReply, itemsOf, suiteIntake } from '../support/intake.ts';
import { runOk } from '../support/process.ts';

const PYTHON = '/usr/bin/python3';

/** Sends the message on standard input to two addresses and one that does not exist; prints every reply. */
const PYTHON_CLIENT = `
import smtplib, sys
socket, first, second = sys.argv[1:]
message = sys.stdin.buffer.read()
with smtplib.LMTP(socket) as client:
    client.ehlo()
    print(sorted(client.esmtp_features))
    for code, text in [
        client.mail("alice@example.com", ["BODY=8BITMIME", "SIZE=%d" % len(message)]),
        client.rcpt(first), client.rcpt("nobody@reply.example.org"), client.rcpt(second), client.rcpt(first),
        client.data(message), client.getreply(), client.getreply(), client.noop(),
    ]:
        print(code, text.decode())
    print(client.sendmail("alice@example.com", [first], message))
`;

describe('independent clients', { concurrency: false }, () => {
  const intake = suiteIntake();

  const skip = existsSync(PYTHON) ? false : 'unavailable: Python is not installed';
  it('smtplib.LMTP gets a reply per recipient', { skip }, async () => {
    const { socket, alice, bob, store } = intake();
    const { id, text } = freshReply('.dots\n..more\nGrüße');
    const printed = await run(PYTHON_CLIENT, [socket, alice, bob], text);
    const [forAlice, forBob] = await itemsOf(store, id);
    assert.deepEqual(printed, [
      "['8bitmime', 'enhancedstatuscodes', 'pipelining', 'size', 'smtputf8']",
      '250 2.1.0 sender OK',
      '250 2.1.5 recipient OK',
      '550 5.1.1 no such reply address',
      '250 2.1.5 recipient OK',
      '250 2.1.5 recipient OK',
      `250 2.0.0 queued as ${forAlice?.id}`,
      `250 2.0.0 queued as ${forBob?.id}`,
      `250 2.0.0 duplicate of ${forAlice?.id}`,
      '250 2.0.0 OK',
      '{}',
    ]);
    assert.equal(Buffer.from((await store.content(forAlice!.id)) ?? '').toString(), `${text}\r\n`);
  });

  it('nodemailer gets a reply per recipient', async () => {
    const { socket, alice, bob, store } = intake();
    const { id, text } = freshReply('.dots\n..more\nGrüße');
    const sent = await sendWithNodemailer(socket, [alice, 'nobody@reply.example.org', bob], text);
    assert.deepEqual(sent.accepted, [alice, bob]);
    assert.deepEqual(sent.rejected, ['nobody@reply.example.org']);
    const items = await itemsOf(store, id);
    assert.deepEqual(
      items.map((item) => item.user),
      ['alice', 'bob'],
    );
    assert.equal(Buffer.from((await store.content(items[0]!.id)) ?? '').toString(), `${text}\r\n`);
  });
});

async function run(script: string, args: readonly string[], input: string): Promise<string[]> {
  return (await runOk(PYTHON, ['-c', script, ...args], input)).trimEnd().split('\n');
}

/** Sends a message over nodemailer's own connection, in its LMTP mode. */
async function sendWithNodemailer(
  socket: string,
  to: string[],
  message: string,
): Promise<{ accepted: readonly string[]; rejected: readonly string[] }> {
  const connection = new SMTPConnection({ lmtp: true, connection: createConnection(socket) });
  try {
    return await new Promise((resolve, reject) => {
      connection.once('error', reject);
      connection.connect(() => {
        connection.send({ from: 'alice@example.com', to }, message, (error, info) => {
          if (error) reject(error);
          else resolve({ accepted: info.accepted, rejected: info.rejected });
        });
      });
    });
  } finally {
    connection.close();
  }
}
