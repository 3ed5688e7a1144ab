/**
 * Signals that would end a command halfway through many steps.
 *
 * Contract: the first SIGINT, SIGTERM or SIGHUP aborts the signal that the work is given; the work ends between two steps
 * and says how far it came. A second one ends the process at once.
 */
import { Fault, INTERRUPTED } from '../../actions/fault.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Does work that looks at its signal between two steps. */
export async function interruptibly<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const end = new AbortController();
  const stop = (): void => {
    unhook();
    end.abort(interrupted('interrupted'));
  };
  const unhook = (): void => {
    for (const name of SIGNALS) process.off(name, stop);
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await work(end.signal);
  } finally {
    unhook();
  }
}

/** Makes the fault of work that a signal ended, with what became of it. */
export const interrupted = (problem: string): Fault => new Fault(INTERRUPTED, problem);
