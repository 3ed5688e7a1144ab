/**
 * How much a copy of a reply is believed, and which other copies make it a duplicate.
 *
 * A worse copy never shadows a better one: a forgery with somebody's Message-ID, or a copy that the spam filter held,
 * leaves the genuine one alone. So each belief has a key of its own, and a copy is a duplicate of what came under its
 * own key or under that of a better one. A sender without a pass says nothing by a Message-ID: its key holds what was
 * written as well, and only the very same text is a repetition.
 */
import { createHash } from 'node:crypto';

/** What our filter said of the sender, from the best to the worst. */
const RESULTS = ['pass', 'none', 'fail'] as const;

/** A copy as it comes in. */
export interface Copy {
  readonly fingerprint: Uint8Array;
  /** The digest of what was written; needed unless `result` is `pass`. */
  readonly written?: Uint8Array | undefined;
  readonly result: (typeof RESULTS)[number];
  /** Whether it waits for the operator, and may never be posted. */
  readonly isHeld: boolean;
}

/** The key that a copy is known by. */
export function keyOf({ fingerprint, written, result, isHeld }: Copy): Uint8Array {
  if (result === 'pass' && !isHeld) return fingerprint;
  const hash = createHash('sha256')
    .update(fingerprint)
    .update(`${result} ${isHeld ? 'held' : 'queued'}`);
  if (result !== 'pass' && written !== undefined) hash.update(written);
  return hash.digest().subarray(0, 16);
}

/** The keys of the better copies, any of which makes this one a duplicate; none for the best. */
export function betterKeys(copy: Copy): Uint8Array[] {
  const results = RESULTS.slice(0, RESULTS.indexOf(copy.result) + 1);
  return results.flatMap((result) => {
    const queued = result === copy.result && !copy.isHeld ? [] : [keyOf({ ...copy, result, isHeld: false })];
    const held = result === copy.result || !copy.isHeld ? [] : [keyOf({ ...copy, result, isHeld: true })];
    return [...queued, ...held];
  });
}
