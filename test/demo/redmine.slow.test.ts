// The demonstration with the real Redmine, run as a reader runs it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot, run } from '../support/process.ts';
import { redmineUnavailable } from '../support/redmine.ts';

const program = join(repositoryRoot, 'dist', 'test', 'demo', 'demo.js');

describe('npm run demo -- redmine', () => {
  it('shows a note in Redmine by the user who answered its notification', {
    skip: redmineUnavailable(),
  }, async () => {
    const { code, stdout, stderr } = await run(process.execPath, [program, 'redmine']);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /\| X-Redmine-Issue-Id: 1\n/);
    assert.match(stdout, /Reply-To +reply\+[a-z2-7]{48}@/);
    assert.match(stdout, /by +Alice Example\n[^]*shown +It is the gutter/);
    assert.match(stdout, /\nAll as expected, in \d+\.\d s\.\n$/);
  });

  it('knows no other platform', async () => {
    const { code, stderr } = await run(process.execPath, [program, 'bugzilla']);
    assert.equal(code, 64);
    assert.match(stderr, /unexpected "bugzilla"; expected "redmine", or nothing/);
  });
});
