/** Contents in PostgreSQL: content. */
import type { Contents } from '../item.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function contentPort(_ground: Ground): Contents {
  return unbuilt<Contents>(['content']);
}
