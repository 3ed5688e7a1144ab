/**
 * The verdicts of the last days by which a recipient got nothing, so that "I answered and nothing came" has an answer
 * without the log.
 *
 * Contract: what is refused or discarded is told here as it is logged, and handed on to the store every second, and at the
 * end: nothing that is answered waits for it. A power cut may cost the last of them.
 * Failure: what could not be handed on is handed on the next time.
 * Limits: {@link MOST_WAITING} wait; what comes on top of them, as in a flood of forged addresses, is in the log alone.
 */

/** A verdict on one recipient, of whom no item was made. */
export interface PastVerdict {
  /** When it was given, in milliseconds since the epoch. */
  readonly at: number;
  readonly verdict: 'rejected' | 'discarded';
  readonly reason: string;
  readonly detail?: string | undefined;
  readonly cause?: string | undefined;
  /** The recipient, without a token. */
  readonly address?: string | undefined;
  /** Whose the address is, where it holds. */
  readonly user?: string | undefined;
  readonly thread?: string | undefined;
  /** The domain of the From field; undefined where no message came, or with no author that can be told. */
  readonly fromDomain?: string | undefined;
  readonly messageId?: string | undefined;
  /** Postfix's own id of the message. */
  readonly queueId?: string | undefined;
  /** The session, as the log names it. */
  readonly session: string;
}

/** Takes a verdict as it is given. */
export type RecallVerdict = (verdict: PastVerdict) => void;

/** Recalling under way. */
export interface Recalling {
  readonly recall: RecallVerdict;
  /** Hands on what is left. */
  readonly stop: () => Promise<void>;
}

const HAND_ON_MS = 1000;

/** Verdicts that wait to be handed on. */
export const MOST_WAITING = 5000;

/** How often old ones go while there are no new ones. */
const TIDY_MS = 3_600_000;

/** Collects verdicts and hands them on; with none among them, what is out of date goes. */
export function startRecalling(
  take: (verdicts: readonly PastVerdict[]) => Promise<void>,
  monotonic: () => number,
): Recalling {
  let waiting: PastVerdict[] = [];
  let tidyAt = 0;
  let handing: Promise<void> | undefined;
  const handOn = async (): Promise<void> => {
    const taken = waiting;
    if (taken.length === 0 && monotonic() < tidyAt) return;
    waiting = [];
    try {
      await take(taken);
      tidyAt = monotonic() + TIDY_MS;
    } catch {
      // The store says elsewhere what ails it.
      waiting = [...taken, ...waiting].slice(0, MOST_WAITING);
    }
  };
  const handOnNext = (): Promise<void> => {
    handing ??= handOn().finally(() => {
      handing = undefined;
    });
    return handing;
  };
  const timer = setInterval(() => void handOnNext(), HAND_ON_MS);
  timer.unref();
  return {
    recall: (verdict) => {
      if (waiting.length < MOST_WAITING) waiting.push(verdict);
    },
    stop: async () => {
      clearInterval(timer);
      await handing;
      await handOnNext();
    },
  };
}
