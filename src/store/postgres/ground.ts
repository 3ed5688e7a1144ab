/** What the ports of a store in PostgreSQL stand on. */
import type { DatabaseClock } from './clock.ts';
import type { Database } from './database.ts';

/** The ground. */
export interface Ground {
  readonly database: Database;
  readonly clock: DatabaseClock;
  /** The name of this host: who has a lease, took an item, knows a sink. */
  readonly host: string;
  /** Whether a posted item keeps its content until it is pruned. */
  readonly keepContent: boolean;
}
