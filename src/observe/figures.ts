/**
 * What is counted of the queue and of the gate, as metrics, the status line and tools read it.
 */

/** The count of a verdict since the store was made, and the time of the last one. */
export interface VerdictCount {
  readonly verdict: string;
  readonly reason: string;
  /** What a discard is due to, where its reason does not say all. */
  readonly cause?: string | undefined;
  readonly count: number;
  readonly lastAt: number;
}

/** The queue in figures. */
export interface QueueFigures {
  /** Items, by the name of their state. */
  readonly byState: Readonly<Record<string, number>>;
  /** When the oldest item came that still waits for its post, in milliseconds since the epoch. */
  readonly oldestReceivedAt: number | undefined;
  readonly paused: boolean;
  /** What is known of sinks, each of which a daemon has found something out since its start. */
  readonly sinks: readonly { readonly name: string; readonly state: string }[];
}
