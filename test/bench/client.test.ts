import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type Load, runLoad } from './client.ts';
import { buildMail } from './message.ts';

interface Seen {
  readonly messageIds: string[];
  connections: number;
}

function loadFor(socketPath: string): Load {
  return {
    target: { path: socketPath },
    protocol: 'lmtp',
    sessions: 3,
    mails: 30,
    connection: 'kept',
    mail: buildMail(4096, 'reader@client.example', 'run'),
    sender: 'reader@client.example',
    recipients: ['one@reply.example', 'two@reply.example'],
    deadlineMs: 10_000,
  };
}

/** A scripted LMTP server that writes its replies byte by byte; `answer` gives the reply to the n-th mail, or hangs up. */
async function serve(test: TestContext, answer: (mail: number) => string | undefined) {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-client-'));
  const seen: Seen = { messageIds: [], connections: 0 };
  let mails = 0;
  const server = net.createServer((socket) => {
    seen.connections++;
    const reply = (text: string) => {
      for (const byte of Buffer.from(text)) socket.write(Buffer.of(byte));
    };
    let inData = false;
    let pending = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\r\n'); end >= 0; end = pending.indexOf('\r\n')) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 2);
        if (inData) {
          if (line.startsWith('Message-ID: ')) seen.messageIds.push(line);
          if (line !== '.') continue;
          inData = false;
          const text = answer(++mails);
          if (text === undefined) socket.destroy();
          else reply(`${text}\r\n`);
        } else if (line === 'DATA') {
          inData = true;
          reply('354 go on\r\n');
        } else if (line === 'QUIT') socket.end('221 bye\r\n');
        else reply(line.startsWith('LHLO') ? '250-here\r\n250-PIPELINING\r\n250 8BITMIME\r\n' : '250 ok\r\n');
      }
    });
    reply('220 here\r\n');
  });
  const socketPath = path.join(directory, 's');
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  test.after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  return { load: loadFor(socketPath), seen };
}

describe('the load client', () => {
  it('sends the count of mails over the sessions that it keeps, each with a Message-ID of its own', async (test) => {
    const { load, seen } = await serve(test, () => '250 2.0.0 queued');
    const result = await runLoad(load);
    assert.equal(result.accepted, 30);
    assert.equal(result.refused.size, 0);
    assert.equal(new Set(seen.messageIds).size, 30);
    assert.equal(seen.connections, 3);
    assert.ok(result.rate > 0 && result.p99Ms >= result.p50Ms);
  });

  it('makes a connection per mail where it is told to', async (test) => {
    const { load, seen } = await serve(test, () => '250 2.0.0 queued');
    const result = await runLoad({ ...load, connection: 'each' });
    assert.equal(result.accepted, 30);
    assert.equal(seen.connections, 30);
  });

  it('counts as accepted only what is answered 250 and kept', async (test) => {
    const answers = ['452 4.3.1 full', '250 2.0.0 discarded', '250 2.0.0 duplicate of 17'];
    const { load } = await serve(test, (mail) => answers[mail - 1] ?? '250 2.0.0 queued');
    const result = await runLoad(load);
    assert.equal(result.accepted, 27);
    assert.deepEqual([...result.refused.keys()].sort(), [
      'dot: 250 2.0.0 discarded',
      'dot: 250 2.0.0 duplicate of 17',
      'dot: 452 4.3.1 full',
    ]);
  });

  it('counts a connection that is closed, and goes on', async (test) => {
    const { load } = await serve(test, (mail) => (mail === 5 ? undefined : '250 2.0.0 queued'));
    const result = await runLoad(load);
    assert.equal(result.accepted, 29);
    assert.equal(result.broken, 1);
  });

  it('ends when nobody listens', async () => {
    const result = await runLoad(loadFor(path.join(tmpdir(), 'bench-nobody-listens')));
    assert.equal(result.accepted, 0);
    assert.ok(result.broken >= 20);
  });
});
