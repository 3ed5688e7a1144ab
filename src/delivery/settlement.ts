/** What is settled after an attempt: its outcome, or the end of an item's tries. */
import { decideRetry, type RetrySchedule } from '../mail/retry.ts';
import type { LeasedItem } from '../store/item.ts';
import { isPoison, poisoned, type Settlement } from '../store/leases.ts';
import type { Attempt } from './attempt.ts';
import { type Breaker, LONGEST_PAUSE_MS } from './breaker.ts';

/** The settlement of an item of which an attempt was made. */
export type Attempted = Exclude<Settlement, { kind: 'returned' }>;

/** The circumstances of a settlement besides the outcome; times in milliseconds since the epoch. */
export interface Circumstances {
  readonly at: number;
  /** The time from which due times count. */
  readonly dueFrom: number;
  /** A number in [0, 1). */
  readonly random: number;
  readonly retry: RetrySchedule;
  readonly breaker: Pick<Breaker, 'isOpen' | 'failsByItself'>;
}

/** Decides what becomes of an item. */
export function settlementOf(item: LeasedItem, attempt: Attempt, circumstances: Circumstances): Attempted {
  const { outcome, cause } = attempt;
  const { at, dueFrom, random } = circumstances;
  const { diagnostic } = outcome;
  if (attempt.parts !== undefined) return { kind: 'split', at, diagnostic, parts: attempt.parts };
  if (outcome.kind !== 'deferred') return { kind: outcome.kind, diagnostic, at };
  const workerDied = cause === 'worker-died';
  if (isPoison(item.workerDeaths, workerDied)) return poisoned(at, diagnostic);
  const failure = { ...item, retryAfterMs: outcome.retryAfterMs };
  const decision = decideRetry(scheduleOf(item, attempt, circumstances), failure, dueFrom, random);
  if (decision.kind === 'too-old') return { kind: 'failed', at, diagnostic: `given up: ${diagnostic}` };
  return { kind: 'deferred', at, dueAt: decision.dueAt, diagnostic, workerDied };
}

/**
 * Shortens the schedule behind an open breaker: probes are few, and the item is to be there when the sink is back. An
 * item that fails though the sink takes others keeps its own schedule.
 */
function scheduleOf(
  { id }: LeasedItem,
  { outcome, cause }: Attempt,
  { retry, breaker }: Circumstances,
): RetrySchedule {
  if (cause !== 'sink' || !breaker.isOpen || breaker.failsByItself(id)) return retry;
  const asked = outcome.kind === 'deferred' ? (outcome.retryAfterMs ?? 0) : 0;
  return { ...retry, longestMs: Math.min(retry.longestMs, Math.max(LONGEST_PAUSE_MS, asked)) };
}
