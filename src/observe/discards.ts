/**
 * How many replies were dropped, and what that is due to, by the counts of the gate's verdicts.
 *
 * Contract: a reply is what a person sent: what the gate knew for a machine's or for a bounce does not count, nor what is
 * held. Where most of them are dropped, something is wrong with the site or with who writes to it, and that is said in one
 * line for doctor and for the status line.
 */
import { isDroppedReply, type SpoofCause } from '../mail/disposition.ts';
import type { VerdictCount } from './figures.ts';

/** The causes in words. */
const WORDS: Readonly<Record<SpoofCause, string>> = {
  'no-results': 'no Authentication-Results',
  'other-authserv-id': 'Authentication-Results of another authserv-id',
  'below-received': 'Authentication-Results below own Received fields',
  'no-received': 'no Received field to prove the place of Authentication-Results',
  'local-submission': 'submitted by sendmail(1) on this host',
  ambiguous: 'Authentication-Results that can be read in two ways',
  failed: 'the filter found another sender',
  'not-aligned': 'no result for the domain of From',
  'not-addressed': 'neither To nor Cc names the reply address',
  'not-signed': 'a signature that leaves out the reply address or a part of the text',
  'not-registered': "From is none of the user's addresses",
};

/** Every cause. */
export const SPOOF_CAUSES: readonly string[] = Object.keys(WORDS);

/** Causes that are the site's own set-up where they drop most replies: a filter, or a Postfix that rewrites addresses. */
const OF_THE_SITE: ReadonlySet<string> = new Set<SpoofCause>([
  'no-results',
  'other-authserv-id',
  'below-received',
  'no-received',
  'not-addressed',
  'local-submission',
]);

/** The fates of replies, in figures. */
export interface Discards {
  readonly replies: number;
  readonly discarded: number;
  /** What most of the discarded ones are due to: a cause, or a reason that has none. */
  readonly cause: string | undefined;
  /** Whether most replies were dropped. */
  readonly isMost: boolean;
  /** Whether that is due to the site's own set-up. */
  readonly isOfTheSite: boolean;
}

/** Counts replies among verdicts. */
export function discardsIn(verdicts: readonly VerdictCount[]): Discards {
  const replies = verdicts.filter(
    (count) => isDroppedReply(count) || (count.verdict === 'accepted' && count.reason !== 'held'),
  );
  const dropped = replies.filter(({ verdict }) => verdict === 'discarded');
  const byCause = new Map<string, number>();
  for (const { reason, cause = reason, count } of dropped)
    byCause.set(cause, (byCause.get(cause) ?? 0) + count);
  const cause = [...byCause.keys()].sort(
    (one, other) => (byCause.get(other) ?? 0) - (byCause.get(one) ?? 0),
  )[0];
  const [total, discarded] = [sumOf(replies), sumOf(dropped)];
  return {
    replies: total,
    discarded,
    cause,
    isMost: 2 * discarded > total,
    isOfTheSite: cause !== undefined && OF_THE_SITE.has(cause),
  };
}

/** Says how many were dropped and for what; the counts are those since yesterday. */
export function discardsInWords({ replies, discarded, cause }: Discards): string {
  const words = cause === undefined ? '' : `: ${(WORDS as Readonly<Record<string, string>>)[cause] ?? cause}`;
  return `${discarded} of ${replies} replies since yesterday were discarded${words}`;
}

/** Gives the time from which {@link discardsInWords} counts. */
export function yesterday(now: number): number {
  return now - 24 * 3_600_000;
}

function sumOf(counts: readonly VerdictCount[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}
