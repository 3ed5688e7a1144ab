// Verdicts on their way to the store: none waits for it, none is lost while it is away, and a flood stays within bounds.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { MOST_WAITING, startRecalling } from '../../src/observe/past-verdicts.ts';

/** A store that takes verdicts, unless it is away; the clock and the interval are the test's. */
function bench(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const store = { isAway: false, now: 0, calls: [] as string[][] };
  const { recall, stop } = startRecalling(
    (verdicts, now) => {
      assert.equal(now, store.now);
      if (store.isAway) return Promise.reject(new Error('away'));
      store.calls.push(verdicts.map(({ at, session }) => `${at} ${session}`));
      return Promise.resolve();
    },
    () => store.now,
  );
  const second = async (): Promise<void> => {
    store.now += 1000;
    t.mock.timers.tick(1000);
    await new Promise(setImmediate);
  };
  const tell = (session: string): void => {
    recall({ verdict: 'rejected', reason: 'expired', session });
  };
  return { store, second, stop, tell };
}

describe('past verdicts', () => {
  it('are handed on in their order, with the next second and at the end', async (t) => {
    const { store, second, stop, tell } = bench(t);
    await second();
    tell('a');
    tell('b');
    await second();
    tell('c');
    await stop();
    assert.deepEqual(store.calls, [[], ['1000 a', '1000 b'], ['2000 c']]);
  });

  it('wait while the store is away, the first of them in a flood, and go a bounded number at a time', async (t) => {
    const { store, second, stop, tell } = bench(t);
    store.isAway = true;
    tell('first');
    await second();
    for (let count = 0; count < MOST_WAITING + 10; count++) tell('more');
    await stop();
    assert.equal(store.calls.length, 0);
    store.isAway = false;
    await second();
    await stop();
    assert.equal(store.calls.flat().length, MOST_WAITING);
    assert.equal(store.calls[0]?.[0], '0 first');
    assert.ok(store.calls.every((some) => some.length <= 1000));
  });

  it('of before go while there are no new ones, once an hour', async (t) => {
    const { store, second } = bench(t);
    await second();
    await second();
    store.now += 3_590_000;
    await second();
    assert.equal(store.calls.length, 1);
    store.now += 10_000;
    await second();
    assert.equal(store.calls.length, 2);
  });
});
