/**
 * The notifications in SQLite: every statement on them.
 *
 * Contract: the UNIQUE key of idempotency is the test for a repetition, and an insert that it stops is no error. A claim
 * is a due time in the future, so that nothing needs to be voided after a crash. A notification that has ended keeps
 * its row, for its key and the operator, and nothing of the mail.
 */
import { bounded } from '../../mail/bounded.ts';
import type { OutgoingMail } from '../../mail/outgoing.ts';
import type {
  EarlierNotification,
  LeasedNotification,
  NotificationFilter,
  Notifications,
  NotificationView,
} from '../notifications.ts';
import type { NewNotified } from '../notified.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** The port as statements carry it out. */
type Statements = AtOnce<Notifications>;

/** Prepares the statements on a writing connection; `remember` is called within the transaction. */
export function prepareNotifications(
  database: Database,
  remember: (notified: readonly NewNotified[]) => void,
): AtOnce<Notifications, 'addNotification' | 'leaseNotifications' | 'settleNotification'> {
  return {
    addNotification: prepareAdd(database, remember),
    leaseNotifications: prepareLease(database),
    settleNotification: prepareSettle(database),
  };
}

interface EarlierRow extends EarlierNotification {
  readonly request: Buffer;
}

function prepareAdd(
  database: Database,
  remember: (notified: readonly NewNotified[]) => void,
): Statements['addNotification'] {
  const insert = database.prepare(
    `INSERT INTO notification (id, state, user_number, user, thread, replied_to_at, message_id, idempotency_key, request,
       draft, created_at, due_at, attempts)
     VALUES (@id, 'waiting', @userNumber, @user, @thread, @repliedToAt, @messageId, @idempotencyKey, @request,
       @draft, @createdAt, @createdAt, 0)
     ON CONFLICT (idempotency_key) DO NOTHING`,
  );
  const byKey = database.prepare<[string], EarlierRow>(
    `SELECT id, message_id AS messageId, replied_to_at AS repliedToAt, request
     FROM notification WHERE idempotency_key = ?`,
  );
  return ({ mail, idempotencyKey, notified, ...columns }) => {
    const draft = JSON.stringify(mail);
    const key = idempotencyKey ?? null;
    if (insert.run({ ...columns, idempotencyKey: key, draft }).changes === 1) {
      if (notified !== undefined) remember([notified]);
      return { kind: 'added' };
    }
    const row = key === null ? undefined : byKey.get(key);
    if (row === undefined) throw new Error('a notification was not inserted, and no other has its key');
    const { request, ...earlier } = row;
    return { kind: request.equals(columns.request) ? 'repeated' : 'conflict', earlier };
  };
}

interface LeaseRow extends Omit<LeasedNotification, 'mail'> {
  readonly draft: string;
}

function prepareLease(database: Database): Statements['leaseNotifications'] {
  const due = database.prepare<[number, number, number], LeaseRow>(
    `SELECT id, user, user_number AS userNumber, thread, created_at AS createdAt, draft, attempts FROM notification
     WHERE state = 'waiting' AND (due_at <= ? OR due_at > ?) ORDER BY due_at, notification_number LIMIT ?`,
  );
  const claim = database.prepare<[number, string]>(
    'UPDATE notification SET attempts = attempts + 1, due_at = ? WHERE id = ?',
  );
  return ({ now, leaseMs, longestMs, limit }) =>
    due.all(now, now + longestMs, limit).map(({ draft, attempts, ...row }) => {
      claim.run(now + leaseMs, row.id);
      return { ...row, mail: JSON.parse(draft) as OutgoingMail, attempts: attempts + 1 };
    });
}

function prepareSettle(database: Database): Statements['settleNotification'] {
  const end = database.prepare<[string, number, string, string, number]>(
    `UPDATE notification SET state = ?, settled_at = ?, last_diagnostic = ?, due_at = NULL, draft = NULL
     WHERE id = ? AND state = 'waiting' AND attempts = ?`,
  );
  const wait = database.prepare<[number, string, string, number]>(
    `UPDATE notification SET due_at = ?, last_diagnostic = ?
     WHERE id = ? AND state = 'waiting' AND attempts = ?`,
  );
  return (id, attempts, settlement) => {
    const diagnostic = bounded(settlement.diagnostic);
    if (settlement.kind === 'deferred') wait.run(settlement.dueAt, diagnostic, id, attempts);
    else end.run(settlement.kind, settlement.at, diagnostic, id, attempts);
  };
}

/** Makes every waiting notification due; for the daemon at its start, when nobody holds a claim any more. */
export function recallNotifications(database: Database, now: number): void {
  database.prepare<[number]>("UPDATE notification SET due_at = ? WHERE state = 'waiting'").run(now);
}

type ViewRow = {
  [K in keyof NotificationView]: undefined extends NotificationView[K]
    ? Exclude<NotificationView[K], undefined> | null
    : NotificationView[K];
};

const VIEW = `SELECT id, state, user, thread, replied_to_at AS repliedToAt, message_id AS messageId,
  created_at AS createdAt, attempts, due_at AS dueAt, settled_at AS settledAt, last_diagnostic AS lastDiagnostic
  FROM notification`;

/** Prepares the reads on a reading connection. */
export function prepareNotificationViews(
  database: Database,
): AtOnce<Notifications, 'nextNotificationAt' | 'notification' | 'listNotifications'> {
  const next = database
    .prepare<[], number | null>("SELECT min(due_at) FROM notification WHERE state = 'waiting'")
    .pluck();
  const byId = database.prepare<[string], ViewRow>(`${VIEW} WHERE id = ?`);
  const newest = database.prepare<[number], ViewRow>(`${VIEW} ORDER BY notification_number DESC LIMIT ?`);
  const ofThread = database.prepare<[string, number], ViewRow>(
    `${VIEW} WHERE thread = ? ORDER BY notification_number DESC LIMIT ?`,
  );
  // By the index of the thread: in the order of all ids there may be many others between two of its own.
  const below = database.prepare<[string, string, number], ViewRow>(
    `${VIEW} WHERE thread = ? AND +id < ? ORDER BY +id DESC LIMIT ?`,
  );
  const list = ({ thread, before, limit }: NotificationFilter): ViewRow[] => {
    if (thread === undefined) return newest.all(limit);
    return before === undefined ? ofThread.all(thread, limit) : below.all(thread, before, limit);
  };
  return {
    nextNotificationAt: () => next.get() ?? undefined,
    notification: (id) => {
      const row = byId.get(id);
      return row === undefined ? undefined : toView(row);
    },
    listNotifications: (filter) => list(filter).map(toView),
  };
}

function toView(row: ViewRow): NotificationView {
  return {
    ...row,
    dueAt: row.dueAt ?? undefined,
    settledAt: row.settledAt ?? undefined,
    lastDiagnostic: row.lastDiagnostic ?? undefined,
  };
}
