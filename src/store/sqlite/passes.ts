/**
 * The addresses that the site's filter has vouched for, by user, in SQLite: so that the author of a reply that comes
 * without any proof can be told, and nobody else.
 *
 * Contract: an address enters with the commit of a reply that was authenticated for it, and goes with its user.
 */
import type { NewItem } from '../item.ts';
import type { Database } from './schema.ts';

/** Prepares the insert, to be called inside the transaction of an accept, for a user who is there. */
export function prepareRememberPass(database: Database): (item: NewItem) => void {
  const insert = database.prepare<[number, string, number]>(
    'INSERT INTO sender_pass (user_number, address, passed_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  );
  return ({ userNumber, vouchedFor, receivedAt }) => {
    if (userNumber !== undefined && vouchedFor !== undefined) insert.run(userNumber, vouchedFor, receivedAt);
  };
}
