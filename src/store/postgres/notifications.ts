/**
 * The notifications in PostgreSQL: what they are beside the mail that they have in common with notices (sending.ts).
 *
 * Contract: the UNIQUE key of idempotency is the test for a repetition, over all hosts.
 */
import type { OutgoingMail } from '../../mail/outgoing.ts';
import type { Nullable } from '../item-view.ts';
import type {
  EarlierNotification,
  LeasedNotification,
  NewNotification,
  NotificationAddition,
  NotificationFilter,
  Notifications,
  NotificationView,
} from '../notifications.ts';
import type { DatabaseClock } from './clock.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { rememberNotified } from './notified.ts';
import { PROMISED, repeatable } from './repeatable.ts';
import { leaseMails, type MailTable, nextMailAt, PROGRESS, progressOf, settleMail } from './sending.ts';

const TABLE: MailTable = {
  name: 'notification',
  number: 'notification_number',
  content: ['draft'],
  leased: `id, user_name AS "user", user_number AS "userNumber", thread, created_at AS "createdAt", draft, attempts`,
};

/** Gives the port. */
export function notificationPort(ground: Ground): Notifications {
  const { database, clock } = ground;
  return {
    addNotification: (notification) =>
      repeatable(database, PROMISED, (statements) => add(statements, notification, clock)),
    leaseNotifications: leaseNotifications(ground),
    settleNotification: settleMail(ground, TABLE),
    nextNotificationAt: () => nextMailAt(ground, TABLE),
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

function leaseNotifications(ground: Ground): Notifications['leaseNotifications'] {
  const lease = leaseMails<LeaseRow>(ground, TABLE);
  return async (request) => {
    const rows = await lease(request);
    return rows.map(({ draft, ...row }) => ({ ...row, mail: JSON.parse(draft) as OutgoingMail }));
  };
}

const VIEW = `SELECT id, state, user_name AS "user", thread, replied_to_at AS "repliedToAt", message_id AS "messageId",
  ${PROGRESS} FROM notification`;

type ViewRow = Nullable<NotificationView>;

/** Writes the query of a list. */
function listing({ thread, before, limit }: NotificationFilter) {
  const newest = 'ORDER BY notification_number DESC LIMIT $1';
  if (thread === undefined) return { text: `${VIEW} ${newest}`, values: [limit] };
  if (before === undefined) return { text: `${VIEW} WHERE thread = $2 ${newest}`, values: [limit, thread] };
  // By the index of the thread: in the order of all ids there may be many others between two of its own.
  const text = `${VIEW} WHERE thread = $2 AND id || '' < $3 ORDER BY id || '' DESC LIMIT $1`;
  return { text, values: [limit, thread, before] };
}

type Views = Pick<Notifications, 'notification' | 'listNotifications'>;

function notificationViews({ database: { reads }, clock }: Ground): Views {
  const toView = (row: ViewRow): NotificationView => ({
    ...row,
    ...progressOf(row, clock),
  });
  return {
    notification: async (id) => {
      const row = await reads.first<ViewRow>(`${VIEW} WHERE id = $1`, [id]);
      return row === undefined ? undefined : toView(row);
    },
    listNotifications: async (filter) => {
      const { text, values } = listing(filter);
      return (await reads.rows<ViewRow>(text, values)).map(toView);
    },
  };
}
