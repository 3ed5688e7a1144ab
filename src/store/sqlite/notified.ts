/**
 * Who was notified, in SQLite: a row for each mail to each user.
 *
 * Contract: a look-up always names the user; the rows of others say only that they are others'. How many rows there are is
 * counted when it is first needed, and anew when another process wrote; in between it goes by what this
 * connection writes.
 */
import { MOST_NOTIFIED, type NewNotified, type Notified, type NotifiedPost } from '../notified.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** Rows that are forgotten at a time. */
const STEP_ROWS = 100;

/** Threads of one subject that are told: two are too many already. */
const MOST_THREADS = 8;

/** The writes, and what retention and the end of a user ask of them. */
export interface NotifiedWrites {
  readonly port: AtOnce<Notified, 'rememberNotified'>;
  /** Forgets what a user was sent. */
  readonly forget: (userNumber: number) => void;
  /** Forgets what expired before then and what is beyond the bound, some rows of each; how many. */
  prune(expiredBefore: number): number;
}

/** Prepares the statements on a writing connection; beyond `most` rows those go first that expire first. */
export function prepareNotified(database: Database, most = MOST_NOTIFIED): NotifiedWrites {
  const insert = database.prepare<(string | number | Uint8Array)[]>(
    `INSERT INTO notified (message_id, user_number, thread, replied_to_at, subject_key, sent_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id, user_number) DO NOTHING`,
  );
  const change = database.prepare<(string | number | Uint8Array)[]>(
    `UPDATE notified SET thread = ?, replied_to_at = ?, subject_key = ?, sent_at = ?, expires_at = ?
     WHERE message_id = ? AND user_number = ?`,
  );
  const count = database.prepare<[], number>('SELECT count(*) FROM notified').pluck();
  const expire = database.prepare<[number]>(
    `DELETE FROM notified WHERE (message_id, user_number) IN
       (SELECT message_id, user_number FROM notified WHERE expires_at < ? ORDER BY expires_at LIMIT ${STEP_ROWS})`,
  );
  const shorten = database.prepare<[number]>(
    `DELETE FROM notified WHERE (message_id, user_number) IN
       (SELECT message_id, user_number FROM notified ORDER BY expires_at LIMIT ?)`,
  );
  const forget = database.prepare<[number]>('DELETE FROM notified WHERE user_number = ?');
  let kept: number | undefined;
  let seen = 0;
  const version = (): number => database.pragma('data_version', { simple: true }) as number;
  /** Forgets some of what is beyond the bound. */
  const bound = (): number => {
    kept ??= count.get() ?? 0;
    const gone = kept > most ? shorten.run(Math.min(kept - most, STEP_ROWS)).changes : 0;
    kept -= gone;
    return gone;
  };
  return {
    port: {
      rememberNotified: (notified) => {
        kept ??= count.get() ?? 0;
        for (const each of notified) {
          const { messageId, userNumber } = each;
          const values = valuesOf(each);
          if (insert.run(messageId, userNumber, ...values).changes > 0) kept += 1;
          else change.run(...values, messageId, userNumber);
        }
        while (bound() === STEP_ROWS);
      },
    },
    forget: (userNumber) => {
      const { changes } = forget.run(userNumber);
      if (kept !== undefined) kept -= changes;
    },
    prune: (expiredBefore) => {
      if (version() !== seen) kept = undefined;
      seen = version();
      const expired = expire.run(expiredBefore).changes;
      if (kept !== undefined) kept -= expired;
      return expired + bound();
    },
  };
}

const valuesOf = (notified: NewNotified): (string | number | Uint8Array)[] => {
  const { thread, repliedToAt, subjectKey, sentAt, expiresAt } = notified;
  return [thread, repliedToAt, subjectKey, sentAt, expiresAt];
};

const POST = 'message_id AS messageId, thread, replied_to_at AS repliedToAt, sent_at AS sentAt';

/** Prepares the reads on a reading connection. */
export function prepareNotifiedViews(
  database: Database,
): AtOnce<Notified, 'notifiedByIds' | 'notifiedBySubject'> {
  const own = database.prepare<[string, number], NotifiedPost>(
    `SELECT ${POST} FROM notified WHERE message_id = ? AND user_number = ?`,
  );
  const others = database.prepare<[string], NotifiedPost>(
    `SELECT ${POST} FROM notified WHERE message_id = ? LIMIT 1`,
  );
  // Of each thread the last mail, by SQLite's rule for columns beside max().
  const bySubject = database.prepare<[number, Uint8Array, number], NotifiedPost>(
    `SELECT message_id AS messageId, thread, replied_to_at AS repliedToAt, max(sent_at) AS sentAt FROM notified
     WHERE user_number = ? AND subject_key = ? AND sent_at >= ?
     GROUP BY thread ORDER BY sentAt DESC LIMIT ${MOST_THREADS}`,
  );
  return {
    notifiedByIds: (userNumber, messageIds) => {
      const named = { own: [] as NotifiedPost[], others: [] as NotifiedPost[] };
      for (const id of messageIds) {
        const post = own.get(id, userNumber);
        if (post !== undefined) named.own.push(post);
        else named.others.push(...others.all(id));
      }
      return named;
    },
    notifiedBySubject: (userNumber, subjectKey, since) =>
      subjectKey.byteLength === 0 ? [] : bySubject.all(userNumber, subjectKey, since),
  };
}
