/**
 * Who was notified, in PostgreSQL: a row for each mail to each user.
 *
 * Contract: a look-up always names the user; the rows of others say only that they are others'. The bound on the rows is
 * kept by retention.
 */
import type { NamedNotified, NewNotified, Notified, NotifiedPost } from '../notified.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { PROMISED, repeatable } from './repeatable.ts';

/** Threads of one subject that are told: two are too many already. */
const MOST_THREADS = 8;

/** Gives the port. */
export function notifiedPort({ database }: Ground): Notified {
  const { reads } = database;
  return {
    rememberNotified: async (notified) => {
      if (notified.length === 0) return;
      await repeatable(database, PROMISED, (statements) => rememberNotified(statements, notified));
    },
    notifiedByIds: async (userNumber, messageIds) => {
      const named = { own: [] as NotifiedPost[], others: [] as NotifiedPost[] };
      if (messageIds.length === 0) return named;
      const rows = await reads.rows<NamedRow>(BY_IDS, [userNumber, messageIds]);
      for (const { isOwn, ...post } of rows) (isOwn ? named.own : named.others).push(post);
      return named satisfies NamedNotified;
    },
    notifiedBySubject: async (userNumber, subjectKey, since) =>
      subjectKey.byteLength === 0
        ? []
        : await reads.rows<NotifiedPost>(BY_SUBJECT, [userNumber, subjectKey, since]),
  };
}

// In the order of the key: two batches never wait for each other.
const REMEMBER = `INSERT INTO notified
    (message_id, user_number, thread, replied_to_at, subject_key, sent_at, expires_at)
  SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[])
  ORDER BY 1, 2
  ON CONFLICT (message_id, user_number) DO UPDATE SET thread = excluded.thread,
    replied_to_at = excluded.replied_to_at, subject_key = excluded.subject_key, sent_at = excluded.sent_at,
    expires_at = excluded.expires_at`;

/** Remembers notifications within a transaction. */
export async function rememberNotified(
  statements: Statements,
  notified: readonly NewNotified[],
): Promise<void> {
  const last = new Map(notified.map((each) => [`${each.userNumber} ${each.messageId}`, each]));
  const rows = [...last.values()];
  await statements.run(REMEMBER, [
    rows.map(({ messageId }) => messageId),
    rows.map(({ userNumber }) => userNumber),
    rows.map(({ thread }) => thread),
    rows.map(({ repliedToAt }) => repliedToAt),
    rows.map(({ subjectKey }) => subjectKey),
    rows.map(({ sentAt }) => sentAt),
    rows.map(({ expiresAt }) => expiresAt),
  ]);
}

interface NamedRow extends NotifiedPost {
  readonly isOwn: boolean;
}

// The rows of others are looked at only where the user has none: a mail may have gone to thousands.
const BY_IDS = `SELECT found.message_id AS "messageId", found.thread, found.replied_to_at AS "repliedToAt",
    found.sent_at AS "sentAt", own.message_id IS NOT NULL AS "isOwn"
  FROM unnest($2::text[]) WITH ORDINALITY AS named (id, place)
  LEFT JOIN notified AS own ON own.message_id = named.id AND own.user_number = $1
  CROSS JOIN LATERAL (
    SELECT own.message_id, own.thread, own.replied_to_at, own.sent_at WHERE own.message_id IS NOT NULL
    UNION ALL (
      SELECT message_id, thread, replied_to_at, sent_at FROM notified
      WHERE message_id = named.id AND own.message_id IS NULL ORDER BY user_number LIMIT 1)
  ) AS found
  ORDER BY named.place`;

// Of each thread the last mail.
const BY_SUBJECT = `SELECT * FROM (
    SELECT DISTINCT ON (thread) message_id AS "messageId", thread, replied_to_at AS "repliedToAt",
      sent_at AS "sentAt"
    FROM notified WHERE user_number = $1 AND subject_key = $2 AND sent_at >= $3
    ORDER BY thread, sent_at DESC
  ) AS newest ORDER BY "sentAt" DESC LIMIT ${MOST_THREADS}`;
