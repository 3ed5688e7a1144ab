import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { repositoryRoot, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

it('npm run corpus shows how far it has come on a terminal only', async (t) => {
  const scratch = testScratch(t);
  mkdirSync(scratch.path('replies'));
  const pairs = ['a', 'b'].map((id) => JSON.stringify({ id, input: `${id}\n`, expected: id }));
  writeFileSync(scratch.path('replies', 'two.jsonl'), pairs.join('\n'));
  const program = join(repositoryRoot, 'dist/test/corpus/run.js');
  const words = ['env', `MAILGW_CORPORA=${scratch.directory}`, 'TERM=xterm', process.execPath, program];
  const shown = await run('script', ['-qec', words.map((word) => `'${word}'`).join(' '), '/dev/null']);
  assert.equal(shown.code, 0);
  assert.match(
    shown.stdout,
    /\r\[#{12}-{12}\] {2}50 % 1 of 2 messages scored.*\r\[#{24}\] 100 % 2 of 2 messages scored/s,
  );
  const quiet = await run('env', words.slice(1));
  assert.deepEqual([quiet.code, quiet.stderr], [0, '']);
  assert.match(quiet.stdout, /^two +2\/2 +100\.0 %/);
});
