// docs/platforms.md, "WordPress in ten minutes", as an admin follows it in a freshly booted Debian; wordpress-page.ts types its lines.

import { describe, it } from 'node:test';
import { wordpressUnavailable } from '../support/wordpress.ts';
import { followPage, installNpmPackage, programsUnavailable } from './followed-page.ts';
import { bootUnavailable, isBootImpossible } from './machine.ts';

const skip =
  (await bootUnavailable()) ||
  wordpressUnavailable() ||
  (await programsUnavailable('debconf-set-selections'));

if (!isBootImpossible)
  describe('docs/platforms.md, "WordPress in ten minutes"', () => {
    it('leads from a comment on the web to a reply below it', { skip }, (t) =>
      followPage(t, installNpmPackage, 'wordpress-page.js'),
    );
  });
