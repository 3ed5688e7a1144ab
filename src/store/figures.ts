/** The store in figures, as a port: items, bounces and verdicts counted. Contract and failure as of store.ts. */
import type { QueueFigures, VerdictCount } from '../observe/figures.ts';
import type { ItemState } from './item.ts';
import type { NamedStatus } from './sink-status.ts';

/** The items of a lane that are not settled. */
export interface LaneCount {
  readonly lane: string;
  readonly open: number;
}

/** Items by state, and the receipt time of the oldest one that still waits for its post. */
export interface QueueCounts extends QueueFigures {
  readonly byState: Readonly<Record<ItemState, number>>;
  readonly sinks: readonly NamedStatus[];
  /** Lanes in which something is not settled; none where there are no lanes. */
  readonly lanes: readonly LaneCount[];
}

/** Items that are not settled, counted up to {@link MOST_COUNTED}, and what is known of the sinks. */
export interface Backlog {
  readonly open: number;
  readonly paused: boolean;
  readonly sinks: readonly NamedStatus[];
}

/** A backlog is not counted further than this: the count blocks the main loop. */
export const MOST_COUNTED = 100_000;

/** How many hours back the counts of verdicts are told apart: 90 days. Older ones are one count, that of hour 0. */
export const VERDICT_HOURS = 90 * 24;

const HOUR_MS = 3_600_000;

/** Gives the hour of a time, by which verdicts are counted. */
export const hourOf = (ms: number): number => Math.floor(ms / HOUR_MS);

/** Bounces counted so far, and when the last one came. */
export interface BounceCounts {
  readonly hard: number;
  readonly soft: number;
  readonly lastAt: number | undefined;
}

/** The figures that the store counts. */
export interface Figures {
  /** Adds to the counts of verdicts. Needs no fsync of its own. */
  addVerdicts(counts: readonly VerdictCount[]): Promise<void>;
  /** Gives the counts of verdicts: all, or since the hour of `since`. */
  verdicts(since?: number): Promise<readonly VerdictCount[]>;
  /** Counts the items by state, for `stats`. */
  counts(): Promise<QueueCounts>;
  /** Counts what a status line tells, at a cost that does not grow with what was posted. */
  backlog(): Promise<Backlog>;
  /** Counts the bounces of notifications to this user, or to all. */
  bounceCounts(user?: string): Promise<BounceCounts>;
}
