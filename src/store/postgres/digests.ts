/** Digests in PostgreSQL: addDigests, digestPosts, digestOf. */
import type { Digests } from '../digests.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function digestPort(_ground: Ground): Digests {
  return unbuilt<Digests>(['addDigests', 'digestPosts', 'digestOf']);
}
