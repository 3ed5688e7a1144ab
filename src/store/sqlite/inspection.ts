/**
 * The way of one mail, and what is slow, as the store has it: for tools, which may look through all rows.
 *
 * Contract: reads only, each by itself; what changes between two of them may show. Attempts are kept from the first that
 * did not post; a drop or a prune of the item removes them with it.
 */
import type { AttemptView, Inspection, Trace, WaitingThread } from '../inspection.ts';
import type { ItemView } from '../item.ts';
import { THREAD } from '../item-columns.ts';
import type { NoticeView } from '../notices.ts';
import type { AtOnce } from './at-once.ts';
import { columnsOf, type ItemRow } from './item-columns.ts';
import { OPEN } from './migrations.ts';
import type { Database } from './schema.ts';

/** Items of one name that are told. */
const MAX_TRACES = 20;

/** What may be the beginning of an id of ours, and is long enough to mean one. */
const LEAST_PREFIX = /^[0-9a-v]{6,}$/;

/** Rows from the newest on in which receipts are counted. */
const MAX_COUNTED = 100_000;

/** The fields that a trace tells of an item beside its view. */
const FACTS = [
  'itemNumber',
  'id',
  'queueId',
  'senderPolicy',
  'senderResult',
  'spamFlagged',
  'matched',
] as const;

type FactsRow = Pick<ItemRow, (typeof FACTS)[number]> & { readonly hasContent: number };

/** Gives the reads, each prepared when it is asked: the daemon asks none. `get` and `noticesOf` are of other views. */
export function inspect(
  database: Database,
  get: (id: string) => ItemView | undefined,
  noticesOf: (itemId: string) => NoticeView[],
): AtOnce<Inspection, 'traces' | 'waitingThreads' | 'flow' | 'lastVouchedFor'> {
  return {
    traces: (name) =>
      factsOf(database, name).flatMap((facts) => {
        const item = get(facts.id);
        return item === undefined ? [] : [traceOf(database, item, facts, noticesOf(item.id))];
      }),
    waitingThreads: (limit) => waitingThreads(database, limit),
    flow: (since) => ({
      received: receivedSince(database, since),
      posted: settledSince(database, 'posted', since),
      failed: settledSince(database, 'failed', since),
    }),
    lastVouchedFor: () =>
      database
        .prepare<[], number | null>("SELECT max(received_at) FROM item WHERE sender_result = 'pass'")
        .pluck()
        .get() ?? undefined,
  };
}

function factsOf(database: Database, name: string): FactsRow[] {
  const named = database.prepare<{ name: string; bare: string; prefix: string }, FactsRow>(
    `SELECT ${columnsOf(FACTS)},
       EXISTS (SELECT 1 FROM content WHERE content.item_number = item.item_number) AS hasContent
     FROM item WHERE message_id IN (@bare, '<' || @bare || '>') OR queue_id = @name OR id GLOB @prefix
     ORDER BY item_number LIMIT ${MAX_TRACES}`,
  );
  const prefix = LEAST_PREFIX.test(name) ? `${name}*` : name.replace(/[*?[]/g, '');
  return named.all({ name, bare: name.replace(/^<|>$/g, ''), prefix });
}

function traceOf(database: Database, item: ItemView, facts: FactsRow, notices: readonly NoticeView[]): Trace {
  const attempts = database.prepare<[number], AttemptView>(
    'SELECT attempt, at, outcome, diagnostic FROM attempt WHERE item_number = ? ORDER BY attempt',
  );
  return {
    item,
    queueId: facts.queueId ?? undefined,
    authentication: { policy: facts.senderPolicy, result: facts.senderResult },
    isFlaggedSpam: facts.spamFlagged === null ? undefined : facts.spamFlagged === 1,
    matched: facts.matched ?? undefined,
    hasContent: facts.hasContent === 1,
    attempts: attempts.all(facts.itemNumber),
    notices,
  };
}

function waitingThreads(database: Database, limit: number): WaitingThread[] {
  const waiting = database.prepare<
    [number],
    Omit<WaitingThread, 'lastDiagnostic'> & { lastDiagnostic: string | null }
  >(
    `SELECT ${THREAD} AS thread, count(*) AS items, min(received_at) AS oldestReceivedAt,
       max(attempts) AS attempts, max(iif(head = 1, last_diagnostic, NULL)) AS lastDiagnostic
     FROM item WHERE state IN ${OPEN} GROUP BY thread ORDER BY oldestReceivedAt LIMIT ?`,
  );
  return waiting.all(limit).map((row) => ({ ...row, lastDiagnostic: row.lastDiagnostic ?? undefined }));
}

function receivedSince(database: Database, since: number): number {
  const received = database.prepare<[number], number>(
    `SELECT count(*) FROM (SELECT received_at FROM item ORDER BY item_number DESC LIMIT ${MAX_COUNTED})
     WHERE received_at >= ?`,
  );
  return received.pluck().get(since) ?? 0;
}

function settledSince(database: Database, state: 'posted' | 'failed', since: number): number {
  const settled = database.prepare<[number], number>(
    `SELECT count(*) FROM item WHERE state = '${state}' AND settled_at >= ?`,
  );
  return settled.pluck().get(since) ?? 0;
}
