/**
 * A watch over the main loop: how late it was.
 *
 * Contract: once a minute the longest block since the last look is compared with the bound of docs/how-it-works.md,
 * Limits, and logged when it is above. The measuring itself costs a timer every 10 ms in native code.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Log } from './log.ts';
import type { Meter } from './meter.ts';

/** The longest that the main loop may be blocked. */
export const MAX_LOOP_DELAY_MS = 100;

const RESOLUTION_MS = 10;
const LOOK_MS = 60_000;

/** The delay of the main loop, in milliseconds. */
interface LoopDelay {
  readonly longestMs: number;
  readonly p99Ms: number;
}

/** Begins to measure, and gives the function that ends it. */
export function watchEventLoop(log: Log, meter: Meter, lookMs = LOOK_MS): () => void {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  // Takes the resolution off: the histogram holds the time between two ticks, which is the resolution when nothing
  // blocks.
  const beyond = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  const seen = (): LoopDelay => ({
    longestMs: beyond(delay.max),
    p99Ms: delay.count === 0 ? 0 : beyond(delay.percentile(99)),
  });
  let last: LoopDelay = { longestMs: 0, p99Ms: 0 };
  const timer = setInterval(() => {
    last = seen();
    delay.reset();
    const { longestMs, p99Ms } = last;
    if (longestMs > MAX_LOOP_DELAY_MS) {
      log('loop_blocked', { longest_ms: Math.round(longestMs), p99_ms: Math.round(p99Ms) });
    }
  }, lookMs);
  timer.unref();
  // Gives the worse of the last look and of what was seen since: of one to two minutes.
  const worst = (key: keyof LoopDelay) => () => Math.max(last[key], seen()[key]) / 1000;
  meter.watch('mailgw_event_loop_delay_p99_seconds', {}, worst('p99Ms'));
  meter.watch('mailgw_event_loop_delay_max_seconds', {}, worst('longestMs'));
  return () => {
    clearInterval(timer);
    delay.disable();
  };
}
