import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_LOOP_DELAY_MS, watchEventLoop } from '../src/metrics.ts';

describe('a main loop that stands still', () => {
  it('is logged with how long it did', async (t) => {
    const [event, fields] = await new Promise<[string, Readonly<Record<string, unknown>>]>((resolve) => {
      t.after(
        watchEventLoop((name, values = {}) => {
          resolve([name, values]);
        }, 200).stop,
      );
      // The histogram counts from its second tick on.
      const busy = setTimeout(() => {
        const end = performance.now() + 2 * MAX_LOOP_DELAY_MS;
        while (performance.now() < end);
      }, 50);
      // The watch alone keeps no process alive.
      const waiting = setTimeout(() => undefined, 10_000);
      t.after(() => {
        clearTimeout(busy);
        clearTimeout(waiting);
      });
    });
    assert.equal(event, 'loop_blocked');
    assert.ok(Number(fields.longest_ms) > MAX_LOOP_DELAY_MS, JSON.stringify(fields));
  });
});
