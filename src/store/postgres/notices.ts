/**
 * The notices in PostgreSQL: every statement on them but the insert (add-notice.ts).
 *
 * Contract: any number of daemons claim at the same time, and no notice is two of theirs. A claim is a due time in the
 * future with its host's name; it ends by itself, or with the next start of that host. A notice that has ended keeps its
 * row, for the limit and the operator, and nothing of the reply.
 */
import { bounded } from '../../mail/bounded.ts';
import type { NoticeDraft } from '../../mail/notice.ts';
import type { NewNotice, Notices, NoticeView } from '../notices.ts';
import { addNotice } from './add-notice.ts';
import type { DatabaseClock } from './clock.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { LAZY, PROMISED, repeatable } from './repeatable.ts';

/** Gives the port. */
export function noticePort(ground: Ground): Notices {
  const { database, clock } = ground;
  return {
    addNotice: (notice) =>
      repeatable(database, PROMISED, async (statements, isAgain) => {
        if (await addNotice(statements, clock, notice)) return true;
        if (!isAgain) return false;
        const own = await statements.rows('SELECT FROM notice WHERE id = $1', [notice.id]);
        return own.length === 1;
      }),
    leaseNotice: leaseNotice(ground),
    settleNotice: settleNotice(ground),
    nextNoticeAt: async () => {
      const next = await database.reads.first<{ at: number | null }>(
        "SELECT min(due_at) AS at FROM notice WHERE state = 'waiting'",
      );
      return next?.at == null ? undefined : clock.toHost(next.at);
    },
    listNotices: async (limit) => {
      const rows = await database.reads.rows<ViewRow>(`${VIEW} ORDER BY notice_number DESC LIMIT $1`, [
        limit,
      ]);
      return rows.map((row) => toNoticeView(row, clock));
    },
  };
}

interface LeaseRow extends Pick<NewNotice, 'id' | 'user' | 'kind' | 'createdAt'> {
  readonly userNumber: number | null;
  readonly itemId: string | null;
  readonly draft: string;
  readonly original: Uint8Array | null;
  readonly attempts: number;
}

// Two ranges of the index, whatever the planner believes: what is due, and what waits longer than anything may.
const LEASE = `WITH due AS MATERIALIZED (
    SELECT notice_number FROM notice WHERE state = 'waiting' AND due_at <= $1
    ORDER BY due_at, notice_number LIMIT 1 FOR UPDATE SKIP LOCKED),
  late AS MATERIALIZED (
    SELECT notice_number FROM notice WHERE state = 'waiting' AND due_at > $2
    ORDER BY due_at, notice_number LIMIT 1 - (SELECT count(*) FROM due) FOR UPDATE SKIP LOCKED)
  UPDATE notice SET attempts = attempts + 1, due_at = $3, lease_owner = $4
  WHERE notice_number IN (SELECT notice_number FROM due UNION ALL SELECT notice_number FROM late)
  RETURNING id, user_name AS "user", user_number AS "userNumber", kind, item_id AS "itemId", draft, original,
    created_at AS "createdAt", attempts`;

function leaseNotice({ database, clock, host }: Ground): Notices['leaseNotice'] {
  return async ({ now, leaseMs, longestMs }) => {
    const at = clock.toDatabase(now);
    const row = await database.transact(LAZY, (statements) =>
      statements.first<LeaseRow>(LEASE, [at, at + longestMs, at + leaseMs, host]),
    );
    if (row === undefined) return undefined;
    return {
      ...row,
      userNumber: row.userNumber ?? undefined,
      itemId: row.itemId ?? undefined,
      draft: JSON.parse(row.draft) as NoticeDraft,
      original: row.original ?? undefined,
    };
  };
}

/** The proof of a claim. */
const CLAIMED = "id = $1 AND state = 'waiting' AND attempts = $2 AND lease_owner = $3";

const END = `UPDATE notice SET state = $4, settled_at = $5, last_diagnostic = $6, due_at = NULL, lease_owner = NULL,
  draft = NULL, original = NULL WHERE ${CLAIMED}`;

const WAIT = `UPDATE notice SET due_at = $4, last_diagnostic = $5, lease_owner = NULL WHERE ${CLAIMED}`;

function settleNotice({ database, clock, host }: Ground): Notices['settleNotice'] {
  return async (id, attempts, settlement) => {
    const diagnostic = bounded(settlement.diagnostic);
    const claim = [id, attempts, host];
    await repeatable(database, LAZY, (statements) =>
      settlement.kind === 'deferred'
        ? statements.run(WAIT, [...claim, clock.toDatabase(settlement.dueAt), diagnostic])
        : statements.run(END, [...claim, settlement.kind, settlement.at, diagnostic]),
    );
  };
}

/** Makes due what this host has claimed; for its daemon's start, when none of its claims has anybody. */
export async function recallNotices(
  statements: Statements,
  { clock, host }: Pick<Ground, 'clock' | 'host'>,
  now: number,
): Promise<void> {
  await statements.run(
    "UPDATE notice SET due_at = $1, lease_owner = NULL WHERE state = 'waiting' AND lease_owner = $2",
    [clock.toDatabase(now), host],
  );
}

type ViewRow = {
  [K in keyof NoticeView]: undefined extends NoticeView[K]
    ? Exclude<NoticeView[K], undefined> | null
    : NoticeView[K];
};

const VIEW = `SELECT id, state, user_name AS "user", kind, item_id AS "itemId", created_at AS "createdAt", attempts,
  due_at AS "dueAt", settled_at AS "settledAt", last_diagnostic AS "lastDiagnostic" FROM notice`;

function toNoticeView(row: ViewRow, clock: DatabaseClock): NoticeView {
  return {
    ...row,
    itemId: row.itemId ?? undefined,
    dueAt: row.dueAt === null ? undefined : clock.toHost(row.dueAt),
    settledAt: row.settledAt ?? undefined,
    lastDiagnostic: row.lastDiagnostic ?? undefined,
  };
}
