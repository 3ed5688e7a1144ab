// docs/platforms.md, "WordPress in ten minutes", as an admin follows it in a freshly booted Debian; wordpress-page.ts types its lines.

import { rmSync, symlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { wordpressUnavailable } from '../support/wordpress.ts';
import { bootUnavailable, isBootImpossible, Machine } from './machine.ts';
import { installPackage } from './npm-package.ts';

const skip =
  (await bootUnavailable()) ||
  wordpressUnavailable() ||
  ((await run('which', ['debconf-set-selections'])).code === 0 ? false : 'unavailable: no debconf');

if (!isBootImpossible)
  describe('docs/platforms.md, "WordPress in ten minutes"', () => {
    it('leads from a comment on the web to a reply below it', { skip }, async (t) => {
      const scratch = testScratch(t);
      const machine = await Machine.make(scratch);
      const missing = await installPackage(scratch, machine.path('usr/local'));
      if (missing !== undefined) {
        t.skip(missing);
        return;
      }
      rmSync(machine.path('usr/local/bin/node'), { force: true });
      symlinkSync('/opt/node/bin/node', machine.path('usr/local/bin/node'));
      await machine.takeSteps(t, 'wordpress-page.js', 'var/log/syslog');
    });
  });
