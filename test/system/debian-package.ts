// The Debian package of this checkout, for the tests that install it.

import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, run, runOk } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';
import { tmpfsUnavailable } from '../support/tmpfs.ts';
import type { Machine } from './machine.ts';

/** Why it cannot be built and installed here, in words for `skip`; false when it can. */
export async function packageUnavailable(): Promise<string | false> {
  if (process.getuid?.() !== 0) return 'unavailable: a root of its own wants root';
  if ((await run('which', ['dpkg-deb', 'systemd-sysusers'])).code !== 0)
    return 'unavailable: no Debian with systemd';
  return tmpfsUnavailable();
}

/** Builds the package of a revision; its path. */
export async function buildPackage(scratch: Scratch, revision: string): Promise<string> {
  const script = join(repositoryRoot, 'packaging/build-deb.mjs');
  const args = [script, '--revision', revision, '--output', scratch.directory];
  return (await runOk(process.execPath, args)).trim();
}

/** Where this Node did not come as the package that ours depends on: makes it one, and installs it in the machine. */
export async function provideNode(scratch: Scratch, machine: Machine): Promise<void> {
  const { node: version } = process.versions;
  const [major = ''] = version.split('.');
  const { stdout } = await run('dpkg-query', ['-W', '-f', '${Status} ${Version}', 'nodejs']);
  if (stdout.startsWith(`install ok installed ${major}.`)) return;
  const root = scratch.path('nodejs');
  for (const place of ['DEBIAN', 'usr/bin']) mkdirSync(join(root, place), { recursive: true });
  const fields = [`Package: nodejs`, `Version: ${version}-0`, 'Architecture: all', 'Maintainer: nobody'];
  writeFileSync(join(root, 'DEBIAN/control'), `${fields.join('\n')}\nDescription: a stand-in\n`);
  copyFileSync(process.execPath, join(root, 'usr/bin/node'));
  await runOk('dpkg-deb', ['--build', '-Znone', root, machine.path('root/nodejs.deb')]);
  await machine.run('dpkg', '--install', '/root/nodejs.deb');
}
