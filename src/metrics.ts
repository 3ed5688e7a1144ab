/**
 * What the daemon measures of itself: how long its main loop was blocked.
 *
 * Contract: once a minute the longest block since the last look is compared with the bound of ARCHITECTURE.md §9, and
 * logged when it is above; the measuring itself costs a timer every 10 ms in native code.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Log } from './log.ts';

/** The longest that the main loop may be blocked. */
export const MAX_LOOP_DELAY_MS = 100;

const RESOLUTION_MS = 10;
const LOOK_MS = 60_000;

/** Begins to measure; the function that comes back ends it. */
export function watchEventLoop(log: Log, lookMs = LOOK_MS): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const timer = setInterval(() => {
    // The histogram holds the time between two ticks, which is the resolution when nothing blocks.
    const longestMs = Math.max(0, delay.max / 1e6 - RESOLUTION_MS);
    const p99Ms = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
    delay.reset();
    if (longestMs > MAX_LOOP_DELAY_MS) {
      log('loop_blocked', { longest_ms: Math.round(longestMs), p99_ms: Math.round(p99Ms) });
    }
  }, lookMs);
  timer.unref();
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}
