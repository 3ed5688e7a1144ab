/** Originals in PostgreSQL: rememberOriginals, knownOriginals. */
import type { Originals } from '../originals.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function originalPort(_ground: Ground): Originals {
  return unbuilt<Originals>(['rememberOriginals', 'knownOriginals']);
}
