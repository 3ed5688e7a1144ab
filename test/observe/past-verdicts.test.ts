// Verdicts on their way to the store: none waits for it, none is lost while it is away, and a flood stays within bounds.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MOST_WAITING, type PastVerdict, startRecalling } from '../../src/observe/past-verdicts.ts';

const verdict = (session: string): PastVerdict => {
  return { at: 0, verdict: 'rejected', reason: 'expired', session };
};

describe('past verdicts', () => {
  it('are handed on in their order, with the next second and at the end', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const taken: string[][] = [];
    const take = (some: readonly PastVerdict[]): Promise<void> => {
      taken.push(some.map(({ session }) => session));
      return Promise.resolve();
    };
    const { recall, stop } = startRecalling(take, () => 0);
    t.mock.timers.tick(1000);
    recall(verdict('a'));
    recall(verdict('b'));
    t.mock.timers.tick(1000);
    recall(verdict('c'));
    await stop();
    assert.deepEqual(taken.flat(), ['a', 'b', 'c']);
  });

  it('wait while the store is away, the first of them in a flood', async () => {
    const taken: string[] = [];
    let isAway = true;
    const take = (some: readonly PastVerdict[]): Promise<void> => {
      if (isAway) return Promise.reject(new Error('away'));
      taken.push(...some.map(({ session }) => session));
      return Promise.resolve();
    };
    const { recall, stop } = startRecalling(take, () => 0);
    recall(verdict('first'));
    await stop();
    for (let count = 0; count < MOST_WAITING + 10; count++) recall(verdict('more'));
    isAway = false;
    await stop();
    assert.equal(taken.length, MOST_WAITING);
    assert.equal(taken[0], 'first');
  });

  it('of before go while there are no new ones, once an hour', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    let [now, calls] = [0, 0];
    const take = (): Promise<void> => {
      calls += 1;
      return Promise.resolve();
    };
    const { stop } = startRecalling(take, () => now);
    for (const at of [0, 1000, 3_599_000, 3_600_000, 3_601_000]) {
      now = at;
      t.mock.timers.tick(1000);
      await Promise.resolve();
      await new Promise(setImmediate);
    }
    await stop();
    assert.equal(calls, 2);
  });
});
