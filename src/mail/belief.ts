/**
 * How much a copy of a reply is believed, and which other copies make it a duplicate.
 *
 * A worse copy never shadows a better one: a forgery with somebody's Message-ID, or a copy that the spam filter held,
 * leaves the genuine one alone. So each belief has a key of its own, and a copy is a duplicate of what came under its
 * own key or under that of a better one. A sender without a pass says nothing by a Message-ID: its key holds what was
 * written as well, and only the very same text is a repetition.
 */

/** What our filter said of the sender, from the best to the worst. */
const RESULTS = ['pass', 'none', 'fail'] as const;

/** A copy as it comes in, or as it is when the operator has it posted. */
export interface Copy {
  readonly fingerprint: Uint8Array;
  /** The digest of what was written; needed unless `result` is `pass` and nothing holds it. */
  readonly written?: Uint8Array | undefined;
  readonly result: (typeof RESULTS)[number];
  /** Whether it waits for the operator, and may never be posted. */
  readonly isHeld: boolean;
}

/**
 * The key that a copy is known by: for the best its fingerprint. What the others add to it are a digest and a number,
 * so that adding them bit by bit keeps the keys apart, at a fraction of a digest's time.
 */
export function keyOf({ fingerprint, written, result, isHeld }: Copy): Uint8Array {
  if (result === 'pass' && !isHeld) return fingerprint;
  const content = result === 'pass' ? undefined : written;
  const key = fingerprint.map((octet, at) => octet ^ (content?.[at] ?? 0));
  key[0] = (key[0] ?? 0) ^ (2 * RESULTS.indexOf(result) + Number(isHeld));
  return key;
}

/** The keys of the better copies, any of which makes this one a duplicate; none for the best. */
export function betterKeys(copy: Copy): readonly Uint8Array[] {
  const { fingerprint, result, isHeld } = copy;
  if (result === 'pass') return isHeld ? [fingerprint] : [];
  const keys: Uint8Array[] = [fingerprint];
  for (const better of RESULTS.slice(0, RESULTS.indexOf(result) + 1)) {
    const isOwn = better === result;
    if (better !== 'pass' && !(isOwn && !isHeld))
      keys.push(keyOf({ ...copy, result: better, isHeld: false }));
    if (isHeld && !isOwn) keys.push(keyOf({ ...copy, result: better, isHeld: true }));
  }
  return keys;
}

/**
 * The keys of the copies that are believed less, say the very same, and are not held. As they come in they shadow
 * nothing; once one of them is posted, the operator wants no other.
 */
export function sameWordsKeys(copy: Copy): readonly Uint8Array[] {
  if (copy.written === undefined) return [];
  const worse = RESULTS.slice(RESULTS.indexOf(copy.result) + 1);
  return worse.map((result) => keyOf({ ...copy, result, isHeld: false }));
}
