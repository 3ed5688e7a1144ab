/**
 * Retention: its port, and what prunes the store step by step for as long as the daemon runs.
 *
 * Contract: every few seconds it asks the store for one bounded step, and for more with pauses in between while there is
 * more to do, so that messages and settlements always find the writer free. While space is low it asks every second: every
 * unused page goes back to the file system, because new mail waits for it, and messages of posted replies go before their time.
 * Failure: a step that fails is tried again with the next look; the first of several is logged.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observe/log.ts';
import { errorText } from '../system/error-text.ts';
import { RESTORABLE_MS } from './directory.ts';

/** The bounds of retention: what was posted, or received, before these times is removed. */
export interface PruneRequest {
  /** The content of items posted before then. */
  readonly contentBefore: number;
  /** The rows of items posted before then, with what is left of their content. */
  readonly rowsBefore: number;
  /** The dedupe rows of messages received before then. */
  readonly dedupeBefore: number;
  /** The rows of notices that ended before then; none by default. */
  readonly noticesBefore?: number | undefined;
  /** The rows of notifications that ended before then, with their Idempotency-Keys; none by default. */
  readonly notificationsBefore?: number | undefined;
  /** Users removed before then, who cannot be restored any more; none by default. */
  readonly usersBefore?: number | undefined;
  /** The digests that expired before then, unless an item still needs one; none by default. */
  readonly digestsBefore?: number | undefined;
  /** What is kept with addresses that expired before then, known originals, contexts and who was notified; nothing by default. */
  readonly expiredBefore?: number | undefined;
  /** The size of all known originals, beyond which the oldest go; unbounded by default. */
  readonly originalsBytes?: number | undefined;
  /** Unused bytes that the store may keep for its own use; what is more goes back to the file system. */
  readonly keepFreeBytes: number;
}

/** The work of one step of pruning; `isDone` when nothing is left for another. */
export interface Pruned {
  readonly contents: number;
  readonly rows: number;
  readonly dedupes: number;
  readonly users: number;
  /** Known originals, contexts, and who was notified. */
  readonly remembered: number;
  readonly freedBytes: number;
  readonly isDone: boolean;
}

/** The port of retention. */
export interface Retention {
  /** Removes a bounded number of what is out of date; open, held and failed items are never touched (G3). */
  prune(request: PruneRequest): Promise<Pruned>;
}

/** The periods for which things are kept, in milliseconds. */
export interface RetentionPeriods {
  readonly contentMs: number;
  readonly rowsMs: number;
  readonly dedupeMs: number;
  /** The size of all known originals. */
  readonly originalsBytes: number;
}

/** The options of retention. */
export interface RetentionOptions {
  readonly queue: Retention;
  /** Gives the periods; asked before each step, because a new configuration may change them. */
  readonly periods: () => RetentionPeriods;
  /** Tells whether new mail waits for space. */
  readonly isSpaceLow: () => boolean;
  readonly log: Log;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The time to the next step when there was nothing left to do, and how often it is looked whether space is low. */
const REST_MS = 5000;
const LOOK_MS = 1000;

/** The pause between two steps: a step takes a few milliseconds of the writer's time. */
const PAUSE_MS = 25;

/** Unused bytes that the file keeps for the messages to come, so that it does not breathe with every burst. */
const KEPT_FREE_BYTES = 64 * 1024 * 1024;

/** A notice's row is what keeps a second one of its day from being sent (G7). */
const LEAST_NOTICE_MS = 2 * 86_400_000;

/** A notification's row is what answers a request that comes again: platforms try for days. */
const LEAST_NOTIFICATION_MS = 7 * 86_400_000;
/** A reply that came in time may wait for its platform, or for the operator, with what belongs to its address. */
const LATE_MS = 7 * 86_400_000;

/** Gives the times that a step at `now` goes by. */
export function outOfDate(periods: RetentionPeriods, now: number): Omit<PruneRequest, 'keepFreeBytes'> {
  return {
    contentBefore: now - periods.contentMs,
    rowsBefore: now - periods.rowsMs,
    dedupeBefore: now - periods.dedupeMs,
    noticesBefore: now - Math.max(periods.rowsMs, LEAST_NOTICE_MS),
    notificationsBefore: now - Math.max(periods.rowsMs, LEAST_NOTIFICATION_MS),
    usersBefore: now - RESTORABLE_MS,
    digestsBefore: now - DIGEST_MS,
    expiredBefore: now - LATE_MS,
    originalsBytes: periods.originalsBytes,
  };
}

/** How long an address of a digest is known as one that has expired. */
const DIGEST_MS = 30 * 86_400_000;

type StepResult = 'done' | 'more' | { readonly failed: string };

/** Begins retention; the function that comes back ends it after the step under way. */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const stopping = new AbortController();
  const loop = prune(options, stopping.signal);
  return async () => {
    stopping.abort();
    await loop;
  };
}

async function prune(options: RetentionOptions, stopping: AbortSignal): Promise<void> {
  let hasFailed = false;
  while (!stopping.aborted) {
    const result = await step(options);
    const reason = typeof result === 'object' ? result.failed : undefined;
    if (reason !== undefined && !hasFailed) options.log('prune_failed', { reason });
    hasFailed = reason !== undefined;
    if (result === 'more') await pause(PAUSE_MS, stopping);
    else await rest(options, stopping);
  }
}

async function rest({ isSpaceLow }: RetentionOptions, stopping: AbortSignal): Promise<void> {
  let restedMs = 0;
  do {
    await pause(LOOK_MS, stopping);
    restedMs += LOOK_MS;
  } while (restedMs < REST_MS && !isSpaceLow() && !stopping.aborted);
}

async function pause(ms: number, stopping: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal: stopping, ref: false }).catch(() => undefined);
}

async function step({ queue, periods, isSpaceLow, log, now }: RetentionOptions): Promise<StepResult> {
  try {
    const isLow = isSpaceLow();
    const { contents, rows, dedupes, users, remembered, freedBytes, isDone } = await queue.prune({
      ...outOfDate(isLow ? { ...periods(), contentMs: 0 } : periods(), now()),
      keepFreeBytes: isLow ? 0 : KEPT_FREE_BYTES,
    });
    if (contents + rows + dedupes + users + remembered + freedBytes > 0) {
      log('pruned', { contents, rows, dedupes, users, remembered, freed_bytes: freedBytes });
    }
    return isDone ? 'done' : 'more';
  } catch (error) {
    return { failed: errorText(error) };
  }
}
