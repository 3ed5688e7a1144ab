/**
 * Why a store could not be opened, for people and for the exit status.
 */
import { EXIT, type ExitStatus } from '../system/exit-status.ts';

/** The kinds of fault that a store can have. */
export type StoreErrorKind =
  | 'locked'
  | 'newer-schema'
  | 'not-a-database'
  | 'damaged'
  | 'unusable'
  | 'no-directory'
  /** A database on a server that does not answer, or does not let us in. */
  | 'unreachable'
  | 'refused';

/** The reason why a store could not be opened. */
export class StoreError extends Error {
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string) {
    super(message);
    this.name = 'StoreError';
    this.kind = kind;
  }
}

/** Makes the error of a store that another daemon has. */
export function inUse(path: string): StoreError {
  return new StoreError('locked', `${path} is in use by another mailgwd; only one may run on a store`);
}

/** A request that a store on a server did not answer, or not in time; the next one may be answered. */
export class StoreLost extends Error {}

/** Tells whether an error is the store's own, and no fault of who asked: it cannot do its work now. */
export function isStoreFailure(error: unknown): boolean {
  if (error instanceof StoreLost || error instanceof StoreError) return true;
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  // PostgreSQL's errors have a severity, and SQLSTATE as their code.
  return error.code.startsWith('SQLITE_') || 'severity' in error;
}

/** How a program ends whose store could not be opened. */
export const STORE_EXIT: Readonly<Record<StoreErrorKind, ExitStatus>> = {
  locked: EXIT.unavailable,
  'newer-schema': EXIT.unavailable,
  'not-a-database': EXIT.configuration,
  damaged: EXIT.inputOutput,
  unusable: EXIT.inputOutput,
  'no-directory': EXIT.cannotCreate,
  unreachable: EXIT.unavailable,
  refused: EXIT.configuration,
};
