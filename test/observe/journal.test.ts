// The log where standard output is the journal's: a file stands in for its socket, which JOURNAL_STREAM names alike.

import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Settings, writeConfig } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { DaemonProcess, repositoryRoot } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

/** A daemon that starts, reloads a configuration that is refused and stops; its output's lines. */
async function linesOf(
  scratch: Scratch,
  streamOf: (output: string) => string | undefined,
  settings: Settings = {},
): Promise<string[]> {
  const config = writeConfig(scratch, scratch.path('lmtp.sock'), {
    sink: { url: 'http://127.0.0.1:9/', secret: `whsec_${Buffer.alloc(32).toString('base64')}` },
    settings,
  });
  const output = scratch.path('output');
  writeFileSync(output, '');
  const args = [join(repositoryRoot, 'bin', 'mailgwd'), '--config', config];
  const stream = streamOf(output);
  const daemon = new DaemonProcess(process.execPath, args, output, { JOURNAL_STREAM: stream });
  scratch.defer(() => daemon.end('SIGKILL').then(() => undefined));
  await until(daemon, /\bready\b/);
  writeFileSync(config, 'nonsense = 1\n');
  process.kill(daemon.pid, 'SIGHUP');
  await until(daemon, /\breload_refused\b/);
  assert.equal(await daemon.end('SIGTERM'), 'exit 0');
  return daemon.output().trimEnd().split('\n');
}

async function until(daemon: DaemonProcess, wanted: RegExp): Promise<void> {
  await eventually(
    () => Promise.resolve(wanted.test(daemon.output()) ? true : undefined),
    () => `${String(wanted)}\n${daemon.output()}`,
  );
}

/** What systemd sets for a service whose standard output is this file. */
function streamOf(output: string): string {
  const { dev, ino } = statSync(output);
  return `${dev}:${ino}`;
}

describe('the log in the journal', () => {
  it('has the priority of its level before each JSON line', async (t) => {
    const lines = await linesOf(testScratch(t), streamOf);
    const seen = new Set<string>();
    for (const line of lines) {
      assert.match(line, /^<\d>\{/);
      const { level } = JSON.parse(line.slice(3)) as { level: string };
      assert.equal(line[1], { error: '3', warn: '4', info: '6', debug: '7' }[level], line);
      seen.add(level);
    }
    assert.ok(seen.has('info') && seen.has('error'), lines.join('\n'));
  });

  it('has it before each line in plain words, where those are asked for', async (t) => {
    const lines = await linesOf(testScratch(t), streamOf, { log: { format: 'human' } });
    for (const line of lines) assert.match(line, /^(<6>\S+Z info |<3>\S+Z error|<4>\S+Z warn ) \w/);
    assert.ok(lines.some((line) => line.startsWith('<3>')));
  });

  it('has none where standard output is a file, though the unit has a journal', async (t) => {
    for (const line of await linesOf(testScratch(t), () => '8:12345')) assert.match(line, /^\{"level":/);
  });

  it('has it before what keeps the daemon from starting', async (t) => {
    const scratch = testScratch(t);
    const output = scratch.path('output');
    writeFileSync(output, '');
    const args = [join(repositoryRoot, 'bin', 'mailgwd'), '--config', scratch.path('none.toml')];
    const environment = { JOURNAL_STREAM: streamOf(output) };
    const daemon = new DaemonProcess(process.execPath, args, output, environment);
    assert.equal(await daemon.gone('its start'), 'exit 78');
    for (const line of daemon.output().trimEnd().split('\n')) assert.match(line, /^<3>mailgwd: /);
  });
});
