/** How many notifications to a user came back, in SQLite: counted with the bounce's own commit, so that a copy is not. */
import type { Figures } from '../figures.ts';
import type { BounceKind, NewItem } from '../item.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Prepares the count, to be called inside the transaction of an accept. */
export function prepareCountBounce(database: Database): (item: NewItem, kind: BounceKind) => void {
  const count = database.prepare<[number, number, number, string, number | null]>(
    `INSERT INTO bounce_count (user_number, hard, soft, last_at)
     SELECT user_number, ?, ?, ? FROM user WHERE name = ? AND user_number = ifnull(?, user_number)
     ON CONFLICT (user_number) DO UPDATE SET hard = hard + excluded.hard, soft = soft + excluded.soft,
       last_at = max(last_at, excluded.last_at)`,
  );
  return ({ user, userNumber, receivedAt }, kind) => {
    count.run(Number(kind === 'hard'), Number(kind === 'soft'), receivedAt, user, userNumber ?? null);
  };
}

/** Prepares the reads on a reading connection. */
export function prepareBounceViews(database: Database): AtOnce<Figures, 'bounceCounts'> {
  const sum = database.prepare<[string | null], { hard: number; soft: number; lastAt: number | null }>(
    `SELECT ifnull(sum(hard), 0) AS hard, ifnull(sum(soft), 0) AS soft, max(last_at) AS lastAt
     FROM bounce_count JOIN user USING (user_number) WHERE name = ifnull(?, name)`,
  );
  return {
    bounceCounts: (user) => {
      const row = sum.get(user ?? null);
      return { hard: row?.hard ?? 0, soft: row?.soft ?? 0, lastAt: row?.lastAt ?? undefined };
    },
  };
}
