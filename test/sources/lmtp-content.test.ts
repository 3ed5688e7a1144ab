// The content of a message through the real daemon: its end, its dots, its octets, its size, and its cost.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { freshReply, itemsOf, storedMessage, suiteIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { newMessageId } from '../support/message.ts';

/** Stuffs dots as a client must (RFC 5321 §4.5.2); `content` ends in CRLF. */
function stuffed(content: Buffer): Buffer {
  const text = content.toString('latin1').replaceAll('\r\n.', '\r\n..');
  return Buffer.from(text.startsWith('.') ? `.${text}` : text, 'latin1');
}

/** Removes the dots again, as a server must. */
function unstuffed(text: string): string {
  return text.replaceAll('\r\n.', '\r\n');
}

/** A header with an id of its own. */
function header(id: string): string {
  return `From: alice@example.com\r\nMessage-ID: <${id}>\r\nSubject: octets\r\n\r\n`;
}

describe('the end of data (RFC 5321 §4.1.1.4)', { concurrency: false }, () => {
  const intake = suiteIntake();

  const notTheEnd: readonly string[] = [
    '\n.\n',
    '\r\n.\n',
    '\n.\r\n',
    '\r.\r\n',
    '\r.\r',
    '\n.\r',
    '\r\n.\r',
    '\r\n.\r\r\n',
    '\r\n\0.\r\n',
    '\r\n.\0\r\n',
    '\r\n .\r\n',
    '\r\n. \r\n',
    '\r\n..\r\n',
    '\r\r\n.\r\r\n',
  ];
  const smuggled = 'MAIL FROM:<eve@example.com>\r\nRCPT TO:<eve@example.com>\r\nDATA\r\n';

  for (const variant of notTheEnd) {
    for (const way of ['whole', 'byte by byte'] as const) {
      it(`${JSON.stringify(variant)} ${way} is content, and so are the commands behind it`, async (t) => {
        const { socket, alice, store } = intake();
        const client = await LmtpClient.open(t, socket);
        const id = newMessageId();
        const content = `${header(id)}before${variant}${smuggled}after\r\n`;
        await client.begin(alice);
        if (way === 'whole') client.write(`${content}.\r\nNOOP\r\n`);
        else await client.trickle(`${content}.\r\nNOOP\r\n`);
        const [end, noop] = await client.replies(2);
        assert.match(end ?? '', /^250 2\.0\.0 queued as /);
        assert.equal(noop, '250 2.0.0 OK');
        assert.equal((await storedMessage(store, id)).toString(), unstuffed(content));
      });
    }
  }
});

describe('octets', { concurrency: false }, () => {
  const intake = suiteIntake();

  it('mailgw-ctl queue cat gives what was sent, byte for byte, dots and all', async (t) => {
    const { daemon, socket, alice, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const id = newMessageId();
    const content = Buffer.from(`${header(id)}.\r\n..\r\n...x\r\n.x.\r\n\r\n.\r\nlast\r\n.\r\n`);
    await client.begin(alice);
    client.write(Buffer.concat([stuffed(content), Buffer.from('.\r\n')]));
    assert.match(await client.reply(), /^250 2\.0\.0 queued as /);
    const [item] = await itemsOf(store, id);
    const [row] = await daemon.ctl('queue', 'cat', item!.id);
    assert.deepEqual(Buffer.from(String(row?.content_base64), 'base64'), content);
  });

  it('any octets survive: NUL, 8-bit, bare CR and LF, a megabyte of noise', async (t) => {
    const { socket, alice, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const id = newMessageId();
    const noise = Buffer.concat([randomBytes(1024 * 1024), Buffer.from('\r\n.\r.\n.\0\r\n')]);
    const content = Buffer.concat([Buffer.from(header(id)), noise]);
    await client.begin(alice);
    client.write(Buffer.concat([stuffed(content), Buffer.from('.\r\n')]));
    assert.match(await client.reply(), /^250 2\.0\.0 queued as /);
    assert.ok((await storedMessage(store, id)).equals(content));
  });

  it('UTF-8 in header and body survives (RFC 6532)', async (t) => {
    const { socket, alice, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const { id, text } = freshReply('Grüße, 世界 👋');
    const message = `Subject: Übersicht 世界\r\n${text}`;
    await client.sayAll('MAIL FROM:<übung@example.com> SMTPUTF8 BODY=8BITMIME', `RCPT TO:<${alice}>`, 'DATA');
    client.write(`${message}\r\n.\r\n`);
    assert.match(await client.reply(), /^250 2\.0\.0 queued as /);
    assert.equal((await storedMessage(store, id)).toString('utf8'), `${message}\r\n`);
  });

  it('an empty message is taken to its dot and discarded', async (t) => {
    const { socket, alice } = intake();
    const client = await LmtpClient.open(t, socket);
    await client.begin(alice);
    client.write('.\r\n');
    assert.equal(await client.reply(), '250 2.0.0 discarded');
  });
});

describe('the size of a message (RFC 1870)', { concurrency: false }, () => {
  const MAX_BYTES = 64 * 1024;
  const intake = suiteIntake({ lmtp: { max_message: '64KiB' } });

  /** A message of exactly so many octets. */
  function messageOf(bytes: number, id: string): Buffer {
    const head = Buffer.from(header(id));
    return Buffer.concat([head, Buffer.alloc(bytes - head.length - 2, 'x'), Buffer.from('\r\n')]);
  }

  it('at the limit it is taken', async (t) => {
    const { socket, alice, store } = intake();
    const client = await LmtpClient.open(t, socket);
    const id = newMessageId();
    await client.begin(alice);
    client.write(Buffer.concat([messageOf(MAX_BYTES, id), Buffer.from('.\r\n')]));
    assert.match(await client.reply(), /^250 2\.0\.0 queued as /);
    assert.equal((await storedMessage(store, id)).length, MAX_BYTES);
  });

  for (const bytes of [MAX_BYTES + 1, 5_000_000]) {
    it(`${bytes} octets are read to the dot, refused per recipient, and the session goes on`, async (t) => {
      const { socket, alice, bob, store } = intake();
      const client = await LmtpClient.open(t, socket);
      const id = newMessageId();
      await client.begin(alice, bob, alice);
      client.write(Buffer.concat([messageOf(bytes, id), Buffer.from('.\r\n')]));
      for (const reply of await client.replies(3)) assert.match(reply, /^552 5\.3\.4 /);
      assert.deepEqual(await itemsOf(store, id), []);
      const [next] = await client.deliver(freshReply().text, alice);
      assert.match(next ?? '', /^250 2\.0\.0 queued as /);
    });
  }
});

describe('the cost of a message', { concurrency: false }, () => {
  const intake = suiteIntake();

  /** Processor time of a process in seconds, all threads. */
  function cpuSeconds(pid: number): number {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
    const TICKS_PER_SECOND = 100;
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  it('2.5 million lines that begin with a dot take a fraction of the 3.4 s that smtp-server takes', async (t) => {
    const { daemon, socket, alice } = intake();
    const client = await LmtpClient.open(t, socket);
    const before = cpuSeconds(daemon.pid);
    await client.begin(alice);
    client.write(Buffer.concat([Buffer.from(header(newMessageId())), Buffer.alloc(10_000_000, '..\r\n')]));
    client.write('.\r\n');
    assert.match(await client.reply(), /^250 2\.0\.0 queued as /);
    const took = cpuSeconds(daemon.pid) - before;
    assert.ok(took < 2, `took ${took} s of processor time`);
    t.diagnostic(`${took.toFixed(2)} s of processor time`);
  });
});
