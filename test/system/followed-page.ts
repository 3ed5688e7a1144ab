// A page as an admin follows it, in a freshly booted Debian of its own, which a program of this directory types into.
//
// The machine has no network: what a page has installed stands in it beforehand, as mailgw's package does.

import { copyFileSync, rmSync, symlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { TestContext } from 'node:test';
import { run } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { buildPackage, provideNode } from './debian-package.ts';
import { Machine } from './machine.ts';
import { installPackage } from './npm-package.ts';

/** Why programs that a page needs cannot run here, in words for `skip`; false when they can. */
export async function programsUnavailable(...programs: readonly string[]): Promise<string | false> {
  const { code } = await run('which', programs);
  return code === 0 ? false : `unavailable: not all of ${programs.join(', ')} are here`;
}

/** Puts mailgw into a machine; why that cannot be, in words for a skip. */
type Provide = (scratch: Scratch, machine: Machine) => Promise<string | undefined>;

/** Lays the Debian package in root's directory, for the page to install. */
export async function layDebianPackage(scratch: Scratch, machine: Machine): Promise<undefined> {
  const file = await buildPackage(scratch, '1');
  await provideNode(scratch, machine);
  rmSync(machine.path('usr/local/bin/node'), { force: true });
  copyFileSync(file, machine.path('root', basename(file)));
}

/** Installs the npm package, as the page's first line would. */
export async function installNpmPackage(scratch: Scratch, machine: Machine): Promise<string | undefined> {
  const missing = await installPackage(scratch, machine.path('usr/local'));
  if (missing !== undefined) return missing;
  rmSync(machine.path('usr/local/bin/node'), { force: true });
  symlinkSync('/opt/node/bin/node', machine.path('usr/local/bin/node'));
  return undefined;
}

/** Boots a machine with mailgw in it and has the program follow its page, each of its steps as a test. */
export async function followPage(t: TestContext, provide: Provide, program: string): Promise<void> {
  const scratch = testScratch(t);
  const machine = await Machine.make(scratch);
  const missing = await provide(scratch, machine);
  if (missing !== undefined) {
    t.skip(missing);
    return;
  }
  await machine.takeSteps(t, program, 'var/log/syslog');
}
