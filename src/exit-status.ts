/**
 * The exit statuses of mailgwd and mailgw-ctl, those of sysexits(3): one table, so that both say the same of a store.
 */
import type { StoreErrorKind } from './queue/store-error.ts';

/** The exit statuses that we use. */
export const EXIT = {
  ok: 0,
  usage: 64,
  badInput: 65,
  unavailable: 69,
  internal: 70,
  cannotCreate: 73,
  inputOutput: 74,
  configuration: 78,
} as const;

/** One of the exit statuses. */
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** How a program ends whose store could not be opened. */
export const STORE_EXIT: Readonly<Record<StoreErrorKind, ExitStatus>> = {
  locked: EXIT.unavailable,
  'newer-schema': EXIT.unavailable,
  'not-a-database': EXIT.configuration,
  damaged: EXIT.inputOutput,
  unusable: EXIT.inputOutput,
  'no-directory': EXIT.cannotCreate,
};
