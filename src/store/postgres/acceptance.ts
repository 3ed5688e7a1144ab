/** Acceptance in PostgreSQL: see entrance.ts. */
import type { Acceptance } from '../acceptance.ts';
import { Entrance } from './entrance.ts';
import type { Ground } from './ground.ts';

/** Gives the port. */
export function acceptancePort(ground: Ground): Acceptance {
  const entrance = new Entrance(ground);
  return {
    accept: (items, raw, wish, receipt) => entrance.accept({ items, raw, wish, receipt }),
  };
}
