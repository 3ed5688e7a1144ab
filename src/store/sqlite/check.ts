/**
 * A store's self-examination: SQLite's own checks, and the rules of docs/how-it-works.md, The queue that no constraint can hold.
 *
 * Contract: reads one snapshot on a connection of its own, so that a running daemon is neither disturbed nor seen
 * half-way; every rule is one query that finds its offenders. A rule is tried only on a file whose pages are sound.
 * Failure: problems are values; a file that cannot be opened throws StoreError.
 */

import { MOST_NAMED, type StoreCheck, type StoreProblem } from '../store-check.ts';
import { guarded } from './explain.ts';
import { OPEN } from './migrations.ts';
import { type Database, openConnection } from './schema.ts';

/** How long a read waits for a lock; no event loop waits with it. */
const BUSY_TIMEOUT_MS = 5000;

/** The rules; each query gives one text per offender. */
const RULES: readonly { readonly rule: StoreProblem['rule']; readonly offenders: string }[] = [
  {
    rule: 'head',
    offenders: `SELECT 'thread ' || thread || ' has ' || sum(head) || ' heads among ' || count(*) || ' open items'
      FROM item WHERE state IN ${OPEN} GROUP BY thread HAVING sum(head) <> 1`,
  },
  {
    rule: 'head',
    offenders: `SELECT 'item ' || id || ' is head of its thread, though it is ' || state
      FROM item WHERE head = 1 AND state NOT IN ${OPEN}`,
  },
  {
    rule: 'head',
    offenders: `SELECT 'item ' || id || ' is head of its thread before an older one' FROM item AS later
      WHERE head = 1 AND state IN ('ready','waiting') AND EXISTS (SELECT 1 FROM item WHERE thread = later.thread
        AND state IN ${OPEN} AND item_number < later.item_number)`,
  },
  {
    rule: 'content',
    offenders: `SELECT 'item ' || id || ' is ' || state || ' and has no message' FROM item
      WHERE (state <> 'posted' OR content_kept = 1) AND NOT EXISTS (SELECT 1 FROM content WHERE content.item_number = item.item_number)`,
  },
  {
    rule: 'content',
    offenders: `SELECT 'item ' || id || ' has ' || kept || ' bytes in place of ' || bytes
      FROM (SELECT id, bytes, length(raw) + (SELECT ifnull(sum(length(raw)), 0) FROM content_part
        WHERE content_part.item_number = item.item_number) AS kept FROM item JOIN content USING (item_number))
      WHERE kept <> bytes`,
  },
  {
    rule: 'columns',
    offenders: `SELECT 'item ' || id || ' is ' || state || ' with due_at ' || ifnull(due_at, 'unset')
        || ', lease_until ' || ifnull(lease_until, 'unset') || ', settled_at ' || ifnull(settled_at, 'unset')
      FROM item WHERE (state IN ('ready','waiting') AND due_at IS NULL) OR (state = 'leased') <> (lease_until IS NOT NULL)
        OR (state IN ('posted','failed')) <> (settled_at IS NOT NULL)`,
  },
  {
    rule: 'dedupe',
    offenders: `SELECT 'item ' || item_id || ' has ' || count(*) || ' fingerprints' FROM dedupe
      GROUP BY item_id HAVING count(*) > 1`,
  },
  {
    rule: 'users',
    offenders: `SELECT 'user ' || user_number || ' is there and removed as well'
      FROM removed_user JOIN user USING (user_number)`,
  },
  {
    rule: 'users',
    offenders: `SELECT 'removed user ' || user_number || ' has a number that may be given again' FROM removed_user
      WHERE user_number > ifnull((SELECT seq FROM sqlite_sequence WHERE name = 'user'), 0)`,
  },
  {
    rule: 'users',
    offenders: `SELECT 'item ' || id || ' is held for want of user ' || user_number || ', who is there'
      FROM item JOIN user USING (user_number) WHERE hold_reason = 'no-user' AND user.name = item.user`,
  },
  {
    // A fingerprint may outlive its item, never the other way round; rows are pruned in the order of receipt. The parts of
    // a reply to a digest have none: they came with the item that was split.
    rule: 'dedupe',
    offenders: `SELECT 'item ' || id || ' has no fingerprint: a repetition of it would be posted again' FROM item
      WHERE received_at >= (SELECT min(received_at) FROM dedupe) AND digest_post IS NULL
        AND id NOT IN (SELECT item_id FROM dedupe)`,
  },
];

/** Checks the store at `path`. */
export function checkStore(path: string): StoreCheck {
  const database = openConnection(path, { readonly: true, busyTimeoutMs: BUSY_TIMEOUT_MS });
  try {
    return guarded(path, () => {
      database.exec('BEGIN');
      const damage = integrityProblems(database);
      if (damage.length > 0) return { items: 0, problems: damage };
      const items = database.prepare<[], number>('SELECT count(*) FROM item').pluck().get() ?? 0;
      return { items, problems: [...foreignKeyProblems(database), ...ruleProblems(database)] };
    });
  } finally {
    database.close();
  }
}

function integrityProblems(database: Database): StoreProblem[] {
  const rows = database.pragma(`integrity_check(${MOST_NAMED})`) as { integrity_check: string }[];
  return rows
    .map((row) => row.integrity_check)
    .filter((detail) => detail !== 'ok')
    .map((detail) => ({ rule: 'integrity', detail }));
}

function foreignKeyProblems(database: Database): StoreProblem[] {
  const rows = database.pragma('foreign_key_check') as {
    table: string;
    rowid: number | null;
    parent: string;
  }[];
  return rows.slice(0, MOST_NAMED).map(({ table, rowid, parent }) => ({
    rule: 'foreign-keys',
    detail: `a row of ${table} (${rowid ?? 'without rowid'}) belongs to a row of ${parent} that is not there`,
  }));
}

function ruleProblems(database: Database): StoreProblem[] {
  return RULES.flatMap(({ rule, offenders }) =>
    database
      .prepare<[], string>(`${offenders} LIMIT ${MOST_NAMED}`)
      .pluck()
      .all()
      .map((detail) => ({ rule, detail })),
  );
}
