// Signals that other daemons take for "reopen the log", and Node for "open a debugger".
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { it } from 'node:test';
import { startIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { repositoryRoot } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

it('SIGUSR1 opens no debugger in mailgwd, which goes on', async (t) => {
  const { daemon, socket } = await startIntake(testScratch(t));
  process.kill(daemon.pid, 'SIGUSR1');
  const client = await LmtpClient.open(t, socket);
  assert.match(await client.say('NOOP'), /^250/);
  assert.doesNotMatch(daemon.log(), /Debugger/);
});

it('SIGUSR1 opens no debugger in mailgw-ctl, such as top', async (t) => {
  const { daemon, scratch } = await startIntake(testScratch(t));
  const program = join(repositoryRoot, 'bin', 'mailgw-ctl');
  const child = spawn(process.execPath, [program, '--config', daemon.config, 'top'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  scratch.defer(() => void child.kill('SIGKILL'));
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
  }
  // Without a terminal it prints one picture, in one piece or more, and ends by itself.
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  child.kill('SIGUSR1');
  assert.deepEqual(await closed, [0, null]);
  assert.doesNotMatch(said, /Debugger/);
});
