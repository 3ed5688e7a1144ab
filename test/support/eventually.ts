// Waiting for what another process does, by looking until a deadline.

import { setTimeout as delay } from 'node:timers/promises';

/**
 * Looks every few milliseconds until `look` returns something other than undefined, and returns that.
 * Throws after `withinMs`; `describe` then says what was there instead.
 */
export async function eventually<T>(
  look: () => T | undefined | Promise<T | undefined>,
  describe: () => string,
  withinMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${describe()}`);
    await delay(20);
  }
}
