/**
 * What the daemon measures of itself: the verdicts that it gave, and how long its main loop was blocked.
 *
 * Contract: counting costs no I/O; what was counted is handed on every ten seconds, and at the end. Once a minute the longest block since the last look is compared with the bound of ARCHITECTURE.md §9, and
 * logged when it is above; the measuring itself costs a timer every 10 ms in native code.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Log } from './log.ts';

/** Counts one verdict. */
export type CountVerdict = (verdict: string, reason: string) => void;

/** What was counted of one verdict; `lastAt` in milliseconds since the epoch. */
interface Count {
  readonly verdict: string;
  readonly reason: string;
  count: number;
  lastAt: number;
}

const HAND_ON_MS = 10_000;

/** Counting under way. */
export interface Counting {
  readonly count: CountVerdict;
  /** Hands on what is left. */
  stop(): Promise<void>;
}

/** Counts verdicts and hands them on; what could not be taken is handed on the next time. */
export function startCounting(
  take: (counts: readonly Readonly<Count>[]) => Promise<void>,
  now: () => number,
): Counting {
  let counts = new Map<string, Count>();
  const add = (verdict: string, reason: string, count: number, lastAt: number): void => {
    const key = `${verdict} ${reason}`;
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { verdict, reason, count, lastAt });
    else Object.assign(known, { count: known.count + count, lastAt: Math.max(known.lastAt, lastAt) });
  };
  const handOn = async (): Promise<void> => {
    if (counts.size === 0) return;
    const counted = [...counts.values()];
    counts = new Map();
    try {
      await take(counted);
    } catch {
      // The store says elsewhere what ails it.
      for (const { verdict, reason, count, lastAt } of counted) add(verdict, reason, count, lastAt);
    }
  };
  const timer = setInterval(() => void handOn(), HAND_ON_MS);
  timer.unref();
  return {
    count: (verdict, reason) => {
      add(verdict, reason, 1, now());
    },
    stop: async () => {
      clearInterval(timer);
      await handOn();
    },
  };
}

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
