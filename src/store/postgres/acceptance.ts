/** Acceptance in PostgreSQL: accept. */
import type { Acceptance } from '../acceptance.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function acceptancePort(_ground: Ground): Acceptance {
  return unbuilt<Acceptance>(['accept']);
}
