/**
 * Receipts in PostgreSQL that come without items: those of items are signed by the call that accepts them.
 *
 * Contract: each is one call, and a transaction by itself. A mailbox's may be lost in a crash; a provider's is on disk.
 */
import type { CallFate, Receipts } from '../receipts.ts';
import { REPEAT_MS } from './entrance.ts';
import type { Ground } from './ground.ts';

const PASS_MESSAGE = `SELECT set_config('synchronous_commit', 'off', true),
  mailgw_pass_message_1($1, $2, $3, $4, $5, $6)`;

const PASS_CALL = 'SELECT mailgw_promise_1(), mailgw_pass_call_1($1, $2, $3, $4) AS fate';

/** Gives the port. */
export function receiptPort({ database }: Ground): Receipts {
  return {
    passMessage: async ({ source, uidValidity, uid, highWater, owesCourtesy, at }) => {
      const values = [source, uidValidity, uid, highWater ?? null, owesCourtesy, at];
      await database.call(PASS_MESSAGE, values, performance.now() + REPEAT_MS);
    },
    passCall: async ({ source, call, digest, at }) => {
      const values = [source, call, digest, at];
      const [row] = await database.call<{ fate: CallFate }>(PASS_CALL, values, performance.now() + REPEAT_MS);
      if (row === undefined) throw new Error('the database did not say what the call is');
      return row.fate;
    },
  };
}
