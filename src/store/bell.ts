/**
 * The bell of a store as a port: another process has made something due.
 *
 * Contract: it shortens the wait for the next look and no more: a ring may be missing, and one may be for nothing.
 */

/** The bell. */
export interface DueBell {
  /** Has `listener` called when somebody else may have made something due, for as long as the store is open. */
  onDue(listener: () => void): void;
}
