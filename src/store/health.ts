/**
 * How well the database is that a store stands in, for doctor and the metrics.
 *
 * Contract: reads what the server knows of itself; a store in a file has no such port. What the role may not see of others
 * is undefined, and `hidden` counts it.
 */

/** The states of a connection; of one whose state the role may not see nothing is known. */
export const CONNECTION_STATES = ['active', 'idle', 'in_transaction', 'unknown'] as const;

/** The connections to the server. */
export interface Connections {
  readonly byState: Readonly<Record<(typeof CONNECTION_STATES)[number], number>>;
  /** Those that this role may make at most, for itself, in this database and beside all others. */
  readonly most: number;
  /** How many of them are in use: of the limit that is nearest. */
  readonly used: number;
}

/** A server that follows this one. */
export interface Standby {
  readonly name: string;
  /** `sync`, `quorum`, `potential` or `async`; this and the rest is undefined where the role may not see it. */
  readonly syncState: string | undefined;
  readonly lagBytes: number | undefined;
  /** How far behind in time it was; undefined also where nothing is written. */
  readonly lagMs: number | undefined;
}

/** A table whose rows come and go. */
export interface HotTable {
  readonly name: string;
  readonly liveRows: number;
  /** Rows that were changed or removed, and whose room is not free yet. */
  readonly deadRows: number;
  /** The size with indices. */
  readonly bytes: number;
}

/** The transaction that has been open for longest in this database. */
export interface OpenTransaction {
  /** The process of the server that has it; undefined for one that was prepared and left. */
  readonly pid: number | undefined;
  readonly ageMs: number;
  /** The program that has it, by its own word. */
  readonly program: string;
  readonly user: string;
  readonly state: string;
}

/** The settings by which a commit is on the disk, and on standbys. */
export interface Durability {
  readonly fsync: boolean;
  readonly fullPageWrites: boolean;
  readonly synchronousCommit: string;
  /** Empty where no commit waits for a standby. */
  readonly synchronousStandbys: string;
  readonly walLevel: string;
}

/** The role as which the store is open. */
export interface RoleStanding {
  readonly name: string;
  readonly isSuperuser: boolean;
  /** Rights that it lacks, such as `UPDATE on item`. */
  readonly missing: readonly string[];
  /** Sessions in this database of whom it may not see what they do. */
  readonly hidden: number;
}

/** The health of a database. */
export interface DatabaseHealth {
  /** Such as `15.4`, and as a number: 150004. */
  readonly version: string;
  readonly versionNumber: number;
  /** Whether it is a standby, which takes no writes. */
  readonly isStandby: boolean;
  /** The version of TLS; undefined where the way is not encrypted. */
  readonly encryption: string | undefined;
  readonly isRemote: boolean;
  readonly connections: Connections;
  readonly durability: Durability;
  readonly standbys: readonly Standby[];
  readonly tables: readonly HotTable[];
  readonly longest: OpenTransaction | undefined;
  /** This host's clock less the database's. */
  readonly clockAheadMs: number;
  /** The age of the oldest transaction number in use; at 2,000 million the server stops taking writes. */
  readonly oldestNumberAge: number;
  readonly role: RoleStanding;
}

/** The connections of this process for transactions: those that are lent, and transactions that wait for one. */
export interface Pool {
  readonly lent: number;
  readonly waiting: number;
}

/** The port. */
export interface HealthPort {
  /** Reads the health of the database. */
  health(): Promise<DatabaseHealth>;
  /** Counts the connections of this process, without asking the database. */
  pool(): Pool;
}
