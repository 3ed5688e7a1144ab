/** Retention in PostgreSQL: prune. */
import type { Retention } from '../retention.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function retentionPort(_ground: Ground): Retention {
  return unbuilt<Retention>(['prune']);
}
