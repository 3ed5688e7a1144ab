/**
 * The insert of a notice in PostgreSQL, which an item's settlement shares.
 *
 * Contract: the UNIQUE index over user, kind and day is the limit of G7, whichever host inserts, and an insert that it
 * stops is no error. Where the day of the limit is any 24 hours, no index can say so: two inserts for one user and kind
 * wait for each other, by a lock that ends with the transaction.
 */
import type { NewNotice } from '../notices.ts';
import type { DatabaseClock } from './clock.ts';
import type { Statements } from './database.ts';

const DAY_MS = 86_400_000;

/** Alone the notices of a user and kind, by a key that no thread's lock has but by chance. */
const LOCK =
  "SELECT pg_advisory_xact_lock(hashtextextended('mailgw notice' || chr(10) || $1 || chr(10) || $2, 1))";

const INSERT = `INSERT INTO notice
    (id, state, user_name, user_number, kind, day, item_id, draft, original, created_at, due_at, attempts)
  SELECT $1, 'waiting', $2, $3::bigint, $4, $5::bigint, $6, $7, $8::bytea, $9::bigint, $10::bigint, 0
  WHERE $11::text IS NULL OR (
    EXISTS (SELECT FROM sender_pass WHERE user_number = $3 AND address = $11)
    AND NOT EXISTS (SELECT FROM notice WHERE user_name = $2 AND kind = $4 AND abs(created_at - $9) < ${DAY_MS}))
  ON CONFLICT DO NOTHING`;

/** Adds a notice, within a transaction; false when the user had one of its kind that day, or is not to have it. */
export async function addNotice(
  statements: Pick<Statements, 'run'>,
  clock: Pick<DatabaseClock, 'toDatabase'>,
  notice: NewNotice,
): Promise<boolean> {
  const { id, user, userNumber, kind, itemId, createdAt, draft, original, ifPassed } = notice;
  const values = [id, user, userNumber ?? null, kind, Math.floor(createdAt / DAY_MS), itemId ?? null];
  const rest = [
    JSON.stringify(draft),
    original ?? null,
    createdAt,
    clock.toDatabase(createdAt),
    ifPassed ?? null,
  ];
  // Both go out in one turn: the insert sees what was committed before the lock was had.
  const locked = ifPassed === undefined ? undefined : statements.run(LOCK, [user, kind]);
  const [added] = await Promise.all([statements.run(INSERT, [...values, ...rest]), locked]);
  return added === 1;
}
