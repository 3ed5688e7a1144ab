/**
 * The notifications in PostgreSQL: every statement on them.
 *
 * Contract: the UNIQUE key of idempotency is the test for a repetition, over all hosts. Any number of daemons claim at the
 * same time, and no notification is two of theirs. A claim is a due time in the future with its host's name; it ends by
 * itself, or with the next start of that host. A notification that has ended keeps its row, for its key and the operator,
 * and nothing of the mail.
 */
import { bounded } from '../../mail/bounded.ts';
import type { OutgoingMail } from '../../mail/outgoing.ts';
import type {
  EarlierNotification,
  LeasedNotification,
  NewNotification,
  NotificationAddition,
  Notifications,
  NotificationView,
} from '../notifications.ts';
import type { DatabaseClock } from './clock.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { rememberNotified } from './notified.ts';
import { LAZY, PROMISED, repeatable } from './repeatable.ts';

/** Gives the port. */
export function notificationPort(ground: Ground): Notifications {
  const { database, clock } = ground;
  return {
    addNotification: (notification) =>
      repeatable(database, PROMISED, (statements) => add(statements, notification, clock)),
    leaseNotifications: leaseNotifications(ground),
    settleNotification: settleNotification(ground),
    ...notificationViews(ground),
  };
}

const INSERT = `INSERT INTO notification (id, state, user_number, user_name, thread, replied_to_at, message_id,
    idempotency_key, request, draft, created_at, due_at, attempts)
  VALUES ($1, 'waiting', $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0) ON CONFLICT DO NOTHING`;

interface EarlierRow extends EarlierNotification {
  readonly request: Uint8Array;
}

/** Adds one; its id is its own, by which it finds itself after a repetition. */
async function add(
  statements: Statements,
  { mail, idempotencyKey, notified, ...columns }: NewNotification,
  clock: DatabaseClock,
): Promise<NotificationAddition> {
  const { id, userNumber, user, thread, repliedToAt, messageId, request, createdAt } = columns;
  const key = idempotencyKey ?? null;
  const draft = JSON.stringify(mail);
  const values = [id, userNumber, user, thread, repliedToAt, messageId, key, request, draft, createdAt];
  const [, row] = await Promise.all([
    statements.run(INSERT, [...values, clock.toDatabase(createdAt)]),
    statements.first<EarlierRow>(
      `SELECT id, message_id AS "messageId", replied_to_at AS "repliedToAt", request
       FROM notification WHERE id = $1 OR idempotency_key = $2`,
      [id, key],
    ),
  ]);
  if (row === undefined) throw new Error('a notification was not inserted, and no other has its key');
  if (row.id === id) {
    if (notified !== undefined) await rememberNotified(statements, [notified]);
    return { kind: 'added' };
  }
  const { request: before, ...earlier } = row;
  return { kind: Buffer.compare(before, request) === 0 ? 'repeated' : 'conflict', earlier };
}

interface LeaseRow extends Omit<LeasedNotification, 'mail'> {
  readonly draft: string;
}

// Two ranges of the index, whatever the planner believes: what is due, and what waits longer than anything may.
const LEASE = `WITH due AS MATERIALIZED (
    SELECT notification_number AS number, due_at AS was_due FROM notification
    WHERE state = 'waiting' AND due_at <= $1
    ORDER BY due_at, notification_number LIMIT $3 FOR UPDATE SKIP LOCKED),
  late AS MATERIALIZED (
    SELECT notification_number AS number, due_at AS was_due FROM notification
    WHERE state = 'waiting' AND due_at > $2
    ORDER BY due_at, notification_number LIMIT $3 - (SELECT count(*) FROM due) FOR UPDATE SKIP LOCKED),
  claimed AS (
    UPDATE notification SET attempts = attempts + 1, due_at = $4, lease_owner = $5
    FROM (SELECT * FROM due UNION ALL SELECT * FROM late) AS chosen WHERE notification_number = chosen.number
    RETURNING was_due, number, id, user_name, user_number, thread, created_at, draft, attempts)
  SELECT id, user_name AS "user", user_number AS "userNumber", thread, created_at AS "createdAt", draft, attempts
  FROM claimed ORDER BY was_due, number`;

function leaseNotifications({ database, clock, host }: Ground): Notifications['leaseNotifications'] {
  return async ({ now, leaseMs, longestMs, limit }) => {
    const at = clock.toDatabase(now);
    const rows = await database.transact(LAZY, (statements) =>
      statements.rows<LeaseRow>(LEASE, [at, at + longestMs, limit, at + leaseMs, host]),
    );
    return rows.map(({ draft, ...row }) => ({ ...row, mail: JSON.parse(draft) as OutgoingMail }));
  };
}

/** The proof of a claim. */
const CLAIMED = "id = $1 AND state = 'waiting' AND attempts = $2 AND lease_owner = $3";

const END = `UPDATE notification SET state = $4, settled_at = $5, last_diagnostic = $6, due_at = NULL,
  lease_owner = NULL, draft = NULL WHERE ${CLAIMED}`;

const WAIT = `UPDATE notification SET due_at = $4, last_diagnostic = $5, lease_owner = NULL WHERE ${CLAIMED}`;

function settleNotification({ database, clock, host }: Ground): Notifications['settleNotification'] {
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
export async function recallNotifications(
  statements: Statements,
  { clock, host }: Pick<Ground, 'clock' | 'host'>,
  now: number,
): Promise<void> {
  await statements.run(
    "UPDATE notification SET due_at = $1, lease_owner = NULL WHERE state = 'waiting' AND lease_owner = $2",
    [clock.toDatabase(now), host],
  );
}

type ViewRow = {
  [K in keyof NotificationView]: undefined extends NotificationView[K]
    ? Exclude<NotificationView[K], undefined> | null
    : NotificationView[K];
};

const VIEW = `SELECT id, state, user_name AS "user", thread, replied_to_at AS "repliedToAt", message_id AS "messageId",
  created_at AS "createdAt", attempts, due_at AS "dueAt", settled_at AS "settledAt",
  last_diagnostic AS "lastDiagnostic" FROM notification`;

type Views = Pick<Notifications, 'nextNotificationAt' | 'notification' | 'listNotifications'>;

function notificationViews({ database: { reads }, clock }: Ground): Views {
  const toView = (row: ViewRow): NotificationView => ({
    ...row,
    dueAt: row.dueAt === null ? undefined : clock.toHost(row.dueAt),
    settledAt: row.settledAt ?? undefined,
    lastDiagnostic: row.lastDiagnostic ?? undefined,
  });
  return {
    nextNotificationAt: async () => {
      const next = await reads.first<{ at: number | null }>(
        "SELECT min(due_at) AS at FROM notification WHERE state = 'waiting'",
      );
      return next?.at == null ? undefined : clock.toHost(next.at);
    },
    notification: async (id) => {
      const row = await reads.first<ViewRow>(`${VIEW} WHERE id = $1`, [id]);
      return row === undefined ? undefined : toView(row);
    },
    listNotifications: async ({ thread, limit }) => {
      const newest = 'ORDER BY notification_number DESC LIMIT $1';
      const rows =
        thread === undefined
          ? reads.rows<ViewRow>(`${VIEW} ${newest}`, [limit])
          : reads.rows<ViewRow>(`${VIEW} WHERE thread = $2 ${newest}`, [limit, thread]);
      return (await rows).map(toView);
    },
  };
}
