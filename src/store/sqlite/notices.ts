/**
 * The notices in SQLite: every statement on them.
 *
 * Contract: the UNIQUE index over user, kind and day is the limit of G7, and an insert that it stops is no error. A
 * claim is a due time in the future, so that nothing needs to be voided after a crash. A notice that has ended keeps
 * its row, for the limit and the operator, and nothing of the reply.
 */
import { bounded } from '../../mail/bounded.ts';
import type { NoticeDraft } from '../../mail/notice.ts';
import type { NewNotice, Notices, NoticeView } from '../notices.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

const DAY_MS = 86_400_000;

/** The port as statements carry it out. */
type Statements = AtOnce<Notices>;

/** Prepares the statements on a writing connection. */
export function prepareNotices(
  database: Database,
): AtOnce<Notices, 'addNotice' | 'leaseNotice' | 'settleNotice'> {
  return {
    addNotice: prepareAddNotice(database),
    leaseNotice: prepareLeaseNotice(database),
    settleNotice: prepareSettleNotice(database),
  };
}

/** Prepares the insert, which an item's settlement shares. */
export function prepareAddNotice(database: Database): Statements['addNotice'] {
  const insert = database.prepare(
    `INSERT INTO notice (id, state, user, user_number, kind, day, item_id, draft, original, created_at, due_at, attempts)
     SELECT @id, 'waiting', @user, @userNumber, @kind, @day, @itemId, @draft, @original, @createdAt, @createdAt, 0
     WHERE @ifPassed IS NULL OR (
       EXISTS (SELECT 1 FROM sender_pass WHERE user_number = @userNumber AND address = @ifPassed)
       AND NOT EXISTS (SELECT 1 FROM notice WHERE user = @user AND kind = @kind AND abs(created_at - @createdAt) < ${DAY_MS}))
     ON CONFLICT DO NOTHING`,
  );
  return ({ id, user, userNumber, kind, itemId, createdAt, draft, original, ifPassed }) =>
    insert.run({
      id,
      user,
      userNumber: userNumber ?? null,
      kind,
      day: Math.floor(createdAt / DAY_MS),
      itemId: itemId ?? null,
      draft: JSON.stringify(draft),
      original: original ?? null,
      createdAt,
      ifPassed: ifPassed ?? null,
    }).changes === 1;
}

interface LeaseRow extends Pick<NewNotice, 'id' | 'user' | 'kind' | 'createdAt'> {
  userNumber: number | null;
  itemId: string | null;
  draft: string;
  original: Buffer | null;
  attempts: number;
}

function prepareLeaseNotice(database: Database): Statements['leaseNotice'] {
  const due = database.prepare<[number, number], LeaseRow>(
    `SELECT id, user, user_number AS userNumber, kind, item_id AS itemId, draft, original, created_at AS createdAt, attempts FROM notice
     WHERE state = 'waiting' AND (due_at <= ? OR due_at > ?) ORDER BY due_at LIMIT 1`,
  );
  const claim = database.prepare<[number, string]>(
    'UPDATE notice SET attempts = attempts + 1, due_at = ? WHERE id = ?',
  );
  return ({ now, leaseMs, longestMs }) => {
    const row = due.get(now, now + longestMs);
    if (row === undefined) return undefined;
    claim.run(now + leaseMs, row.id);
    return {
      ...row,
      userNumber: row.userNumber ?? undefined,
      itemId: row.itemId ?? undefined,
      draft: JSON.parse(row.draft) as NoticeDraft,
      original: row.original ?? undefined,
      attempts: row.attempts + 1,
    };
  };
}

function prepareSettleNotice(database: Database): Statements['settleNotice'] {
  const end = database.prepare<[string, number, string, string, number]>(
    `UPDATE notice SET state = ?, settled_at = ?, last_diagnostic = ?, due_at = NULL, draft = NULL, original = NULL
     WHERE id = ? AND state = 'waiting' AND attempts = ?`,
  );
  const wait = database.prepare<[number, string, string, number]>(
    "UPDATE notice SET due_at = ?, last_diagnostic = ? WHERE id = ? AND state = 'waiting' AND attempts = ?",
  );
  return (id, attempts, settlement) => {
    const diagnostic = bounded(settlement.diagnostic);
    if (settlement.kind === 'deferred') wait.run(settlement.dueAt, diagnostic, id, attempts);
    else end.run(settlement.kind, settlement.at, diagnostic, id, attempts);
  };
}

/** Makes every waiting notice due; for the daemon at its start, when nobody holds a claim any more. */
export function recallNotices(database: Database, now: number): void {
  database.prepare<[number]>("UPDATE notice SET due_at = ? WHERE state = 'waiting'").run(now);
}

type ViewRow = {
  [K in keyof NoticeView]: undefined extends NoticeView[K]
    ? Exclude<NoticeView[K], undefined> | null
    : NoticeView[K];
};

const VIEW = `SELECT id, state, user, kind, item_id AS itemId, created_at AS createdAt, attempts, due_at AS dueAt,
  settled_at AS settledAt, last_diagnostic AS lastDiagnostic FROM notice`;

/** Prepares the reads on a reading connection. */
export function prepareNoticeViews(database: Database): AtOnce<Notices, 'nextNoticeAt' | 'listNotices'> {
  const next = database
    .prepare<[], number | null>("SELECT min(due_at) FROM notice WHERE state = 'waiting'")
    .pluck();
  const newest = database.prepare<[number], ViewRow>(`${VIEW} ORDER BY notice_number DESC LIMIT ?`);
  return {
    nextNoticeAt: () => next.get() ?? undefined,
    listNotices: (limit) => newest.all(limit).map(toNoticeView),
  };
}

/** Prepares the read of the notices about one item, oldest first. */
export function prepareNoticesOf(database: Database): (itemId: string) => NoticeView[] {
  const ofItem = database.prepare<[string], ViewRow>(`${VIEW} WHERE item_id = ? ORDER BY notice_number`);
  return (itemId) => ofItem.all(itemId).map(toNoticeView);
}

function toNoticeView(row: ViewRow): NoticeView {
  return {
    ...row,
    itemId: row.itemId ?? undefined,
    dueAt: row.dueAt ?? undefined,
    settledAt: row.settledAt ?? undefined,
    lastDiagnostic: row.lastDiagnostic ?? undefined,
  };
}
