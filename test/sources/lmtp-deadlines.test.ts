// Clients that are slow, silent or gone, against the real daemon: deadlines in total, half-closed connections.

import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freshReply, itemsOf, suiteIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';

/** How late the daemon may be on a busy machine; what trickles in would keep an idle timeout from ever ending. */
const LATE_MS = 8000;

/** Writes a byte every 50 ms until the server closes; its last replies and the time that it took. */
async function trickleUntilClosed(
  client: LmtpClient,
  octets: string,
): Promise<{ replies: string[]; ms: number }> {
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    client.write(octets.charAt(sent++ % octets.length));
  }, 50);
  try {
    const replies = await client.rest();
    return { replies, ms: performance.now() - startedAt };
  } finally {
    clearInterval(timer);
  }
}

describe('deadlines in total', { concurrency: false }, () => {
  const intake = suiteIntake({ lmtp: { command_timeout: '1s', data_timeout: '1500ms' } });
  const timeout = /^421 4\.4\.2 timeout/;

  it('a client that says nothing after the greeting is closed', async (t) => {
    const client = await LmtpClient.connect(t, intake().socket);
    await client.reply();
    assert.match((await client.rest()).join(), timeout);
  });

  it('a command that trickles in is closed, however often a byte comes', async (t) => {
    const client = await LmtpClient.open(t, intake().socket);
    const { replies, ms } = await trickleUntilClosed(client, 'x');
    assert.match(replies.join(), timeout);
    assert.ok(ms > 900 && ms < LATE_MS, `took ${ms} ms`);
  });

  it('a message that trickles in is closed and not stored', async (t) => {
    const { socket, alice, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const { id, text } = freshReply();
    await client.begin(alice);
    client.write(`${text}\r\n`);
    const { replies, ms } = await trickleUntilClosed(client, 'x\r\n');
    assert.match(replies.join(), timeout);
    assert.ok(ms > 1400 && ms < LATE_MS, `took ${ms} ms`);
    assert.deepEqual(await itemsOf(store, id), []);
  });

  it('every command has its own', async (t) => {
    const client = await LmtpClient.open(t, intake().socket);
    const startedAt = performance.now();
    while (performance.now() - startedAt < 1500) {
      assert.equal(await client.say('NOOP'), '250 2.0.0 OK');
      await client.trickle('NO');
      assert.equal(await client.say('OP'), '250 2.0.0 OK');
    }
  });

  it('a client that takes no replies is closed and keeps nobody else waiting', async (t) => {
    const { socket, daemon } = intake();
    const deaf = createConnection(socket);
    t.after(() => deaf.destroy());
    deaf.on('error', () => undefined);
    deaf.pause();
    const closings = () => daemon.log().split('"connection_closed"').length;
    const before = closings();
    deaf.write('NOOP\r\n'.repeat(1_000_000));
    await eventually(
      () => (closings() > before ? true : undefined),
      () => 'the deadline of a client that does not read',
    );
    const client = await LmtpClient.open(t, socket);
    assert.equal(await client.say('NOOP'), '250 2.0.0 OK');
  });
});

describe('clients that go', { concurrency: false }, () => {
  const intake = suiteIntake();

  it('one that closes its side after the dot gets its replies', async (t) => {
    const { socket, alice, bob, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const { id, text } = freshReply();
    await client.begin(alice, bob, alice);
    client.write(`${text}\r\n.\r\n`);
    client.halfClose();
    const replies = await client.rest();
    assert.deepEqual(
      replies.map((reply) => reply.slice(0, 13)),
      ['250 2.0.0 que', '250 2.0.0 que', '250 2.0.0 dup'],
    );
    assert.equal((await itemsOf(store, id)).length, 2);
  });

  it('one that says everything and closes its side before the greeting gets all replies', async (t) => {
    const { socket, alice } = intake();
    const client = await LmtpClient.connect(t, socket);
    const commands = `LHLO x\r\nMAIL FROM:<a@example.com>\r\nRCPT TO:<${alice}>\r\nDATA\r\n`;
    client.write(`${commands}${freshReply().text}\r\n.\r\n`);
    client.halfClose();
    const replies = await client.rest();
    assert.equal(replies.length, 6, client.dialogue);
    assert.match(replies[5] ?? '', /^250 2\.0\.0 queued as /);
  });

  it('one that closes its side or vanishes in DATA leaves nothing behind', async (t) => {
    const { socket, alice, store } = intake();
    const { id, text } = freshReply();
    for (const leave of ['halfClose', 'vanish'] as const) {
      const client = await LmtpClient.open(t, socket);
      await client.begin(alice);
      client.write(`${text}\r\n.`);
      client[leave]();
      if (leave === 'halfClose') assert.deepEqual(await client.rest(), []);
    }
    const client = await LmtpClient.open(t, socket);
    const [reply] = await client.deliver(text, alice);
    assert.match(reply ?? '', /^250 2\.0\.0 queued as /);
    assert.equal((await itemsOf(store, id)).length, 1);
  });

  it('one that vanishes before its reply and sends again has one item', async (t) => {
    const { socket, alice, store } = intake();
    const { id, text } = freshReply();
    for (let round = 0; round < 20; round++) {
      const client = await LmtpClient.open(t, socket);
      await client.begin(alice);
      client.write(`${text}\r\n.\r\n`);
      client.vanish();
    }
    const client = await LmtpClient.open(t, socket);
    const [reply] = await client.deliver(text, alice);
    const items = await itemsOf(store, id);
    assert.equal(items.length, 1);
    assert.match(reply ?? '', /^250 2\.0\.0 (queued as|duplicate of) /);
    assert.ok(reply?.endsWith(items[0]!.id));
  });
});
