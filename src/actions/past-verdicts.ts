/** The verdicts of the last days by which a recipient got nothing: "I answered and nothing came". */
import type { Session } from '../site/session.ts';
import { type NumberedVerdict, PAST_VERDICT_MS, type PastVerdictQuery } from '../store/past-verdicts.ts';
import { badInput } from './fault.ts';
import { readLimit } from './items.ts';
import { readSince } from './time.ts';

/** What is asked for, as people give it. */
export interface AskedVerdicts {
  readonly verdict?: string | undefined;
  readonly reason?: string | undefined;
  readonly user?: string | undefined;
  readonly thread?: string | undefined;
  /** With or without angle brackets. */
  readonly messageId?: string | undefined;
  readonly queueId?: string | undefined;
  readonly fromDomain?: string | undefined;
  readonly since?: string | undefined;
  readonly limit: string;
  /** The number of the last one that the caller has. */
  readonly before?: number | undefined;
}

/** A page of verdicts, the newest first. */
export interface VerdictPage {
  readonly verdicts: readonly NumberedVerdict[];
  /** Whether older ones agree as well. */
  readonly hasMore: boolean;
}

/** Gives the verdicts that are asked for; throws a Fault that names the field and its value. */
export async function listPastVerdicts({ store }: Session, asked: AskedVerdicts): Promise<VerdictPage> {
  const limit = readLimit(asked.limit);
  const found = await store.pastVerdicts({ ...queryOf(asked), limit: limit + 1 });
  return { verdicts: found.slice(0, limit), hasMore: found.length > limit };
}

function queryOf(asked: AskedVerdicts): Omit<PastVerdictQuery, 'limit'> {
  const { since, limit: _, verdict, messageId, fromDomain, ...others } = asked;
  const oldest = Date.now() - PAST_VERDICT_MS;
  return {
    ...others,
    verdict: verdict === undefined ? undefined : readVerdict(verdict),
    messageId: messageId?.trim().replace(/^<|>$/g, ''),
    fromDomain: fromDomain?.toLowerCase(),
    since: Math.max(oldest, readSince(since) ?? oldest),
  };
}

function readVerdict(text: string): 'rejected' | 'discarded' {
  if (text === 'rejected' || text === 'discarded') return text;
  throw badInput(`--verdict "${text}": is neither "rejected" nor "discarded"`);
}
