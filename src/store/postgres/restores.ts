/** Restores in PostgreSQL: lastRestore. */
import type { Restores } from '../restores.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function restorePort(_ground: Ground): Restores {
  return unbuilt<Restores>(['lastRestore']);
}
