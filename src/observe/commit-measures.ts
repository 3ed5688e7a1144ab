/**
 * The measures of the commits that accept messages, taken by whoever commits them, in memory that two threads share: with a
 * store in SQLite that is its writer.
 *
 * Contract: nothing else is loaded with this file, because the writer's thread loads it before it opens the store.
 */
import { Distribution } from './distribution.ts';

/** Bounds of a COMMIT's time, in seconds. */
export const COMMIT_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** Bounds of the messages in a commit. */
export const COMMIT_MESSAGES = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/** The measures of the commits that promise something. */
export interface CommitMeasures {
  readonly memory: SharedArrayBuffer;
  /** Seconds of a COMMIT, its fsync included. */
  readonly seconds: Distribution;
  /** Messages of a commit. */
  readonly messages: Distribution;
}

/** Gives the measures in this memory; without any they begin with nothing. */
export function commitMeasures(memory?: SharedArrayBuffer): CommitMeasures {
  const lengths = [COMMIT_SECONDS.length + 2, COMMIT_MESSAGES.length + 2] as const;
  const shared = memory ?? new SharedArrayBuffer(8 * (lengths[0] + lengths[1]));
  return {
    memory: shared,
    seconds: new Distribution(COMMIT_SECONDS, new Float64Array(shared, 0, lengths[0])),
    messages: new Distribution(COMMIT_MESSAGES, new Float64Array(shared, 8 * lengths[0], lengths[1])),
  };
}
