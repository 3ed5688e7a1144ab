import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decideRetry, type FailedAttempt } from '../../src/mail/retry.ts';

const SCHEDULE = { firstMs: 5_000, longestMs: 3_600_000, maxAgeMs: 5 * 86_400_000 };
const NOW = 1_800_000_000_000;

/** Milliseconds until the next attempt. */
function wait(attempts: number, random: number, change: Partial<FailedAttempt> = {}): number {
  const decision = decideRetry(SCHEDULE, { attempts, receivedAt: NOW, ...change }, NOW, random);
  assert.equal(decision.kind, 'retry');
  return decision.dueAt - NOW;
}

const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const attempts = fc.integer({ min: 1, max: 10_000 });

describe('the retry schedule', () => {
  it('doubles from the first interval to the longest', () => {
    assert.deepEqual(
      [1, 2, 3, 4, 10, 11, 12, 1000].map((n) => wait(n, 1)),
      [5_000, 10_000, 20_000, 40_000, 2_560_000, 3_600_000, 3_600_000, 3_600_000],
    );
  });

  it('spreads by jitter over the upper half of each interval, no further', () => {
    fc.assert(
      fc.property(attempts, randoms, (n, random) => {
        const full = wait(n, 1);
        assert.ok(wait(n, random) >= full / 2);
        assert.ok(wait(n, random) <= full);
      }),
    );
    assert.equal(wait(1, 0), 2_500);
    assert.equal(wait(1, 0.5), 3_750);
  });

  it('never shortens with another attempt', () => {
    fc.assert(
      fc.property(attempts, randoms, (n, random) => {
        assert.ok(wait(n + 1, random) >= wait(n, random));
      }),
    );
  });

  it('gives whole milliseconds, always ahead of the clock', () => {
    fc.assert(
      fc.property(
        attempts,
        randoms,
        fc.option(fc.double({ min: 0 }), { nil: undefined }),
        (n, random, retryAfterMs) => {
          const ms = wait(n, random, { retryAfterMs });
          assert.ok(Number.isSafeInteger(ms) && ms > 0 && ms <= SCHEDULE.longestMs, String(ms));
        },
      ),
    );
  });

  it('waits at least as long as the platform asked, up to the longest interval', () => {
    assert.equal(wait(1, 0, { retryAfterMs: 60_000 }), 60_000);
    assert.equal(wait(1, 0, { retryAfterMs: 1 }), 2_500);
    assert.equal(wait(1, 0, { retryAfterMs: 1e12 }), 3_600_000);
    assert.equal(wait(1, 0, { retryAfterMs: Infinity }), 3_600_000);
  });

  it('takes a Retry-After that is no number for none', () => {
    assert.equal(wait(1, 0, { retryAfterMs: NaN }), 2_500);
    assert.equal(wait(1, 0, { retryAfterMs: -60_000 }), 2_500);
  });

  it('ends at the maximum age, to the millisecond, however few attempts there were', () => {
    const decide = (ageMs: number) =>
      decideRetry(SCHEDULE, { attempts: 1, receivedAt: NOW - ageMs }, NOW, 0).kind;
    assert.equal(decide(SCHEDULE.maxAgeMs - 1), 'retry');
    assert.equal(decide(SCHEDULE.maxAgeMs), 'too-old');
  });

  it('survives a clock that was set back', () => {
    assert.equal(wait(1, 0, { receivedAt: NOW + 10 * 365 * 86_400_000 }), 2_500);
  });
});
