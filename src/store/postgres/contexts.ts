/** Contexts in PostgreSQL: setContexts, contextOf. */
import type { Contexts } from '../contexts.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function contextPort(_ground: Ground): Contexts {
  return unbuilt<Contexts>(['setContexts', 'contextOf']);
}
