/**
 * Lanes: where a site has several sinks, each takes the threads that begin with its prefix, and has a lane of the queue.
 *
 * Contract: the longest prefix that fits decides, and it alone: the order in which sinks are configured means nothing. A
 * container goes by its own name. A thread that is not known, a digest, and a thread that no prefix fits are in
 * {@link NO_LANE}, which is no sink's.
 */
import { placeName } from './reserved.ts';

/** The lane of a sink: its name, and the prefix of its threads. */
export interface Lane {
  readonly name: string;
  readonly threads: string;
}

/** The lane of what is no sink's; no sink is called so. */
export const NO_LANE = 'none';

/** Creates what finds the lane of a locator; undefined is the answer of a site without lanes, which has one sink. */
export function createLaneOf(lanes: readonly Lane[]): (locator: string) => string | undefined {
  if (lanes.length === 0) return () => undefined;
  const longestFirst = lanes.toSorted((a, b) => b.threads.length - a.threads.length);
  return (locator) => {
    const place = placeName(locator);
    const lane = place === '' ? undefined : longestFirst.find(({ threads }) => place.startsWith(threads));
    return lane?.name ?? NO_LANE;
  };
}

/** Tells whether a locator names a place of a platform, and no sink is for it. */
export const isStray = (lane: string | undefined, locator: string): boolean =>
  lane === NO_LANE && placeName(locator) !== '';
