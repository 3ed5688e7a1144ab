// What mailgwd says of itself where it runs as root.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { writeConfig } from './support/daemon.ts';
import { eventually } from './support/eventually.ts';
import { NO_SINK } from './support/intake.ts';
import { DaemonProcess, repositoryRoot, runOk } from './support/process.ts';
import { testScratch } from './support/scratch.ts';

/** The user and group that nothing belongs to. */
const NOBODY = '65534';

const skip =
  process.getuid?.() === 0 && existsSync('/usr/bin/setpriv')
    ? false
    : 'unavailable: only root can start a daemon as root and as somebody else, with setpriv';

/** The lines of the log up to readiness that speak of root, of a daemon that runs as this user. */
async function linesOnRoot(t: TestContext, user: string): Promise<Record<string, unknown>[]> {
  const scratch = testScratch(t);
  const config = writeConfig(scratch, scratch.path('lmtp.sock'), { sink: NO_SINK });
  await runOk('chown', ['-R', `${user}:${user}`, scratch.directory]);
  const program = [process.execPath, join(repositoryRoot, 'bin', 'mailgwd'), '--config', config];
  const privileges = [`--reuid=${user}`, `--regid=${user}`, '--clear-groups'];
  const daemon = new DaemonProcess('setpriv', [...privileges, ...program], scratch.path('mailgwd.log'));
  scratch.defer(async () => {
    await daemon.end('SIGTERM');
  });
  await eventually(
    () => (daemon.output().includes('"event":"ready"') ? true : undefined),
    () => daemon.output(),
  );
  return daemon
    .output()
    .split('\n')
    .filter((line) => line.includes('root'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('mailgwd', { skip }, () => {
  it('that runs as root says so once, as a warning', async (t) => {
    const lines = await linesOnRoot(t, '0');
    assert.deepEqual(
      lines.map(({ level, event, reason }) => [level, event, reason]),
      [['warn', 'runs_as_root', "runs as root; the package's service runs as user mailgw"]],
    );
  });

  it('that runs as somebody else has no word on it', async (t) => {
    assert.deepEqual(await linesOnRoot(t, NOBODY), []);
  });
});
