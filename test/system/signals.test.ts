// Signals that other daemons take for "reopen the log", and Node for "open a debugger".
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { testScratch } from '../support/scratch.ts';

it('SIGUSR1 opens no debugger in mailgwd, which goes on', async (t) => {
  const { daemon, socket } = await startIntake(testScratch(t));
  process.kill(daemon.pid, 'SIGUSR1');
  const client = await LmtpClient.open(t, socket);
  assert.match(await client.say('NOOP'), /^250/);
  assert.doesNotMatch(daemon.log(), /Debugger/);
});
