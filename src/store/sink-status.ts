/** What is known of each sink, as a port: the daemon reports it, tools read it. Contract and failure as of store.ts. */

/**
 * The state of a sink: it takes posts; it asked to be left alone; it cannot be reached or fails; it is misconfigured,
 * here or on its side.
 */
export type SinkState = 'up' | 'paused' | 'down' | 'broken';

/** A sink's state, since when, and the last answer that supports it. */
export interface SinkStatus {
  readonly state: SinkState;
  readonly sinceAt: number;
  readonly diagnostic: string;
}

/** The status of the sink of this name. */
export interface NamedStatus extends SinkStatus {
  readonly name: string;
}

/** Reports on sinks; the figures have the last one of each. */
export interface SinkReports {
  /** Records what is known of the sink of this name; undefined is nothing. */
  setSinkStatus(name: string, status: SinkStatus | undefined): Promise<void>;
}
