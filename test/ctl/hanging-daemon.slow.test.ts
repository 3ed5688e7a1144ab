import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startDaemon } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { testScratch } from '../support/scratch.ts';

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
