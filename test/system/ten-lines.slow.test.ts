// README's "Run it" as an admin follows it, with a real rspamd, in a freshly booted Debian; ten-lines.ts types its lines.
//
// The machine has no network: what the first line installs, npm-package.ts has installed in it beforehand.

import { rmSync, symlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { run } from '../support/process.ts';
import { rspamdUnavailable } from '../support/rspamd.ts';
import { testScratch } from '../support/scratch.ts';
import { bootUnavailable, isBootImpossible, Machine } from './machine.ts';
import { installPackage } from './npm-package.ts';

const skip =
  (await bootUnavailable()) ||
  rspamdUnavailable() ||
  ((await run('which', ['swaks', 'debconf-set-selections'])).code === 0
    ? false
    : 'unavailable: no swaks or debconf');

if (!isBootImpossible)
  describe('README, the lines of "Run it"', () => {
    it('lead from a checkout to a reply in the queue', { skip }, async (t) => {
      const scratch = testScratch(t);
      const machine = await Machine.make(scratch);
      const missing = await installPackage(scratch, machine.path('usr/local'));
      if (missing !== undefined) {
        t.skip(missing);
        return;
      }
      rmSync(machine.path('usr/local/bin/node'), { force: true });
      symlinkSync('/opt/node/bin/node', machine.path('usr/local/bin/node'));
      await machine.takeSteps(t, 'ten-lines.js', 'var/log/syslog');
    });
  });
