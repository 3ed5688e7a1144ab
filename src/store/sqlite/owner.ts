/**
 * Whose an item is, in SQLite: the user's number decides, and not the name, which may be somebody else's by now.
 *
 * Contract: an item whose user is gone is never posted as whoever has the name today. What was about to be leased is
 * held; the operator cannot retry or release it before a user has that number and name again, and then it is released.
 */
import type { Database } from './schema.ts';

/** Why such an item is held; its diagnostic says more. */
export const NO_USER = 'no-user';

/** The test and what follows, inside a transaction. */
export interface Owners {
  /** Tells whether a user has this number and name; what has no number is believed by its name. */
  readonly isThere: (userNumber: number | undefined, user: string) => boolean;
  /** Holds an item whose user is gone. */
  readonly hold: (itemNumber: number) => void;
  /** Makes what was held for want of this user ready; the thread of each, which are to elect their heads. */
  readonly release: (userNumber: number, user: string, now: number) => string[];
}

/** Prepares the statements on a writing connection. */
export function prepareOwners(database: Database): Owners {
  const find = database.prepare<[number, string], 1>('SELECT 1 FROM user WHERE user_number = ? AND name = ?');
  const hold = database.prepare<[string, number]>(
    `UPDATE item SET state = 'held', head = 0, due_at = NULL, hold_reason = '${NO_USER}', last_diagnostic = ?
     WHERE item_number = ?`,
  );
  const release = database
    .prepare<[number, number, string], string>(
      `UPDATE item SET state = 'ready', due_at = ?, hold_reason = NULL, last_diagnostic = NULL, worker_deaths = 0
       WHERE hold_reason = '${NO_USER}' AND state = 'held' AND user_number = ? AND user = ? RETURNING thread`,
    )
    .pluck();
  return {
    isThere: (number, user) => number === undefined || find.get(number, user) !== undefined,
    hold: (itemNumber) => hold.run('its user was removed; the name may be another person by now', itemNumber),
    release: (number, user, now) => release.all(now, number, user),
  };
}
