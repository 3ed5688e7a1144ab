// The units under a real systemd, booted in a container over this very system; booted.ts tries them inside.
//
// Method: an overlay of / whose upper layer is a tmpfs, so that nothing of it outlives the test; a network of its own.
// Skipped with a reason where nobody may mount or boot.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { type RunResult, repositoryRoot, run, runOk } from '../support/process.ts';
import { Scratch } from '../support/scratch.ts';
import { mountTmpfs, tmpfsUnavailable } from '../support/tmpfs.ts';

const MEMORY_BYTES = 512 * 1024 * 1024;

/** Runs the steps, and ends the machine with them. */
const STEPS_UNIT = `[Unit]
Description=the steps of the test
After=sysinit.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
Environment=MAILGW_FAULT_ROUNDS=${process.env.MAILGW_FAULT_ROUNDS ?? 200}
StandardOutput=append:/steps.log
StandardError=append:/steps.log
ExecStart=/opt/node/bin/node /opt/mailgw/dist/test/system/booted.js /opt/mailgw /results
TimeoutStartSec=300
`;

/** Makes a root directory that is this system's, with our programs installed. */
async function makeRoot(scratch: Scratch): Promise<string> {
  const layers = await mountTmpfs(scratch, 'layers', MEMORY_BYTES);
  const [upper, work, root] = ['upper', 'work', 'root'].map((name) => join(layers, name)) as [
    string,
    string,
    string,
  ];
  for (const directory of [upper, work, root]) mkdirSync(directory);
  const options = `lowerdir=/,upperdir=${upper},workdir=${work}`;
  await runOk('mount', ['-t', 'overlay', 'overlay', '-o', options, root]);
  scratch.defer(async () => {
    await runOk('umount', ['--lazy', root]);
  });
  for (const directory of ['opt/mailgw', 'opt/node', 'usr/local/bin']) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  for (const [name, target] of [
    ['mailgwd', '/opt/mailgw/bin/mailgwd'],
    ['mailgw-ctl', '/opt/mailgw/bin/mailgw-ctl'],
    ['node', '/opt/node/bin/node'],
  ] as const) {
    rmSync(join(root, 'usr/local/bin', name), { force: true });
    symlinkSync(target, join(root, 'usr/local/bin', name));
  }
  for (const path of ['etc/mailgw', 'var/lib/mailgw']) {
    rmSync(join(root, path), { recursive: true, force: true });
  }
  writeFileSync(join(root, 'etc/machine-id'), '');
  writeFileSync(join(root, 'etc/systemd/system/steps.service'), STEPS_UNIT);
  return root;
}

async function boot(root: string, target: string): Promise<RunResult> {
  return await run('systemd-nspawn', [
    ...['--quiet', '--boot', '--register=no', '--keep-unit', '--private-network', '--console=pipe'],
    ...[`--directory=${root}`, `--machine=mailgw-test-${process.pid}`],
    `--bind-ro=${repositoryRoot}:/opt/mailgw`,
    `--bind-ro=${dirname(dirname(process.execPath))}:/opt/node`,
    `systemd.unit=${target}`,
  ]);
}

/** Why no machine can be booted here; false when one can. */
function unavailable(): string | false {
  if (process.getuid?.() !== 0) return 'unavailable: booting a container wants root';
  if (!existsSync('/usr/bin/systemd-nspawn')) return 'unavailable: systemd-nspawn is not installed';
  const mount = tmpfsUnavailable();
  if (mount !== false) return mount;
  const group = /^postfix:/m.test(readFileSync('/etc/group', 'utf8'));
  return group ? false : 'unavailable: Postfix is not installed, whose group owns the socket';
}

/** One line of what the steps found. */
interface Step {
  readonly name: string;
  readonly problem?: string;
}

describe('the units under a booted systemd', () => {
  it('start, reload, restart and are replaced as they should', { skip: unavailable() }, async (t) => {
    const scratch = new Scratch();
    t.after(async () => {
      scratch.note(t);
      await scratch.close();
    });
    const root = await makeRoot(scratch);
    const booted = await boot(root, 'steps.service');
    const read = (name: string): string =>
      existsSync(join(root, name)) ? readFileSync(join(root, name), 'utf8') : '';
    if (!existsSync(join(root, 'steps.log'))) {
      t.skip(`unavailable: systemd does not boot here: ${booted.stderr}${booted.stdout}`);
      return;
    }
    const steps = read('results')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Step);
    for (const { name, problem } of steps) {
      await t.test(name, () => {
        assert.equal(problem, undefined, `${problem ?? ''}\n${read('var/log/mailgw.log').slice(-5000)}`);
      });
    }
    assert.equal(steps.length, 8, `not every step was reached\n${read('steps.log')}`);
  });
});
