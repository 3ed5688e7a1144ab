/** The mark of a store in SQLite that was copied away. */
import { existsSync } from 'node:fs';
import { MOVED_FLAG, moved } from '../moved.ts';
import { type Database, openConnection } from './schema.ts';

/** Throws where the store at `path` has the mark; what cannot be read, whoever opens it says why. */
export function requireNotMoved(path: string): void {
  const at = existsSync(path) ? readMark(path) : undefined;
  if (at !== undefined) throw moved(path, at);
}

function readMark(path: string): number | undefined {
  try {
    const database = openConnection(path, { readonly: true, busyTimeoutMs: 0 });
    try {
      return database
        .prepare<[string], number>('SELECT value FROM flag WHERE name = ?')
        .pluck()
        .get(MOVED_FLAG);
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}

/** Marks the store; with undefined takes the mark away. Tells whether that changed anything. */
export function markMoved(database: Database, at: number | undefined): boolean {
  const { changes } =
    at === undefined
      ? database.prepare<[string]>('DELETE FROM flag WHERE name = ?').run(MOVED_FLAG)
      : database
          .prepare<[string, number]>('INSERT INTO flag (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING')
          .run(MOVED_FLAG, at);
  return changes > 0;
}
