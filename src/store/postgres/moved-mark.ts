/** The mark of a store in PostgreSQL that was copied away. */
import { MOVED_FLAG, moved } from '../moved.ts';
import type { Statements } from './database.ts';

/** Throws where the store has the mark. */
export async function requireNotMoved(statements: Statements, place: string): Promise<void> {
  const mark = await statements.first<{ value: number }>('SELECT value FROM flag WHERE name = $1', [
    MOVED_FLAG,
  ]);
  if (mark !== undefined) throw moved(place, mark.value);
}

/** Marks the store; with undefined takes the mark away. Tells whether that changed anything. */
export async function markMoved(statements: Statements, at: number | undefined): Promise<boolean> {
  const changed =
    at === undefined
      ? await statements.run('DELETE FROM flag WHERE name = $1', [MOVED_FLAG])
      : await statements.run('INSERT INTO flag (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING', [
          MOVED_FLAG,
          at,
        ]);
  return changed > 0;
}
