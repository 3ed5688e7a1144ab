// docs/quick-start.md as an admin follows it, in a freshly booted Debian of its own; quick-start.ts types its commands.

import { copyFileSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, it } from 'node:test';
import { run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { buildPackage, packageUnavailable, provideNode } from './debian-package.ts';
import { bootUnavailable, isBootImpossible, Machine } from './machine.ts';

const skip =
  (await bootUnavailable()) ||
  (await packageUnavailable()) ||
  ((await run('which', ['swaks', 'debconf-set-selections'])).code === 0
    ? false
    : 'unavailable: no swaks or debconf');

if (!isBootImpossible)
  describe('docs/quick-start.md', () => {
    it('leads from the package to a posted reply', { skip }, async (t) => {
      const scratch = testScratch(t);
      const file = await buildPackage(scratch, '1');
      const machine = await Machine.make(scratch);
      await provideNode(scratch, machine);
      rmSync(machine.path('usr/local/bin/node'), { force: true });
      copyFileSync(file, machine.path('root', basename(file)));
      await machine.takeSteps(t, 'quick-start.js', 'var/log/syslog');
    });
  });
