// A look into the store of a daemon that is dead, on a copy, so that the next start finds what the crash left.
//
// Contract: the copy takes the database and its log; opening it recovers as the daemon's next start will.

import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

/** An item as the tests of crashes need it. */
export interface StoredItem {
  readonly messageId: string;
  readonly user: string;
  readonly thread: string;
  readonly state: string;
}

/** What a dead daemon's store holds. */
export interface StoreContents {
  readonly version: number;
  /** Every CREATE statement, sorted. */
  readonly schema: readonly string[];
  readonly items: readonly StoredItem[];
}

/** Threads that break the promise of `head`: of a thread with open items one is it, the leased or else the oldest. */
const BROKEN_HEADS = `
  SELECT thread FROM item WHERE state IN ('ready','waiting','leased') GROUP BY thread
    HAVING sum(head) <> 1 OR max(CASE head WHEN 1 THEN item_number END) <>
      coalesce(max(CASE state WHEN 'leased' THEN item_number END), min(item_number))
  UNION ALL SELECT thread FROM item WHERE head = 1 AND state NOT IN ('ready','waiting','leased')`;

/** Items without their message, or without the row that makes a second copy a duplicate. */
const HALF_ITEMS = `
  SELECT id FROM item WHERE state <> 'posted' AND item_number NOT IN (SELECT item_number FROM content)
  UNION ALL SELECT id FROM item WHERE id NOT IN (SELECT item_id FROM dedupe)
  UNION ALL SELECT item_id FROM dedupe WHERE item_id NOT IN (SELECT id FROM item)`;

/** Checks the store at `path` through a copy in `directory`, and reads it. */
export function inspectStore(path: string, directory: string): StoreContents {
  const copy = copyStore(path, directory);
  const database = new Sqlite(copy);
  try {
    assert.equal(database.pragma('quick_check', { simple: true }), 'ok');
    const version = database.pragma('user_version', { simple: true }) as number;
    const schema = database
      .prepare<[], string>('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL')
      .pluck();
    if (version > 0) checkItems(database);
    return { version, schema: schema.all().sort(), items: version > 0 ? itemsOf(database) : [] };
  } finally {
    database.close();
  }
}

function copyStore(path: string, directory: string): string {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  const copy = join(directory, 'copy.db');
  copyFileSync(path, copy);
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
  return copy;
}

function checkItems(database: Sqlite.Database): void {
  assert.deepEqual(database.prepare(BROKEN_HEADS).pluck().all(), [], 'threads without their head');
  assert.deepEqual(database.prepare(HALF_ITEMS).pluck().all(), [], 'half items');
}

function itemsOf(database: Sqlite.Database): StoredItem[] {
  return database
    .prepare<[], StoredItem>(
      'SELECT message_id AS messageId, user, thread, state FROM item ORDER BY item_number',
    )
    .all();
}
