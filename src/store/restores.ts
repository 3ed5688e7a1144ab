/** The restore that a store went through, as a port. Contract and failure as of store.ts. */

/** Numbers of one kind: the highest that the backup had given, and the highest that may have been given since. */
export interface NumberRange {
  readonly known: number;
  readonly upTo: number;
}

/** A backup that was put in the store's place; times in milliseconds since the epoch. */
export interface Restore {
  readonly restoredAt: number;
  readonly backedUpAt: number;
  readonly users: NumberRange;
  readonly threads: NumberRange;
}

/** Restores of a store. */
export interface Restores {
  /** Reads the last one, if there ever was one. */
  lastRestore(): Promise<Restore | undefined>;
}

/**
 * Gives the highest number that a store may have given since its backup, by the highest that the backup knows: a tenth more,
 * and a thousand at least.
 */
export const perhapsGiven = (known: number): number => known + Math.max(1000, Math.ceil(known / 10));
