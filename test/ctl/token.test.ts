// `mailgw-ctl token`: what it prints. What a token opens is told in test/api/access.test.ts.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { testScratch } from '../support/scratch.ts';
import { initialise } from './tool.ts';

describe('mailgw-ctl token', () => {
  it('shows a token once, lists who has one, and ends it', async (t) => {
    const tool = await initialise(testScratch(t));
    const made = await tool.row('token', 'create', 'forge', '--scope', 'send,mint');
    assert.deepEqual(Object.keys(made), ['name', 'scopes', 'created_at', 'token']);
    const { token, ...listed } = made;
    assert.match(String(token), /^mgw_[\w-]{43}$/);
    assert.deepEqual(await tool.rows('token', 'list'), [{ ...listed, scopes: 'mint send' }]);
    assert.equal(await tool.text('token', 'revoke', 'forge'), 'the token of forge is refused from now on\n');
    assert.equal(
      await tool.text('token', 'list'),
      'Nobody has a token; "mailgw-ctl token create" makes one.\n',
    );
    await tool.fails(65, /^mailgw-ctl: name "forge": has no token; /, 'token', 'revoke', 'forge');
  });

  it('prints it alone on standard output, for a script to keep', async (t) => {
    const tool = await initialise(testScratch(t));
    const { code, stdout, stderr } = await tool.run('token', 'create', 'forge', '--scope', 'mint');
    assert.deepEqual([code, /^mgw_[\w-]{43}\n$/.test(stdout)], [0, true]);
    assert.match(stderr, /^mailgw-ctl: note: it is not shown again; /);
  });
});
