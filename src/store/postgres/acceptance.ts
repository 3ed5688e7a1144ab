/** Acceptance in PostgreSQL: see entrance.ts. */
import type { Acceptance } from '../acceptance.ts';
import type { Entrance } from './entrance.ts';

/** Gives the port. */
export function acceptancePort(entrance: Entrance): Acceptance {
  return {
    accept: (items, raw, wish, receipt) => entrance.accept({ items, raw, wish, receipt }),
  };
}
