import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { percentile, spread } from './stats.ts';

describe('the figures of a benchmark', () => {
  it('takes percentiles by nearest rank', () => {
    const ascending = Float64Array.from({ length: 200 }, (_, index) => index + 1);
    assert.equal(percentile(ascending, 0.5), 100);
    assert.equal(percentile(ascending, 0.99), 198);
    assert.equal(percentile([7], 0.99), 7);
  });

  it('gives the middle of odd and even counts of rounds, and the outermost two', () => {
    assert.deepEqual(spread([9, 1, 5]), { median: 5, min: 1, max: 9 });
    assert.deepEqual(spread([4, 1, 2, 9]), { median: 3, min: 1, max: 9 });
  });

  it('has no figure for no rounds', () => {
    assert.deepEqual(spread([Number.NaN, 3, Number.POSITIVE_INFINITY]), { median: 3, min: 3, max: 3 });
    assert.ok(Number.isNaN(spread([]).median));
    assert.ok(Number.isNaN(percentile([], 0.5)));
  });
});
