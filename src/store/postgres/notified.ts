/** Notified in PostgreSQL: rememberNotified, notifiedByIds, notifiedBySubject. */
import type { Notified } from '../notified.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function notifiedPort(_ground: Ground): Notified {
  return unbuilt<Notified>(['rememberNotified', 'notifiedByIds', 'notifiedBySubject']);
}
