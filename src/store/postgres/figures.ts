/** Figures in PostgreSQL: addVerdicts, verdicts, counts, backlog, bounceCounts. */
import type { Figures } from '../figures.ts';
import type { Ground } from './ground.ts';
import { unbuilt } from './unbuilt.ts';

/** Gives the port. */
export function figurePort(_ground: Ground): Figures {
  return unbuilt<Figures>(['addVerdicts', 'verdicts', 'counts', 'backlog', 'bounceCounts']);
}
