// Waiting for what another process does, by looking until a deadline.

import { setTimeout as delay } from 'node:timers/promises';

const PAUSE_MS = 20;

/**
 * Looks every few milliseconds until `look` returns something other than undefined, and returns that. A look that costs,
 * as a run of mailgw-ctl does, is followed by a pause as long: what is waited for needs the processor as well.
 * Throws after `withinMs`; `describe` then says what was there instead.
 */
export async function eventually<T>(
  look: () => T | undefined | Promise<T | undefined>,
  describe: () => string,
  withinMs = 20_000,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const lookedAt = performance.now();
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${describe()}`);
    await delay(Math.max(PAUSE_MS, performance.now() - lookedAt));
  }
}
