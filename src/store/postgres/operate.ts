/**
 * The operator's actions on an item, in PostgreSQL.
 *
 * Contract: an action holds the queue's lock together with all mail, and the lock of the item's thread: a loop over ten
 * thousand items stops nothing but, for a moment, the thread of each. The item is read again once the locks are held, and
 * its row stays locked until the end, so that it is not leased, pruned or dropped meanwhile. Users and the locators of
 * threads change only while nobody holds the queue's lock.
 */
import type { Desk, OperatorAction, OperatorResult } from '../desk.ts';
import { ACTIONS, isNewPost, OPERATED, refusalBy } from '../operator-actions.ts';
import { counterpartsOf, forgetCopy, releaseCopy } from './copies.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { columnsOf, type ItemRow } from './item-columns.ts';

type OperatedRow = Pick<ItemRow, (typeof OPERATED)[number]>;

const FIND = `SELECT ${columnsOf(OPERATED)} FROM item WHERE id = $1`;

/** Gives the port's operation. */
export function operateOn({ database, clock }: Ground): Desk['operate'] {
  return (action, id, now) =>
    database.transact({ lock: 'shared', isDurable: true }, async (statements) => {
      const found = await statements.first<OperatedRow>(FIND, [id]);
      if (found === undefined) return { kind: 'unknown' };
      const locked = statements.run('SELECT mailgw_lock_threads($1)', [[found.orderedBy]]);
      // What it is decided by is asked at once: of its row all but the state and the hold is as it was written first.
      const [item, refusalOf] = await Promise.all([
        statements.first<OperatedRow>(`${FIND} FOR UPDATE`, [id]),
        askRefusal(statements, action, found),
        locked,
      ]);
      if (item === undefined) return { kind: 'unknown' };
      const refusal = refusalOf(item);
      if (refusal !== undefined) return refusal;
      await act(statements, action, item, clock.toDatabase(now));
      return { kind: 'done', id, state: ACTIONS[action].to };
    });
}

type Refusal = (item: OperatedRow) => OperatorResult | undefined;

/** Asks for all that may speak against an action; the answer is for the item as it is under the locks. */
async function askRefusal(
  statements: Statements,
  action: OperatorAction,
  found: OperatedRow,
): Promise<Refusal> {
  const byRow: Refusal = (item) => refusalBy(action, { ...item, isContentKept: item.contentKept });
  if (ACTIONS[action].to !== 'ready') return byRow;
  const [isOwned, counterpart] = await Promise.all([
    isUserThere(statements, found),
    counterpartsOf(statements, found),
  ]);
  return (item) => {
    const refusal = byRow(item);
    if (refusal !== undefined) return refusal;
    const { state, user } = item;
    if (!isOwned) return { kind: 'no-user', user };
    const other = isNewPost(action, state) ? counterpart(state === 'held') : undefined;
    return other && { kind: 'duplicate', was: state, of: other.id, state: other.state };
  };
}

/** Tells whether a user has the number and the name of an item's; what has no number is believed by its name. */
async function isUserThere(statements: Statements, { userNumber, user }: OperatedRow): Promise<boolean> {
  if (userNumber === null) return true;
  const sql = 'SELECT 1 AS found FROM users WHERE user_number = $1 AND name = $2';
  return (await statements.first(sql, [userNumber, user])) !== undefined;
}

const READY = `UPDATE item SET state = 'ready', due_at = $2, hold_reason = NULL, settled_at = NULL, worker_deaths = 0,
  content_kept = false WHERE item_number = $1`;

const HOLD = `UPDATE item SET state = 'held', head = false, due_at = NULL, settled_at = NULL, hold_reason = 'operator'
  WHERE item_number = $1`;

async function act(
  statements: Statements,
  action: OperatorAction,
  item: OperatedRow,
  now: number,
): Promise<void> {
  const { itemNumber, state, orderedBy } = item;
  const { to } = ACTIONS[action];
  const writes: Promise<unknown>[] = [];
  if (to === 'ready') writes.push(statements.run(READY, [itemNumber, now]));
  else if (to === 'held') writes.push(statements.run(HOLD, [itemNumber]));
  else writes.push(statements.run('DELETE FROM item WHERE item_number = $1', [itemNumber]));
  if (action === 'release') writes.push(releaseCopy(statements, item));
  // What was posted is on the platform: a repetition stays one.
  if (action === 'drop' && state !== 'posted') writes.push(forgetCopy(statements, item));
  writes.push(statements.run('SELECT mailgw_elect($1)', [orderedBy]));
  await Promise.all(writes);
}
