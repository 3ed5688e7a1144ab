/**
 * What a store in PostgreSQL knows of its own restore.
 *
 * Contract: read anew each time. The database may be put back under daemons that run on and connect again, and an address
 * that is refused for good because of what they remembered of before would be one too many.
 */
import type { Restores } from '../restores.ts';
import type { Ground } from './ground.ts';

interface Row {
  readonly restored_at: number;
  readonly backed_up_at: number;
  readonly user_number: number;
  readonly user_up_to: number;
  readonly thread_number: number;
  readonly thread_up_to: number;
}

/** Gives the port. */
export function restorePort({ database }: Pick<Ground, 'database'>): Restores {
  return {
    lastRestore: async () => {
      const row = await database.reads.first<Row>(
        `SELECT restored_at, backed_up_at, user_number, user_up_to, thread_number, thread_up_to
         FROM restore ORDER BY restored_at DESC LIMIT 1`,
      );
      if (row === undefined) return undefined;
      return {
        restoredAt: row.restored_at,
        backedUpAt: row.backed_up_at,
        users: { known: row.user_number, upTo: row.user_up_to },
        threads: { known: row.thread_number, upTo: row.thread_up_to },
      };
    },
  };
}
