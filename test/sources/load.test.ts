// The real daemon under what wears servers out: too many bytes, too many connections, too few descriptors.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { freshReply, type Intake, startIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { peakRssBytes, rssBytes } from '../support/proc.ts';
import { runOk } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

const MIB = 1024 * 1024;

async function takesMail(t: TestContext, { socket, alice }: Intake): Promise<void> {
  const client = await LmtpClient.open(t, socket);
  assert.match((await client.deliver(freshReply().text, alice))[0] ?? '', /^250 2\.0\.0 queued/);
}

describe('a message of 50 MB against a limit of 25 MiB', () => {
  it('is read to its dot, refused for each recipient, and not kept in memory', async (t) => {
    const intake = await startIntake(testScratch(t));
    const client = await LmtpClient.open(t, intake.socket);
    const line = `${'x'.repeat(998)}\r\n`;
    const message = `${freshReply().text}\r\n${line.repeat(50_000)}`;
    const replies = await client.deliver(message, intake.alice, intake.bob, intake.alice);
    for (const reply of replies) assert.match(reply, /^552 5\.3\.4/);
    const peak = peakRssBytes(intake.daemon.pid);
    t.diagnostic(`VmHWM ${Math.round(peak / 1e6)} MB`);
    assert.ok(peak < 200_000_000, String(peak));
    await takesMail(t, intake);
  });
});

describe('more messages under way than there is memory for', () => {
  it('are deferred with 421, and taken again when the others are through', async (t) => {
    const intake = await startIntake(testScratch(t), { lmtp: { max_buffered: '8MiB' } });
    const half = 'y'
      .repeat(998)
      .concat('\r\n')
      .repeat(5 * 1049);
    const clients: LmtpClient[] = [];
    for (let n = 0; n < 4; n++) {
      const client = await LmtpClient.open(t, intake.socket);
      await client.begin(intake.alice);
      client.write(`${freshReply().text}\r\n${half}`);
      clients.push(client);
    }
    const replies: string[] = [];
    for (const client of clients) {
      client.write('.\r\n');
      replies.push(await client.reply());
    }
    assert.ok(
      replies.some((reply) => reply.startsWith('421 4.3.2')),
      replies.join('\n'),
    );
    await takesMail(t, intake);
  });
});

describe('a thousand idle connections', () => {
  it('cost less than 40 KB each', async (t) => {
    const intake = await startIntake(testScratch(t), { lmtp: { max_connections: 1100 } });
    await takesMail(t, intake);
    const before = rssBytes(intake.daemon.pid);
    const sockets: Socket[] = [];
    t.after(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (let n = 0; n < 1000; n++) {
      const socket = createConnection(intake.socket);
      sockets.push(socket);
      await once(socket, 'data');
    }
    const each = (rssBytes(intake.daemon.pid) - before) / 1000;
    t.diagnostic(
      `${Math.round(each)} bytes each, peak ${Math.round(peakRssBytes(intake.daemon.pid) / MIB)} MiB`,
    );
    assert.ok(each < 40_000, String(each));
    await takesMail(t, intake);
  });
});

describe('a daemon that runs out of file descriptors', () => {
  it('survives, turns clients away or lets them wait, and takes mail when there are some again', async (t) => {
    const intake = await startIntake(testScratch(t));
    await runOk('prlimit', ['--pid', String(intake.daemon.pid), '--nofile=50:50']);
    const sockets = Array.from({ length: 80 }, () => {
      const socket = createConnection(intake.socket);
      socket.on('error', () => undefined);
      return socket;
    });
    const greeted = sockets.map((socket) => once(socket, 'data').then(() => true));
    assert.ok(await Promise.race(greeted), 'those that it has descriptors for are served');
    await runOk('prlimit', ['--pid', String(intake.daemon.pid)]); // it lives
    for (const socket of sockets) socket.destroy();
    // Until it has closed its own ends, one who comes is still turned away.
    await eventually(
      () =>
        takesMail(t, intake).then(
          () => true,
          () => undefined,
        ),
      () => intake.daemon.log(),
    );
  });
});
