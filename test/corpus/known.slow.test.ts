/** The scores of replies whose original is known, as a test; it registers none where there are no corpora, as score.test.ts. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';
import { scoreKnown } from './known.ts';
import { CORPORA } from './messages.ts';
import { NO_CORPORA } from './score.ts';

if (existsSync(path.join(CORPORA, 'replies'))) {
  it('the extractor reaches its floors where the original is known, in every set', () => {
    const { lines, problems } = scoreKnown();
    assert.deepEqual(problems, [], lines.join('\n'));
  });
} else {
  console.log(NO_CORPORA);
}
