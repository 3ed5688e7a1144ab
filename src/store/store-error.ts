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
