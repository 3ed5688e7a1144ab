/** Inspection in PostgreSQL: traces, duplicateOf, waitingThreads, flow, lastVouchedFor. */
import type { Inspection } from '../inspection.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function inspectionPort(_ground: Ground): Inspection {
  return unbuilt<Inspection>(['traces', 'duplicateOf', 'waitingThreads', 'flow', 'lastVouchedFor']);
}
