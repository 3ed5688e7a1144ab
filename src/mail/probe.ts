/**
 * A probe: a message of `mailgw-ctl doctor` that goes the whole way through Postfix and never becomes a post.
 *
 * Contract: what marks it is the thread inside its reply address, which the address's MAC covers. Nobody can put the mark
 * on mail to another address, and only who has the pepper and a user's salt can make a probe's address; it is good for
 * {@link PROBE_MAX_AGE_MS}, so that one read out of a log is soon worth nothing.
 */

/** The thread of every probe, or the beginning of it; `address mint` refuses both. */
export const PROBE_THREAD = 'mailgw:probe';

/** How long a probe's address is good. */
const PROBE_MAX_AGE_MS = 10 * 60_000;

/** The findings of the stamp on a probe that is a notification. */
export interface ProbeFindings {
  /** Whether the site would have recognised it, were it no probe. */
  readonly isRecognised: boolean;
  /** Whether the address of the user in To finds that user alone. */
  readonly isFound: boolean;
}

/** Gives the thread of the reply address that a probe gets on its way out: it tells what was found. */
export function probeThread({ isRecognised, isFound }: ProbeFindings): string {
  return `${PROBE_THREAD}${isRecognised ? '/recognised' : ''}${isFound ? '/found' : ''}`;
}

/** Reads the findings out of a probe's thread. */
export function probeFindings({ locator }: { readonly locator: string }): ProbeFindings {
  const words = locator.split('/');
  return { isRecognised: words.includes('recognised'), isFound: words.includes('found') };
}

/** Tells whether an address is a probe's, by the thread that it names. */
export function isProbe(target: { readonly locator: string } | undefined): boolean {
  return target?.locator.split('/', 1)[0] === PROBE_THREAD;
}

/** Gives the age up to which an address is good: the site's own limit, or a probe's where that is shorter. */
export function addressMaxAgeMs(target: { readonly locator: string }, maxAgeMs: number): number {
  return isProbe(target) ? Math.min(maxAgeMs, PROBE_MAX_AGE_MS) : maxAgeMs;
}
