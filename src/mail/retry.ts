/**
 * When a deferred item is tried again: exponential backoff with jitter, within a maximum age.
 *
 * Contract: pure; the clock and the random number come as arguments. A sink's Retry-After is honoured as a
 * lower bound, up to the longest interval, so that an absurd one cannot park an item for ever.
 */

/** The schedule; all times in milliseconds. */
export interface RetrySchedule {
  readonly firstMs: number;
  readonly longestMs: number;
  readonly maxAgeMs: number;
}

/** One failed attempt: how many there were, when the item came, and what the sink asked for. */
export interface FailedAttempt {
  readonly attempts: number;
  readonly receivedAt: number;
  readonly retryAfterMs?: number | undefined;
}

/** Try again at a time (ms since the epoch), or give up because the item is too old. */
export type RetryDecision = { readonly kind: 'retry'; readonly dueAt: number } | { readonly kind: 'too-old' };

/** Decides on the next attempt; `random` lies in [0, 1). */
export function decideRetry(
  schedule: RetrySchedule,
  attempt: FailedAttempt,
  now: number,
  random: number,
): RetryDecision {
  if (now - attempt.receivedAt >= schedule.maxAgeMs) return { kind: 'too-old' };
  const doubled = schedule.firstMs * 2 ** Math.min(attempt.attempts - 1, 40);
  const backoff = Math.min(doubled, schedule.longestMs) * (0.5 + random / 2);
  // A comparison, because NaN from a site's own sink would otherwise become the due time, and the item never due.
  const wanted = attempt.retryAfterMs ?? 0;
  const asked = wanted > 0 ? Math.min(wanted, schedule.longestMs) : 0;
  return { kind: 'retry', dueAt: Math.round(now + Math.max(backoff, asked)) };
}
