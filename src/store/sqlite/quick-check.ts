/**
 * A quick look at a store: SQLite's own structure, and rows that lie in the future.
 *
 * Contract: reads on a connection of its own beside a running daemon; takes a moment where check.ts takes minutes.
 * Limits: quick_check leaves out whether indexes agree with their tables; "mailgw-ctl db check" looks at that too.
 */

import { guarded } from './explain.ts';
import { openConnection } from './schema.ts';

/** The result of a quick check; times in milliseconds since the epoch. */
export interface QuickCheck {
  readonly damage: readonly string[];
  /** Items that were received after `now`. */
  readonly futureItems: number;
  /** The latest receipt; undefined in an empty queue. */
  readonly newestReceivedAt: number | undefined;
}

const MOST_NAMED = 5;
const BUSY_TIMEOUT_MS = 5000;

/** Looks at the store at `path`. */
export function quickCheckStore(path: string, now: number): QuickCheck {
  const database = openConnection(path, { readonly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    return guarded(path, () => {
      const rows = database.pragma(`quick_check(${MOST_NAMED})`) as { quick_check: string }[];
      const damage = rows.map((row) => row.quick_check).filter((detail) => detail !== 'ok');
      if (damage.length > 0) return { damage, futureItems: 0, newestReceivedAt: undefined };
      const items = database
        .prepare<[number], { future: number; newest: number | null }>(
          'SELECT count(*) FILTER (WHERE received_at > ?) AS future, max(received_at) AS newest FROM item',
        )
        .get(now);
      return { damage, futureItems: items?.future ?? 0, newestReceivedAt: items?.newest ?? undefined };
    });
  } finally {
    database.close();
  }
}
