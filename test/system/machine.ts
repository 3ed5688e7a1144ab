// A machine of a test's own: this very system under an overlay, of which nothing is left; programs run in it, or it boots.
//
// Contract: the root is this system's with what the test changes in it; in the first place that is everything of an
// installed mailgw, which is taken away. A booted machine has a network of its own, only a loopback, and runs one program of
// ours, which writes down how each step went; it ends with that program.
// Failure: bootUnavailable() says why no machine can be booted here. A machine that should boot and does not is a failure.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { type RunResult, repositoryRoot, run, runOk } from '../support/process.ts';
import { ROUNDS } from '../support/rounds.ts';
import type { Scratch } from '../support/scratch.ts';
import { mountTmpfs } from '../support/tmpfs.ts';
import { ALL_TAKEN, type Step } from './steps.ts';

const MEMORY_BYTES = 1024 * 1024 * 1024;

/** Where a booted machine finds this checkout and this Node. */
const CHECKOUT = '/opt/mailgw';
const NODE = '/opt/node';

const RESULTS = '/results';
const LOG = '/steps.log';

/** Why no machine can be booted here, in words for `skip`; false when one can. */
export async function bootUnavailable(): Promise<string | false> {
  const { code, stdout, stderr } = await run(join(repositoryRoot, '.ci/can-boot'), []);
  return code === 0 ? false : `unavailable: no systemd can be booted here: ${stdout}${stderr}`.trimEnd();
}

/** Whether `.ci/run` has shown that no machine can be booted here, and said so: then there is no test to skip. */
export const isBootImpossible = process.env.MAILGW_BOOT_IMPOSSIBLE !== undefined;

/** This system's root under an overlay. */
export class Machine {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  /** Mounts the overlay, with memory for what changes in it; it goes with the scratch. */
  static async make(scratch: Scratch): Promise<Machine> {
    const layers = await mountTmpfs(scratch, 'layers', MEMORY_BYTES);
    const [upper, work, root] = ['upper', 'work', 'root'].map((name) => join(layers, name)) as [
      string,
      string,
      string,
    ];
    for (const directory of [upper, work, root]) mkdirSync(directory);
    const options = `lowerdir=/,upperdir=${upper},workdir=${work}`;
    await runOk('mount', ['-t', 'overlay', 'overlay', '-o', options, root]);
    scratch.defer(() => runOk('umount', ['--lazy', root]).then(() => undefined));
    const machine = new Machine(root);
    const programs = ['usr/local/bin/mailgwd', 'usr/local/bin/mailgw-ctl'];
    for (const path of [...programs, 'etc/mailgw', 'var/lib/mailgw'])
      rmSync(machine.path(path), { recursive: true, force: true });
    return machine;
  }

  /** The path of a file of this machine. */
  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** Makes the machine ready for try() and run(), in which programs see its processes as they see this system's. */
  async mountProc(scratch: Scratch): Promise<void> {
    await runOk('mount', ['-t', 'proc', 'proc', this.path('proc')]);
    scratch.defer(() => runOk('umount', ['--lazy', this.path('proc')]).then(() => undefined));
  }

  /** Runs a program to its end. */
  async try(...words: string[]): Promise<RunResult> {
    return await run('env', ['-C', '/', 'DEBIAN_FRONTEND=noninteractive', 'chroot', this.root, ...words]);
  }

  /** Runs a program that must succeed; its standard output. */
  async run(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.try(...words);
    assert.equal(code, 0, `${words.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  }

  /** Boots systemd and, in it, one program of this checkout's dist/test/system/, which takes the steps. */
  async #boot(program: string): Promise<RunResult> {
    const words = [`${NODE}/bin/node`, `${CHECKOUT}/dist/test/system/${program}`, CHECKOUT, RESULTS];
    writeFileSync(this.path('etc/systemd/system/steps.service'), stepsUnit(words.join(' ')));
    writeFileSync(this.path('etc/machine-id'), '');
    for (const place of [CHECKOUT, NODE]) mkdirSync(this.path(place), { recursive: true });
    return await run('systemd-nspawn', [
      ...['--quiet', '--boot', '--register=no', '--keep-unit', '--private-network', '--console=pipe'],
      ...[`--directory=${this.root}`, `--machine=mailgw-test-${process.pid}`],
      `--bind-ro=${repositoryRoot}:${CHECKOUT}`,
      `--bind-ro=${dirname(dirname(process.execPath))}:${NODE}`,
      'systemd.unit=steps.service',
    ]);
  }

  /** Takes the steps of a program in the booted machine, each as a test; `log` is a file of the machine that tells more. */
  async takeSteps(t: TestContext, program: string, log: string): Promise<void> {
    const booted = await this.#boot(program);
    const read = (name: string): string =>
      existsSync(this.path(name)) ? readFileSync(this.path(name), 'utf8') : '';
    const steps = read(RESULTS)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Step);
    const isWhole = steps.at(-1)?.name === ALL_TAKEN;
    for (const { name, problem } of isWhole ? steps.slice(0, -1) : steps) {
      await t.test(name, () => {
        assert.equal(problem, undefined, `${problem ?? ''}\n${read(log).slice(-5000)}`);
      });
    }
    const said = existsSync(this.path(LOG)) ? read(LOG) : `it did not boot: ${booted.stderr}${booted.stdout}`;
    assert.ok(isWhole, `not every step was reached\n${said}`);
  }
}

/** The unit that takes the steps, and ends the machine with them. */
function stepsUnit(command: string): string {
  return `[Unit]
Description=the steps of the test
After=sysinit.target
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
Environment=MAILGW_ROUNDS=${ROUNDS}
StandardOutput=append:${LOG}
StandardError=append:${LOG}
ExecStart=${command}
TimeoutStartSec=600
`;
}
