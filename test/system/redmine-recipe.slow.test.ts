// "Redmine in ten minutes" of docs/platforms.md as an admin follows it, in a freshly booted Debian of its own.
//
// The machine has no network: the packages that the first command names are installed in this very system.

import { describe, it } from 'node:test';
import { redmineUnavailable } from '../support/redmine.ts';
import { packageUnavailable } from './debian-package.ts';
import { followPage, layDebianPackage, programsUnavailable } from './followed-page.ts';
import { bootUnavailable, isBootImpossible } from './machine.ts';

const skip =
  (await bootUnavailable()) ||
  (await packageUnavailable()) ||
  redmineUnavailable() ||
  (await programsUnavailable('swaks', 'debconf-set-selections', 'curl'));

if (!isBootImpossible)
  describe('docs/platforms.md, "Redmine in ten minutes"', () => {
    it('leads from the packages to a note by the user who replied', { skip }, (t) =>
      followPage(t, layDebianPackage, 'redmine-recipe.js'),
    );
  });
