/**
 * The verdicts that the daemon gives, counted for its own page and for the store, which adds them up over all its runs.
 *
 * Contract: verdicts are handed on to the store every ten seconds, and at the end.
 * Failure: what could not be handed on is handed on the next time.
 */
import { SPOOF_CAUSES } from './discards.ts';
import type { VerdictCount } from './figures.ts';
import type { Meter } from './meter.ts';
import { TOKEN_REASONS } from './metrics-table.ts';

/** Counts one verdict on one recipient; `cause` says what a discard is due to. */
export type CountVerdict = (verdict: string, reason: string, cause?: string) => void;

/** A count since the start, and how much of it was handed on. */
interface Tally {
  readonly verdict: string;
  readonly reason: string;
  readonly cause: string | undefined;
  count: number;
  handedOn: number;
  lastAt: number;
}

const TOKEN_WORDS: ReadonlySet<string> = new Set(TOKEN_REASONS);

const HAND_ON_MS = 10_000;

/** Counting under way. */
export interface Counting {
  readonly count: CountVerdict;
  /** Hands on what is left. */
  stop(): Promise<void>;
}

/** Counts verdicts and hands them on. */
export function startCounting(
  meter: Meter,
  take: (counts: readonly VerdictCount[]) => Promise<void>,
  now: () => number,
): Counting {
  const tallies: Tally[] = [];
  const handOn = async (): Promise<void> => {
    const taken: [Tally, VerdictCount][] = [];
    for (const tally of tallies) {
      const { count, handedOn, ...rest } = tally;
      if (count > handedOn) taken.push([tally, { ...rest, count: count - handedOn }]);
      tally.handedOn = count;
    }
    if (taken.length === 0) return;
    try {
      await take(taken.map(([, count]) => count));
    } catch {
      // The store says elsewhere what ails it.
      for (const [tally, { count }] of taken) tally.handedOn -= count;
    }
  };
  const timer = setInterval(() => void handOn(), HAND_ON_MS);
  timer.unref();
  // From zero on: an increase from nothing to one is none to Prometheus.
  for (const cause of SPOOF_CAUSES) meter.add('mailgw_discards_total', { reason: 'spoofed', cause }, 0);
  return {
    count: (verdict, reason, cause) => {
      const tally = tallyOf(tallies, verdict, reason, cause);
      tally.count++;
      tally.lastAt = now();
      meterVerdict(meter, verdict, reason, cause);
    },
    stop: async () => {
      clearInterval(timer);
      await handOn();
    },
  };
}

/** Finds a tally, or begins one: there are some dozens at most, and the usual ones began first. */
function tallyOf(tallies: Tally[], verdict: string, reason: string, cause: string | undefined): Tally {
  for (const tally of tallies) {
    if (tally.reason === reason && tally.cause === cause && tally.verdict === verdict) return tally;
  }
  const tally = { verdict, reason, cause, count: 0, handedOn: 0, lastAt: 0 };
  tallies.push(tally);
  return tally;
}

/** Counts a verdict in each of the metrics that it belongs to. */
function meterVerdict(meter: Meter, verdict: string, reason: string, cause = ''): void {
  meter.add('mailgw_recipients_total', { verdict, reason });
  if (verdict === 'discarded') meter.add('mailgw_discards_total', { reason, cause });
  if (isTokenReason(reason)) meter.add('mailgw_token_refusals_total', { reason });
}

function isTokenReason(reason: string): reason is (typeof TOKEN_REASONS)[number] {
  return TOKEN_WORDS.has(reason);
}
