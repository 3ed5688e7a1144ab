// README's "Run it" as an admin follows it, with a real rspamd, in a freshly booted Debian; ten-lines.ts types its lines.
//
// The machine has no network: what the first line installs, npm-package.ts has installed in it beforehand.

import { describe, it } from 'node:test';
import { rspamdUnavailable } from '../support/rspamd.ts';
import { followPage, installNpmPackage, programsUnavailable } from './followed-page.ts';
import { bootUnavailable, isBootImpossible } from './machine.ts';

const skip =
  (await bootUnavailable()) ||
  rspamdUnavailable() ||
  (await programsUnavailable('swaks', 'debconf-set-selections'));

if (!isBootImpossible)
  describe('README, the lines of "Run it"', () => {
    it('lead from a checkout to a reply in the queue', { skip }, (t) =>
      followPage(t, installNpmPackage, 'ten-lines.js'),
    );
  });
