/**
 * The end of an attempt: what is settled, logged and told to the user.
 *
 * Contract: gives the settlement whatever the attempt made; the notice about it enters the store with it. Failure: a notice
 * that cannot be drafted is logged, and holds nothing up.
 */

import type { RetrySchedule } from '../mail/retry.ts';
import type { Log } from '../observe/log.ts';
import type { Meter } from '../observe/meter.ts';
import type { LeasedItem } from '../store/item.ts';
import { isPoison, type Settle, type Settlement } from '../store/leases.ts';
import type { NewNotice } from '../store/notices.ts';
import { errorText } from '../system/error-text.ts';
import type { Attempt } from './attempt.ts';
import { type Attempted, type Circumstances, settlementOf } from './settlement.ts';

/** An attempt after which the item is posted or failed. */
export interface EndedAttempt {
  readonly item: LeasedItem;
  readonly settlement: Exclude<Settlement, { kind: 'deferred' | 'returned' | 'split' }>;
  readonly attempt: Attempt;
}

/** Drafts the notice about an ended attempt; undefined when nobody is to be told. */
export type DraftNotice = (ended: EndedAttempt) => Promise<NewNotice | undefined> | undefined;

/** The options of the end of an attempt; times in milliseconds. */
export interface EndingOptions {
  /** Drafts the notice about an ended attempt; without it nobody is told. */
  readonly draftNotice?: DraftNotice | undefined;
  readonly log: Log;
  readonly meter?: Meter | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Gives a number in [0, 1). */
  readonly random: () => number;
  readonly retry: RetrySchedule;
  /** The lane of the queue, where a site has several sinks. */
  readonly lane?: string | undefined;
}

/** Ends an attempt; gives what is to be settled. */
export async function endAttempt(
  options: EndingOptions,
  item: LeasedItem,
  attempt: Attempt,
  { dueFrom, breaker, tookMs }: Pick<Circumstances, 'dueFrom' | 'breaker'> & { readonly tookMs: number },
): Promise<Settle> {
  const { log, meter, now, random, retry, lane } = options;
  const { outcome } = attempt;
  const settlement = settlementOf(item, attempt, { at: now(), dueFrom, random: random(), retry, breaker });
  if (isPoison(item.workerDeaths, attempt.cause === 'worker-died')) {
    log('poison', { id: item.id, attempts: item.attempts, diagnostic: `poison: ${outcome.diagnostic}` });
  }
  // The sink was not asked: what counts as posted are the parts.
  if (settlement.kind !== 'split') meter?.add('mailgw_attempts_total', { outcome: settlement.kind });
  log(settlement.kind === 'split' ? 'split' : 'attempt', {
    id: item.id,
    outcome: settlement.kind === 'split' ? undefined : settlement.kind,
    reason: attempt.reason,
    attempts: item.attempts,
    diagnostic: outcome.diagnostic,
    user: item.user,
    thread: item.thread,
    sink: lane,
    queue_id: item.queueId,
    next_at: settlement.kind === 'deferred' ? new Date(settlement.dueAt).toISOString() : undefined,
    ms: Math.round(tookMs),
    queued_ms: now() - item.receivedAt,
  });
  for (const { what, signs } of attempt.reply?.body.cuts ?? [])
    log('cut', { id: item.id, what, signs: signs.join(', ') });
  const notice = await noticeOf(options, item, settlement, attempt);
  const told = notice === undefined ? settlement : { ...settlement, notice };
  return { id: item.id, attempts: item.attempts, settlement: told };
}

async function noticeOf(
  { draftNotice, log }: EndingOptions,
  item: LeasedItem,
  settlement: Attempted,
  attempt: Attempt,
): Promise<NewNotice | undefined> {
  if (draftNotice === undefined || settlement.kind === 'deferred' || settlement.kind === 'split')
    return undefined;
  try {
    return await draftNotice({ item, settlement, attempt });
  } catch (error) {
    log('attempt_failed', { id: item.id, reason: `no notice: ${errorText(error)}` });
    return undefined;
  }
}
