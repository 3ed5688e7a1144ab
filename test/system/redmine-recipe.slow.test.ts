// "Redmine in ten minutes" of docs/platforms.md as an admin follows it, in a freshly booted Debian of its own.
//
// The machine has no network: the packages that the first command names are installed in this very system.

import { copyFileSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, it } from 'node:test';
import { run } from '../support/process.ts';
import { redmineUnavailable } from '../support/redmine.ts';
import { testScratch } from '../support/scratch.ts';
import { buildPackage, packageUnavailable, provideNode } from './debian-package.ts';
import { bootUnavailable, isBootImpossible, Machine } from './machine.ts';

const skip =
  (await bootUnavailable()) ||
  (await packageUnavailable()) ||
  redmineUnavailable() ||
  ((await run('which', ['swaks', 'debconf-set-selections', 'curl'])).code === 0
    ? false
    : 'unavailable: no swaks, debconf or curl');

if (!isBootImpossible)
  describe('docs/platforms.md, "Redmine in ten minutes"', () => {
    it('leads from the packages to a note by the user who replied', { skip }, async (t) => {
      const scratch = testScratch(t);
      const file = await buildPackage(scratch, '1');
      const machine = await Machine.make(scratch);
      await provideNode(scratch, machine);
      rmSync(machine.path('usr/local/bin/node'), { force: true });
      copyFileSync(file, machine.path('root', basename(file)));
      await machine.takeSteps(t, 'redmine-recipe.js', 'var/log/syslog');
    });
  });
