/**
 * Known originals in SQLite: one row for a post and a text.
 *
 * Contract: the sum of what is kept is counted when it is first needed, and anew when rows expired or another process wrote;
 * in between it goes by what this connection writes.
 */
import { type KnownPost, MOST_KNOWN, MOST_LOOKED_AT, type Originals, originalBytes } from '../originals.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Rows that are forgotten at a time. */
const STEP_ROWS = 100;

/** The writes, and what retention asks of them. */
export interface OriginalWrites {
  readonly port: AtOnce<Originals, 'rememberOriginals'>;
  /** Forgets what has expired and what is beyond the bound, some rows of each; how many. */
  prune(expiredBefore: number, keepBytes: number): number;
}

/** Prepares the statements on a writing connection. */
export function prepareOriginals(database: Database): OriginalWrites {
  const insert = database.prepare<(string | number | Uint8Array)[]>(
    `INSERT INTO known_original (thread, replied_to_at, digest, subject, author_name, author_address, sketch, bytes, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (thread, replied_to_at, digest) DO NOTHING`,
  );
  const prolong = database.prepare<(string | number | Uint8Array)[]>(
    `UPDATE known_original SET expires_at = max(expires_at, ?)
     WHERE thread = ? AND replied_to_at = ? AND digest = ? AND expires_at < ?`,
  );
  const sum = database.prepare<[], number>('SELECT ifnull(sum(bytes), 0) FROM known_original').pluck();
  const oldest = database.prepare<[], { number: number; bytes: number }>(
    `SELECT original_number AS number, bytes FROM known_original ORDER BY original_number LIMIT ${STEP_ROWS}`,
  );
  const forget = database.prepare<[number]>('DELETE FROM known_original WHERE original_number = ?');
  const expire = database.prepare<[number]>(
    `DELETE FROM known_original WHERE original_number IN
       (SELECT original_number FROM known_original WHERE expires_at < ? ORDER BY expires_at LIMIT ${STEP_ROWS})`,
  );
  let kept: number | undefined;
  let seen = 0;
  const version = (): number => database.pragma('data_version', { simple: true }) as number;
  /** Forgets the oldest rows, at most a step of them, until the rest fits. */
  const bound = (keepBytes: number): number => {
    kept ??= sum.get() ?? 0;
    let count = 0;
    if (kept <= keepBytes) return count;
    for (const row of oldest.all()) {
      if (kept <= keepBytes) break;
      forget.run(row.number);
      kept -= row.bytes;
      count += 1;
    }
    return count;
  };
  return {
    port: {
      rememberOriginals: (originals, keepBytes) => {
        kept ??= sum.get() ?? 0;
        for (const original of originals) {
          const { thread, repliedToAt, digest, subject, authorName, authorAddress, sketch, expiresAt } =
            original;
          const bytes = originalBytes(original);
          const names = [subject, authorName, authorAddress];
          const { changes } = insert.run(thread, repliedToAt, digest, ...names, sketch, bytes, expiresAt);
          if (changes > 0) kept += bytes;
          else prolong.run(expiresAt, thread, repliedToAt, digest, expiresAt);
        }
        while (bound(keepBytes) === STEP_ROWS);
      },
    },
    prune: (expiredBefore, keepBytes) => {
      const expired = expire.run(expiredBefore).changes;
      if (expired > 0 || version() !== seen) kept = undefined;
      seen = version();
      return expired + bound(keepBytes);
    },
  };
}

/** Prepares the reads on a reading connection. */
export function prepareOriginalViews(database: Database): AtOnce<Originals, 'knownOriginals'> {
  // Answered by the index alone: most threads have none.
  const newest = database.prepare<[string, number], { number: number; digest: Uint8Array }>(
    `SELECT original_number AS number, digest FROM known_original
     WHERE thread = ? AND replied_to_at <= ? ORDER BY replied_to_at DESC LIMIT ${MOST_LOOKED_AT}`,
  );
  const post = database.prepare<[number], KnownPost>(
    `SELECT subject, author_name AS authorName, author_address AS authorAddress, sketch FROM known_original
     WHERE original_number = ?`,
  );
  return {
    knownOriginals: (thread, repliedToAt) => {
      // What each user got at a second of their own is one text.
      const numbers = new Map<string, number>();
      for (const { number, digest } of newest.all(thread, repliedToAt)) {
        const text = Buffer.from(digest).toString('latin1');
        if (!numbers.has(text)) numbers.set(text, number);
        if (numbers.size === MOST_KNOWN) break;
      }
      return [...numbers.values()].flatMap((number) => post.get(number) ?? []);
    },
  };
}
