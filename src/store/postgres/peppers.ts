/** Peppers in PostgreSQL: peppers, acceptPepper. */
import type { Peppers } from '../peppers.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function pepperPort(_ground: Ground): Peppers {
  return unbuilt<Peppers>(['peppers', 'acceptPepper']);
}
