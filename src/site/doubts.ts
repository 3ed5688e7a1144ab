/**
 * What keeps the daemon from answering for addresses and mail, in one place: the gate asks it, and so do readiness and
 * the status line.
 */
import type { GateOptions } from '../gate/gate.ts';
import type { LogOutput } from '../observe/log-output.ts';
import type { PepperWatch } from './pepper.ts';
import type { StoreWatch } from './store-watch.ts';

/** The doubts that keep the daemon from answering for addresses and mail. */
export interface Doubts {
  /** Why the store can promise nothing any more, if so. */
  readonly loss: StoreWatch['loss'];
  /** Why no address can be judged now; undefined when all can. */
  readonly doubt: GateOptions['doubt'];
  /** Says why all mail is put off. */
  readonly trouble: () => string | undefined;
}

/** Gathers the doubts of the store's files, the pepper and the log. */
export function doubtsOf(
  { loss }: StoreWatch,
  pepper: PepperWatch,
  output: Pick<LogOutput, 'isStalled'>,
): Doubts {
  return {
    loss,
    doubt: () => {
      const why = loss();
      return why === undefined ? pepper.doubt() : { reason: 'store', why };
    },
    trouble: () => loss() ?? pepper.problem ?? (output.isStalled ? 'nobody reads the log' : undefined),
  };
}
