/**
 * Another name for a user or a thread, in SQLite: the number, and all that rests on it, stays.
 *
 * Contract: runs within the writer's transaction. Whatever stands under the user's number follows: items in every state,
 * notices and notifications. So does what is known of a thread. The invariant of `head` (items.ts) holds after it, and
 * items of two threads that become one stand in the order of arrival.
 * Limits: an attempt that is under way goes on with the names that it was leased with.
 */
import { type Directory, RESTORABLE_MS } from '../directory.ts';
import type { AtOnce } from './at-once.ts';
import { prepareUserByNumber } from './directory-views.ts';
import { prepareElection } from './items.ts';
import type { LaneWrites } from './lanes.ts';
import { OPEN } from './migrations.ts';
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

/** Prepares the renaming on a writing connection. */
export function prepareRenameThread(
  database: Database,
  laneOf: LaneWrites['laneOf'],
): AtOnce<Directory, 'renameThread'> {
  const numberOf = database
    .prepare<[string], number>('SELECT thread_number FROM thread WHERE locator = ?')
    .pluck();
  const insert = database.prepare<[string]>('INSERT INTO thread (locator) VALUES (?)');
  const remember = database.prepare<[string, number, number]>(
    'INSERT OR REPLACE INTO former_locator (locator, thread_number, renamed_at) VALUES (?, ?, ?)',
  );
  const rename = database.prepare<[string, number]>('UPDATE thread SET locator = ? WHERE thread_number = ?');
  const moveItems = prepareMoveItems(database, laneOf);
  const moveMemory = prepareMoveMemory(database);
  return {
    renameThread: (from, to, now) => {
      const known = numberOf.get(from);
      const by = numberOf.get(to);
      if (by !== undefined && by !== known) return { kind: 'taken', by };
      const number = known ?? Number(insert.run(from).lastInsertRowid);
      if (from !== to) {
        remember.run(from, number, now);
        rename.run(to, number);
        moveMemory(from, to);
      }
      return { kind: 'renamed', number, wasKnown: known !== undefined, open: moveItems(from, to) };
    },
  };
}

/** Prepares the move of a thread's items; gives how many of them are not posted yet. */
function prepareMoveItems(
  database: Database,
  laneOf: LaneWrites['laneOf'],
): (from: string, to: string) => number {
  const leased = database.prepare<[string], 1>(
    "SELECT 1 FROM item WHERE thread = ? AND head = 1 AND state = 'leased'",
  );
  const behead = database.prepare<[string]>('UPDATE item SET head = 0 WHERE thread = ? AND head = 1');
  const move = database.prepare<[string, string | null, string]>(
    'UPDATE item SET thread = ?, lane = ? WHERE thread = ?',
  );
  // A bounce has its order for itself, and the thread that it is told of beside it.
  const moveBounces = database.prepare<[string, string | null, string]>(
    'UPDATE item SET bounce_thread = ?, lane = ? WHERE bounce_thread = ?',
  );
  const open = database
    .prepare<[string], number>(
      `SELECT count(*) FROM item WHERE thread = ? AND (state IN ${OPEN} OR state = 'held')`,
    )
    .pluck();
  const elect = prepareElection(database);
  return (from, to) => {
    const count = open.get(from) ?? 0;
    if (from === to) return count;
    // One head at most: an attempt under way keeps the place, the older thread's where both have one.
    const gives = leased.get(from) !== undefined && leased.get(to) === undefined ? to : from;
    behead.run(gives);
    const lane = laneOf(to);
    move.run(to, lane, from);
    moveBounces.run(to, lane, from);
    elect(to);
    return count;
  };
}

/** Prepares the move of what else is known of a thread; where the new place has the same already, that stays. */
function prepareMoveMemory(database: Database): (from: string, to: string) => void {
  const moves = ['notification', 'known_original', 'address_context'].map((table) => ({
    move: database.prepare<[string, string]>(`UPDATE OR IGNORE ${table} SET thread = ? WHERE thread = ?`),
    forget: database.prepare<[string]>(`DELETE FROM ${table} WHERE thread = ?`),
  }));
  return (from, to) => {
    for (const { move, forget } of moves) {
      move.run(to, from);
      forget.run(from);
    }
  };
}
