// docs/quick-start.md as an admin follows it, in a freshly booted Debian of its own; quick-start.ts types its commands.

import { describe, it } from 'node:test';
import { packageUnavailable } from './debian-package.ts';
import { followPage, layDebianPackage, programsUnavailable } from './followed-page.ts';
import { bootUnavailable, isBootImpossible } from './machine.ts';

const skip =
  (await bootUnavailable()) ||
  (await packageUnavailable()) ||
  (await programsUnavailable('swaks', 'debconf-set-selections'));

if (!isBootImpossible)
  describe('docs/quick-start.md', () => {
    it('leads from the package to a posted reply', { skip }, (t) =>
      followPage(t, layDebianPackage, 'quick-start.js'),
    );
  });
