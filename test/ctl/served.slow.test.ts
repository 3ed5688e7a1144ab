// The commands once more, each with a daemon that serves the store: what they print, and how they end, is the same.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ACTIONS, MINTING_ACTIONS } from '../../src/api/own-actions.ts';
import { startDaemon } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { testScratch } from '../support/scratch.ts';
import { asked, serveStores } from './serving.ts';

serveStores();
await import('./user.test.ts');
await import('./user-put.test.ts');
await import('./removal.test.ts');
await import('./address.test.ts');
await import('./queue.test.ts');
await import('./bulk.test.ts');
await import('./notify.test.ts');
await import('./retry-posted.test.ts');
await import('./thread.test.ts');
await import('./token.test.ts');

after(() => {
  const all = Object.keys({ ...ACTIONS, ...MINTING_ACTIONS });
  assert.deepEqual(
    all.filter((name) => !asked.has(name)),
    [],
    'the daemon was asked for each',
  );
});

describe('A command beside a daemon that hangs', () => {
  it('says so within seconds, and opens the store itself', async (t) => {
    const daemon = await startDaemon(testScratch(t), { sink: NO_SINK });
    await daemon.ready();
    process.kill(daemon.pid, 'SIGSTOP');
    try {
      const { code, stdout, stderr } = await daemon.tryCtl(
        'user',
        'add',
        'alice',
        '--address',
        'a@example.com',
      );
      assert.equal(code, 0, stderr);
      assert.match(stdout, /"user":"alice"/);
      assert.match(
        stderr,
        /^mailgw-ctl: note: mailgwd has not answered at .*\.sock for 5 s; .* opens the store itself\n$/,
      );
    } finally {
      process.kill(daemon.pid, 'SIGCONT');
    }
  });
});
