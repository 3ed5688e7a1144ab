/**
 * How much a copy of a reply is believed, and which other copies make it a duplicate.
 *
 * A worse copy never shadows a better one: a forgery with somebody's Message-ID, or a copy that the spam filter held,
 * leaves the genuine one alone. So each belief has a key of its own, and a copy is a duplicate of what came under its
 * own key or under that of a better one. A sender without a pass says nothing by a Message-ID: its key holds what was
 * written as well, and only the very same text is a repetition.
 */

import type { Digest } from './fingerprint.ts';

/** What our filter said of the sender, from the best to the worst. */
const RESULTS = ['pass', 'none', 'fail'] as const;

/** A copy as it comes in, or as it is when the operator has it posted. */
export interface Copy {
  readonly fingerprint: Digest;
  /** The digest of what was written; needed unless `result` is `pass` and nothing holds it. */
  readonly written?: Digest | undefined;
  readonly result: (typeof RESULTS)[number];
  /** Whether it waits for the operator, and may never be posted. */
  readonly isHeld: boolean;
}

/**
 * Gives the key by which a copy is known: for the best copy its fingerprint. The others add a digest and a number to
 * it bit by bit. That keeps the keys apart at a fraction of a digest's time.
 */
export function keyOf({ fingerprint, written = '', result, isHeld }: Copy): Uint8Array {
  const key = Buffer.from(fingerprint, 'latin1');
  if (result === 'pass' && !isHeld) return key;
  if (result !== 'pass')
    for (let at = 0; at < written.length; at++) key[at] = (key[at] ?? 0) ^ written.charCodeAt(at);
  key[0] = (key[0] ?? 0) ^ (2 * RESULTS.indexOf(result) + Number(isHeld));
  return key;
}

/** Lists the keys of the better copies, any of which makes this one a duplicate; none for the best. */
export function betterKeys(copy: Copy): readonly Uint8Array[] {
  const better = RESULTS.slice(0, RESULTS.indexOf(copy.result));
  const keyed = (isHeld: boolean) => (result: Copy['result']) => keyOf({ ...copy, result, isHeld });
  const keys = better.map(keyed(false));
  return copy.isHeld ? [...keys, keyed(false)(copy.result), ...better.map(keyed(true))] : keys;
}

/**
 * Lists the keys of the copies that say the very same, are believed less and are not held. They shadow nothing when
 * they come in. Once one of them is posted, the operator wants no other.
 */
export function sameWordsKeys(copy: Copy): readonly Uint8Array[] {
  if (copy.written === undefined) return [];
  const worse = RESULTS.slice(RESULTS.indexOf(copy.result) + 1);
  return worse.map((result) => keyOf({ ...copy, result, isHeld: false }));
}
