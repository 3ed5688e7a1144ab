/** What a dispatcher works with, and what it has in common with the others of its store. */
import type { Contents } from '../store/item.ts';
import type { Leases } from '../store/leases.ts';
import type { SinkReports } from '../store/sink-status.ts';
import type { AttemptOptions } from './attempt.ts';
import type { EndingOptions } from './ending.ts';
import type { WallClock } from './wall-clock.ts';

/** The options of a dispatcher; times in milliseconds. */
export interface DispatcherOptions extends AttemptOptions, EndingOptions {
  readonly queue: Leases & Contents & SinkReports;
  /** Milliseconds of a clock that nobody sets. */
  readonly monotonic: () => number;
  readonly concurrency: number;
  /** Bytes of large messages under way together. */
  readonly maxBufferedBytes: number;
  /** The longest time without a look at the queue. */
  readonly pollMs: number;
  /** Tells whether what was leased is still ours, and not taken over by other hosts; without it always. */
  readonly isPresent?: (() => boolean) | undefined;
  /** Tells whether a thread is of the lane; without it all are. */
  readonly owns?: ((thread: string) => boolean) | undefined;
}

/** What dispatchers of one store have in common. */
export interface Fellowship {
  readonly clock: WallClock;
  /** Lists the leased items that one of them answers for. */
  readonly claimed: () => readonly string[];
}

/** Names the lane in a request, where there is one. */
export const laneOf = ({ lane }: DispatcherOptions) => (lane === undefined ? undefined : { lane });
