/**
 * What a store knows of its own restore: which numbers its backup had given, and which may be out there beyond them.
 *
 * Contract: a restored store gives no number again that the lost one may have given: new ones begin above `upTo`.
 */
import { perhapsGiven, type Restore, type Restores } from '../restores.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** A row of the table. */
interface Row {
  readonly restoredAt: number;
  readonly backedUpAt: number;
  readonly userNumber: number;
  readonly userUpTo: number;
  readonly threadNumber: number;
  readonly threadUpTo: number;
}

/** Prepares the read of the last restore: it is read once. */
export function prepareRestoreViews(database: Database): AtOnce<Restores> {
  const last = database.prepare<[], Row>(
    `SELECT restored_at AS restoredAt, backed_up_at AS backedUpAt, user_number AS userNumber, user_up_to AS userUpTo,
       thread_number AS threadNumber, thread_up_to AS threadUpTo FROM restore WHERE restored_at = (SELECT max(restored_at) FROM restore)`,
  );
  const read = (): Restore | undefined => {
    const row = last.get();
    if (row === undefined) return undefined;
    const { restoredAt, backedUpAt } = row;
    const users = { known: row.userNumber, upTo: row.userUpTo };
    const threads = { known: row.threadNumber, upTo: row.threadUpTo };
    return { restoredAt, backedUpAt, users, threads };
  };
  let known: { readonly restore: Restore | undefined } | undefined;
  // Only a file that no store has open is marked; and to read it for refused addresses alone would tell them by the time.
  return { lastRestore: () => (known ??= { restore: read() }).restore };
}

/** The highest numbers that a store has ever given. */
export interface Highest {
  readonly users: number;
  readonly threads: number;
}

/** Reads them. */
export function highestNumbers(database: Database): Highest {
  const get = database.prepare<[string], number>('SELECT seq FROM sqlite_sequence WHERE name = ?').pluck();
  return { users: get.get('user') ?? 0, threads: get.get('thread') ?? 0 };
}

/** Marks a backup as restored: what the lost store is known to have given, if it is known, and a margin. */
export function markRestored(
  database: Database,
  { backedUpAt, now, lost }: { backedUpAt: number; now: number; lost: Highest | undefined },
): void {
  const known = highestNumbers(database);
  const userUpTo = Math.max(perhapsGiven(known.users), lost?.users ?? 0);
  const threadUpTo = Math.max(perhapsGiven(known.threads), lost?.threads ?? 0);
  database
    .transaction(() => {
      database
        .prepare(
          `INSERT INTO restore (restored_at, backed_up_at, user_number, user_up_to, thread_number, thread_up_to)
           VALUES (?, ?, ?, ?, ?, ?)`,
        )
        .run(now, backedUpAt, known.users, userUpTo, known.threads, threadUpTo);
      for (const [name, number] of [
        ['user', userUpTo],
        ['thread', threadUpTo],
      ] as const) {
        database.prepare('DELETE FROM sqlite_sequence WHERE name = ?').run(name);
        database.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)').run(name, number);
      }
    })
    .immediate();
}
