/** Lanes in PostgreSQL: setLanes. */
import type { Lanes } from '../lanes.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function lanePort(_ground: Ground): Lanes {
  return unbuilt<Lanes>(['setLanes']);
}
