// What mailgwd says of itself where it runs as root, and what doctor says of it.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseRows, runTool } from '../ctl/tool.ts';
import { writeConfig } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { NO_SINK } from '../support/intake.ts';
import { DaemonProcess, repositoryRoot, runOk } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

/** The user and group that nothing belongs to. */
const NOBODY = '65534';

const skip =
  process.getuid?.() === 0 && existsSync('/usr/bin/setpriv')
    ? false
    : 'unavailable: only root can start a daemon as root and as somebody else, with setpriv';

interface Serving {
  readonly scratch: Scratch;
  readonly config: string;
  readonly daemon: DaemonProcess;
}

/** A daemon that runs as this user, and is ready. */
async function serveAs(t: TestContext, user: string): Promise<Serving> {
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
  return { scratch, config, daemon };
}

/** The lines of the log up to readiness that speak of root, of a daemon that runs as this user. */
async function linesOnRoot(t: TestContext, user: string): Promise<Record<string, unknown>[]> {
  const { daemon } = await serveAs(t, user);
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

/** What doctor says of whom the daemon runs as, beside a service with these lines. */
async function doctorOn({ scratch, config }: Serving, service?: string): Promise<Record<string, unknown>> {
  const units = scratch.path('units');
  mkdirSync(units, { recursive: true });
  const text = `[Service]\nExecStart=mailgwd --config ${config}\n${service ?? ''}`;
  if (service !== undefined) writeFileSync(join(units, 'mailgw-forum.service'), text);
  const { stdout } = await runTool(['--config', config, '--json', 'doctor'], [`SYSTEMD_UNIT_PATH=${units}`]);
  return parseRows(stdout).find(({ check }) => check === 'daemon.user') ?? {};
}

describe('mailgw-ctl doctor', { skip }, () => {
  it('warns of a mailgwd that runs as root, and names the service and its User', async (t) => {
    const serving = await serveAs(t, '0');
    for (const [service, fix] of [
      [undefined, /^stop it, chown -R mailgw: \S+, and .*: mailgw\.service has User=mailgw$/],
      ['', /^systemctl stop mailgw-forum\.service; .*\[Service\] User=mailgw Group=mailgw/],
      ['User=root\n', /^systemctl stop mailgw-forum\.service; .*\[Service\] User=mailgw Group=mailgw/],
      ['User=forum\n', /root started, chown -R forum: .*start mailgw-forum\.service, which has User=forum$/],
    ] as const) {
      const found = await doctorOn(serving, service);
      assert.equal(found.status, 'warning');
      assert.match(String(found.what), /^mailgwd runs as root: /);
      assert.match(String(found.fix), fix);
    }
    await serving.daemon.end('SIGKILL');
    assert.equal((await doctorOn(serving)).status, 'skipped');
  });

  it('finds nothing wrong with one that runs as somebody else', async (t) => {
    const found = await doctorOn(await serveAs(t, NOBODY));
    assert.deepEqual([found.status, found.what], ['ok', `mailgwd runs as user ${NOBODY}`]);
  });
});
