/** The verdicts of the last days by which a recipient got nothing: "I answered and nothing came". */
import type { Session } from '../site/session.ts';
import { type NumberedVerdict, PAST_VERDICT_MS, type PastVerdictQuery } from '../store/past-verdicts.ts';
import { invalid } from './fault.ts';
import { readSince } from './time.ts';

/** What is asked for, as people give it: a Message-ID with or without angle brackets, a time in any form. */
export interface AskedVerdicts extends Omit<PastVerdictQuery, 'verdict' | 'since' | 'limit'> {
  readonly verdict?: string | undefined;
  readonly since?: string | undefined;
}

/** Gives the verdicts that are asked for, the newest first; throws a Fault that names the field and its value. */
export async function listPastVerdicts(
  { store }: Session,
  asked: AskedVerdicts,
  limit: number,
): Promise<readonly NumberedVerdict[]> {
  return await store.pastVerdicts({ ...queryOf(asked), limit });
}

function queryOf(asked: AskedVerdicts): Omit<PastVerdictQuery, 'limit'> {
  const { since, verdict, messageId, fromDomain, ...others } = asked;
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
  throw invalid('verdict', `--verdict "${text}": is neither "rejected" nor "discarded"`);
}
