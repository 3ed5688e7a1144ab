// A daemon whose log nobody reads, as behind a journald that hangs: it goes on for a while, then says so to Postfix.
import assert from 'node:assert/strict';
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { describe, it, type TestContext } from 'node:test';
import { writeConfig } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { repositoryRoot } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

const NOBODY = { url: 'http://127.0.0.1:1/', secret: `whsec_${Buffer.alloc(32).toString('base64')}` };

interface Unread {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  readonly socket: string;
}

/** Starts a daemon and leaves what it prints in the pipe. */
async function startUnread(t: TestContext): Promise<Unread> {
  const scratch = testScratch(t);
  const socket = scratch.path('lmtp.sock');
  const config = writeConfig(scratch, socket, { sink: NOBODY, settings: { log: { format: 'json' } } });
  const child = spawn(process.execPath, [join(repositoryRoot, 'bin', 'mailgwd'), '--config', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  scratch.defer(() => void child.kill('SIGKILL'));
  await eventually(
    async () =>
      await LmtpClient.open(t, socket).then(
        () => true,
        () => undefined,
      ),
    () => 'a greeting',
    15_000,
  );
  return { child, socket };
}

/** Has so many recipients refused, each with a line in the log, and gives how many were. */
async function refuse(t: TestContext, socket: string, recipients: number): Promise<number> {
  const client = await LmtpClient.open(t, socket);
  await client.say('MAIL FROM:<alice@example.com>');
  client.write('RCPT TO:<nobody@reply.example.org>\r\n'.repeat(recipients));
  const replies = await client.replies(recipients);
  client.vanish();
  return replies.filter((reply) => reply.startsWith('550 5.1.1')).length;
}

async function mailFrom(t: TestContext, socket: string): Promise<string> {
  const client = await LmtpClient.open(t, socket);
  const reply = await client.say('MAIL FROM:<alice@example.com>');
  client.vanish();
  return reply;
}

/** More than the pipe and the buffer hold together, at some 180 bytes a line. */
const MANY = 20_000;

describe('a log that nobody reads', () => {
  it('stops no answer, puts new mail off with 451, and accounts for every line when it is read again', async (t) => {
    const { child, socket } = await startUnread(t);
    assert.equal(await refuse(t, socket, MANY), MANY);
    assert.match(await mailFrom(t, socket), /^451 4\.3\.0/);
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    await eventually(
      async () => ((await mailFrom(t, socket)).startsWith('250 2.1.0') ? true : undefined),
      () => '250 for MAIL',
      10_000,
    );
    // Mail is taken again while the last lines still wait for their reader.
    await eventually(
      () => (/"event":"log_lost".*\n/.test(printed) ? true : undefined),
      () => 'the line that counts what was lost',
      10_000,
    );
    const lines = printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const seen = lines.filter(({ detail }) => detail === 'no-token').length;
    const lost = lines.find(({ event }) => event === 'log_lost')?.lines;
    assert.ok(typeof lost === 'number' && lost > 0, printed.slice(-500));
    // The transactions that were put off meanwhile have their lines among the lost.
    assert.ok(seen + lost >= MANY && seen + lost < MANY + 100, `${seen} + ${lost}`);
  });

  it('does not keep the daemon from stopping', async (t) => {
    const { child, socket } = await startUnread(t);
    await refuse(t, socket, MANY);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });

  it('that is gone does not end the daemon', async (t) => {
    const { child, socket } = await startUnread(t);
    child.stdout.destroy();
    assert.equal(await refuse(t, socket, 10), 10);
    assert.match(await mailFrom(t, socket), /^250 2\.1\.0/);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });
});
