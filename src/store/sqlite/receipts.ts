/**
 * Receipts in SQLite, inside the writer's transaction: with the items of a message, or by themselves.
 *
 * Contract: the insert of a call is the test whether it came before.
 */
import type { CallFate, CallReceipt, MailboxReceipt, Receipt, Receipts } from '../receipts.ts';
import type { AtOnce } from './at-once.ts';
import type { Database } from './schema.ts';

/** The writes, and what the accept asks of them. */
export interface ReceiptWrites {
  readonly port: AtOnce<Receipts>;
  /** Writes the receipt of a message whose items come with it; only with `new` they may. */
  readonly sign: (receipt: Receipt) => CallFate;
  /** Forgets the calls of before, some of them; how many. */
  readonly prune: (before: number, most: number) => number;
}

/** Prepares the statements on a writing connection. */
export function prepareReceipts(database: Database): ReceiptWrites {
  const passMessage = preparePassMessage(database);
  const passCall = preparePassCall(database);
  const prune = database.prepare<[number, number]>(
    `DELETE FROM source_call WHERE (source, call) IN
       (SELECT source, call FROM source_call WHERE received_at < ? ORDER BY received_at LIMIT ?)`,
  );
  return {
    port: { passMessage, passCall },
    sign: (receipt) => {
      if (receipt.kind === 'call') return passCall(receipt);
      passMessage(receipt);
      return 'new';
    },
    prune: (before, most) => prune.run(before, most).changes,
  };
}

function preparePassMessage(database: Database): (receipt: MailboxReceipt) => void {
  const raise = prepareRaise(database);
  const owe = database.prepare<(string | number)[]>(
    `INSERT INTO mailbox_message (source, uid_validity, uid, state, attempts, reason, due_at, since_at)
     VALUES (?, ?, ?, 'courtesy', 0, '', ?, ?)
     ON CONFLICT (source, uid_validity, uid)
     DO UPDATE SET state = 'courtesy', attempts = 0, reason = '', due_at = excluded.due_at`,
  );
  const close = prepareClose(database);
  return ({ source, uidValidity, uid, highWater, owesCourtesy, at }) => {
    raise(source, uidValidity, highWater, at);
    if (owesCourtesy) owe.run(source, uidValidity, uid, at, at);
    else close(source, uidValidity, uid);
  };
}

/** Prepares the rise of a mailbox's high water, which never falls and is that of its own UIDs alone. */
export function prepareRaise(
  database: Database,
): (source: string, uidValidity: number, highWater: number | undefined, at: number) => void {
  const raise = database.prepare<[number, number, string, number]>(
    'UPDATE mailbox SET high_water = max(high_water, ?), touched_at = ? WHERE source = ? AND uid_validity = ?',
  );
  return (source, uidValidity, highWater, at) => {
    raise.run(highWater ?? 0, at, source, uidValidity);
  };
}

/** Prepares the removal of a message from the list of what is not settled. */
export function prepareClose(database: Database): (source: string, uidValidity: number, uid: number) => void {
  const close = database.prepare<[string, number, number]>(
    'DELETE FROM mailbox_message WHERE source = ? AND uid_validity = ? AND uid = ?',
  );
  return (source, uidValidity, uid) => {
    close.run(source, uidValidity, uid);
  };
}

function preparePassCall(database: Database): (receipt: CallReceipt) => CallFate {
  const insert = database.prepare<(string | number | Uint8Array)[]>(
    'INSERT INTO source_call (source, call, digest, received_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const earlier = database
    .prepare<[string, string], Uint8Array>('SELECT digest FROM source_call WHERE source = ? AND call = ?')
    .pluck();
  return ({ source, call, digest, at }) => {
    if (insert.run(source, call, digest, at).changes > 0) return 'new';
    const before = earlier.get(source, call);
    return before !== undefined && Buffer.compare(before, digest) === 0 ? 'repeated' : 'replayed';
  };
}
