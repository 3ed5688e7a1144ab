/** What a dispatcher works with, and what it has in common with the others of its store. */
import type { ImmediateLease } from '../store/acceptance.ts';
import type { Contents } from '../store/item.ts';
import type { Leases } from '../store/leases.ts';
import type { SinkReports } from '../store/sink-status.ts';
import type { Moment } from '../system/moment.ts';
import { type AttemptOptions, LEASE_MARGIN_MS } from './attempt.ts';
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
  /** Tells whether other hosts count on this one, so that it may lease and begin; without it always. */
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

/** A wish to lease items with their commit, and when it was made. */
export interface Wish extends ImmediateLease {
  readonly askedAt: Moment;
}

/** Gives the time that a lease lasts. */
export const leaseMsOf = ({ attemptTimeoutMs }: DispatcherOptions): number =>
  attemptTimeoutMs + LEASE_MARGIN_MS;

/** Names the lane in a request, where there is one. */
export const laneOf = ({ lane }: DispatcherOptions) => (lane === undefined ? undefined : { lane });
