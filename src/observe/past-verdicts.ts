/**
 * The verdicts of the last days by which a recipient got nothing, so that "I answered and nothing came" has an answer
 * without the log.
 *
 * Contract: what is refused or discarded is told here as it is logged, and handed on to the store every second, and at the
 * end: no answer waits for it. A power cut may cost the last of them.
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
export type RecallVerdict = (verdict: Omit<PastVerdict, 'at'>) => void;

/** Recalling under way. */
export interface Recalling {
  readonly recall: RecallVerdict;
  /** Hands on what is left. */
  readonly stop: () => Promise<void>;
}

/** Hands verdicts on to the store; with none among them, what is out of date at that time goes. */
export type HandOn = (verdicts: readonly PastVerdict[], now: number) => Promise<void>;

const HAND_ON_MS = 1000;

/** Verdicts that are handed on at a time: a thousand keep SQLite's writer for some 10 ms. */
const MOST_AT_ONCE = 1000;

/** Verdicts that wait to be handed on. */
export const MOST_WAITING = 5000;

/** How often old ones go while there are no new ones. */
const TIDY_MS = 3_600_000;

/** Collects verdicts and hands them on. */
export function startRecalling(take: HandOn, now: () => number): Recalling {
  const waiting: PastVerdict[] = [];
  let takenAt = Number.NEGATIVE_INFINITY;
  let handing: Promise<boolean> | undefined;
  const handOn = async (): Promise<boolean> => {
    const at = now();
    const some = waiting.slice(0, MOST_AT_ONCE);
    if (some.length === 0 && at - takenAt < TIDY_MS) return true;
    try {
      await take(some, at);
    } catch {
      // The store says elsewhere what ails it.
      return false;
    }
    waiting.splice(0, some.length);
    takenAt = at;
    return true;
  };
  const handOnNext = (): Promise<boolean> => {
    handing ??= handOn().finally(() => {
      handing = undefined;
    });
    return handing;
  };
  const timer = setInterval(() => void handOnNext(), HAND_ON_MS);
  timer.unref();
  return {
    recall: (verdict) => {
      if (waiting.length < MOST_WAITING) waiting.push({ at: now(), ...verdict });
    },
    stop: async () => {
      clearInterval(timer);
      await handing;
      while (waiting.length > 0 && (await handOnNext()));
    },
  };
}
