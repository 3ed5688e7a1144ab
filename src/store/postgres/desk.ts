/** Desk in PostgreSQL: list, ids, shape, get, operate, setPaused. */
import type { Desk } from '../desk.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function deskPort(_ground: Ground): Desk {
  return unbuilt<Desk>(['list', 'ids', 'shape', 'get', 'operate', 'setPaused']);
}
