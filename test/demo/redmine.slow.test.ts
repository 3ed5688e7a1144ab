// The demonstration with the real Redmine, run as a reader runs it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { postfixUnavailable } from '../support/postfix.ts';
import { repositoryRoot, run } from '../support/process.ts';
import { redmineUnavailable } from '../support/redmine.ts';

const program = join(repositoryRoot, 'dist', 'test', 'demo', 'demo.js');

describe('npm run demo -- redmine', () => {
  const ways = [
    { words: [], skip: postfixUnavailable(), title: /^mailgw, Redmine and Postfix\.\n/ },
    {
      words: ['--direct'],
      skip: false as const,
      title: /^mailgw and Redmine: no Postfix, as --direct wishes\.\n/,
    },
  ];
  for (const { words, skip, title } of ways)
    it(`shows a note in Redmine by the user who answered its notification ${words.join(' ')}`, {
      skip: redmineUnavailable() || skip,
    }, async () => {
      const { code, stdout, stderr } = await run(process.execPath, [program, 'redmine', ...words]);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, title);
      assert.match(stdout, /\| X-Redmine-Issue-Id: 1\n/);
      assert.match(stdout, /Reply-To +reply\+[a-z2-7]{48}@/);
      // Postfix itself says that mailgw took both: what goes out, and what comes in.
      const taken = [...stdout.matchAll(/postfix\/mailgw\w*\/lmtp\[\d+\]: .*status=sent \(250 /g)];
      assert.equal(taken.length, words.length === 0 ? 2 : 0, stdout);
      assert.match(stdout, /by +Alice Example\n[^]*shown +It is the gutter/);
      assert.match(stdout, /\nAll as expected, in \d+\.\d s\.\n$/);
    });

  it('knows no other platform', async () => {
    const { code, stderr } = await run(process.execPath, [program, 'bugzilla']);
    assert.equal(code, 64);
    assert.match(stderr, /unexpected "bugzilla"; expected "redmine", or nothing/);
  });
});
