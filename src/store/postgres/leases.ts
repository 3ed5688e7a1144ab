/** Leases in PostgreSQL: lease, settle, reclaim, retime, nextDueAt. */
import type { Leases } from '../leases.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function leasePort(_ground: Ground): Leases {
  return unbuilt<Leases>(['lease', 'settle', 'reclaim', 'retime', 'nextDueAt']);
}
