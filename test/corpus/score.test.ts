/**
 * The scores on ../shared/corpora as a test. Where there are no corpora it says so and registers no test: it is not
 * skipped, for there is nothing that could be run.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { NO_CORPORA, scoreCorpora } from './score.ts';

const report = await scoreCorpora();
if (report === undefined) {
  console.log(NO_CORPORA);
} else {
  it('the extractor reaches its floors on the corpora', () => {
    assert.deepEqual(report.problems, [], report.lines.join('\n'));
  });
}
