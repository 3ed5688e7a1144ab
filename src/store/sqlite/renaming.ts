/**
 * Another name for a user, in SQLite: the number, and all that rests on it, stays.
 *
 * Contract: runs within the writer's transaction. Whatever stands under the user's number follows: items in every state,
 * notices and notifications. An attempt that is under way goes on with the name that it was leased with.
 */
import { type Directory, RESTORABLE_MS } from '../directory.ts';
import type { AtOnce } from './at-once.ts';
import { prepareUserByNumber } from './directory-views.ts';
import type { Database } from './schema.ts';

/** Prepares the statements on a writing connection. */
export function prepareRenameUser(database: Database): AtOnce<Directory, 'renameUser'> {
  const numberOf = database.prepare<[string], number>('SELECT user_number FROM user WHERE name = ?').pluck();
  const removed = database.prepare<[string, number], { by: number; removedAt: number }>(
    `SELECT user_number AS by, removed_at AS removedAt FROM removed_user
     WHERE name = ? AND removed_at > ? ORDER BY removed_at DESC LIMIT 1`,
  );
  const follow = prepareFollow(database);
  const userByNumber = prepareUserByNumber(database);
  return {
    renameUser: (from, to, now) => {
      const number = numberOf.get(from);
      if (number === undefined) return { kind: 'unknown' };
      const by = numberOf.get(to);
      if (by !== undefined && by !== number) return { kind: 'taken', by };
      const gone = removed.get(to, now - RESTORABLE_MS);
      if (gone !== undefined && from !== to) return { kind: 'removed', ...gone };
      follow(number, from, to);
      const user = userByNumber(number);
      return user === undefined ? { kind: 'unknown' } : { kind: 'renamed', user };
    },
  };
}

function prepareFollow(database: Database): (number: number, from: string, to: string) => void {
  const user = database.prepare<[string, number]>('UPDATE user SET name = ? WHERE user_number = ?');
  // Items of before there were numbers are known by the name alone.
  const items = database.prepare<[string, number, string]>(
    'UPDATE item SET user = ? WHERE user_number = ? OR user_number IS NULL AND user = ?',
  );
  // Where somebody of that name was told the same today, the row keeps the old one: G7 counts by name.
  const notices = database.prepare<[string, number]>(
    'UPDATE OR IGNORE notice SET user = ? WHERE user_number = ?',
  );
  const notifications = database.prepare<[string, number]>(
    'UPDATE notification SET user = ? WHERE user_number = ?',
  );
  return (number, from, to) => {
    user.run(to, number);
    items.run(to, number, from);
    notices.run(to, number);
    notifications.run(to, number);
  };
}
