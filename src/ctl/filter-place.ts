/**
 * Where the filters of a Postfix write their results: `sender.own_received`, as `init` finds it out.
 *
 * Contract: Postfix puts what a milter inserts directly below its own Received, so beside milters the number is 1. Where
 * mail also goes through a content filter, each of its hops adds one, and only a delivered mail shows how many.
 * Failure: a Postfix that postconf(1) cannot read, or one without a milter, says nothing.
 */
import { miltersOf } from './postfix/filters.ts';
import { readPostfix } from './postfix/postfix-setup.ts';

/** The number, and what it is taken from. */
export interface FilterPlace {
  readonly ownReceived: number;
  /** The filters by which it was judged, in words. */
  readonly source: string;
  /** Whether there is a filter whose place nobody can know from here. */
  readonly isGuess: boolean;
}

/** Asks the Postfix configured in `directory`; undefined where it has no milter. */
export function filterPlaceOf(directory: string): FilterPlace | undefined {
  const read = readPostfix(directory);
  if (!read.ok) return undefined;
  const milters = miltersOf(read.setup).map(({ name }) => name);
  if (milters.length === 0) return undefined;
  return {
    ownReceived: 1,
    source: milters.join(', '),
    isGuess: read.setup.setting('content_filter') !== '',
  };
}
