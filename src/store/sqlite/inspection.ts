/**
 * The way of one mail, and what is slow, as the store has it: for tools, which may look through all rows.
 *
 * Contract: reads only, each by itself; what changes between two of them may show. Attempts are kept from the first that
 * did not post; a drop or a prune of the item removes them with it.
 */

import type { Authentication } from '../../mail/origin.ts';
import type { AttemptView, Flow, Trace, WaitingThread } from '../inspection.ts';
import type { ItemView } from '../item.ts';
import type { NoticeView } from '../notices.ts';
import type { Database } from './schema.ts';

/** The reads, synchronous on one connection. */
export interface InspectionViews {
  /** The ways of the items that `name` names. */
  traces(name: string): Trace[];
  /** The threads that wait longest. */
  waitingThreads(limit: number): WaitingThread[];
  /** What came and went since a time. */
  flow(since: number): Flow;
  /** When the last item came whose sender passed. */
  lastVouchedFor(): number | undefined;
}

/** Items of one name that are told. */
const MAX_TRACES = 20;

/** What may be the beginning of an id of ours, and is long enough to mean one. */
const LEAST_PREFIX = /^[0-9a-v]{6,}$/;

/** Rows from the newest on in which receipts are counted. */
const MAX_COUNTED = 100_000;

/** What beside its view a trace tells of an item. */
interface FactsRow {
  itemNumber: number;
  id: string;
  queueId: string | null;
  senderPolicy: Authentication['policy'];
  senderResult: Authentication['result'];
  spamFlagged: number | null;
  hasContent: number;
}

/** Prepares the reads; `get` and `noticesOf` are those of the other views. */
export function prepareInspection(
  database: Database,
  get: (id: string) => ItemView | undefined,
  noticesOf: (itemId: string) => NoticeView[],
): InspectionViews {
  const named = database.prepare<{ name: string; bare: string; prefix: string }, FactsRow>(
    `SELECT item_number AS itemNumber, id, queue_id AS queueId, sender_policy AS senderPolicy,
       sender_result AS senderResult, spam_flagged AS spamFlagged,
       EXISTS (SELECT 1 FROM content WHERE content.item_number = item.item_number) AS hasContent
     FROM item WHERE message_id IN (@bare, '<' || @bare || '>') OR queue_id = @name OR id GLOB @prefix
     ORDER BY item_number LIMIT ${MAX_TRACES}`,
  );
  const attempts = database.prepare<[number], AttemptView>(
    'SELECT attempt, at, outcome, diagnostic FROM attempt WHERE item_number = ? ORDER BY attempt',
  );
  const waiting = database.prepare<
    [number],
    Omit<WaitingThread, 'lastDiagnostic'> & { lastDiagnostic: string | null }
  >(
    `SELECT coalesce(bounce_thread, thread) AS thread, count(*) AS items, min(received_at) AS oldestReceivedAt,
       max(attempts) AS attempts, max(iif(head = 1, last_diagnostic, NULL)) AS lastDiagnostic
     FROM item WHERE state IN ('ready','waiting','leased') GROUP BY thread ORDER BY oldestReceivedAt LIMIT ?`,
  );
  const received = database
    .prepare<[number], number>(
      `SELECT count(*) FROM (SELECT received_at FROM item ORDER BY item_number DESC LIMIT ${MAX_COUNTED})
       WHERE received_at >= ?`,
    )
    .pluck();
  const settled = (state: 'posted' | 'failed') =>
    database
      .prepare<[number], number>(`SELECT count(*) FROM item WHERE state = '${state}' AND settled_at >= ?`)
      .pluck();
  const posted = settled('posted');
  const failed = settled('failed');
  const vouchedFor = database
    .prepare<[], number | null>("SELECT max(received_at) FROM item WHERE sender_result = 'pass'")
    .pluck();
  return {
    traces: (name) => {
      const prefix = LEAST_PREFIX.test(name) ? `${name}*` : name.replace(/[*?[]/g, '');
      const rows = named.all({ name, bare: name.replace(/^<|>$/g, ''), prefix });
      return rows.flatMap((row) => {
        const item = get(row.id);
        if (item === undefined) return [];
        return [
          {
            item,
            queueId: row.queueId ?? undefined,
            authentication: { policy: row.senderPolicy, result: row.senderResult },
            isFlaggedSpam: row.spamFlagged === null ? undefined : row.spamFlagged === 1,
            hasContent: row.hasContent === 1,
            attempts: attempts.all(row.itemNumber),
            notices: noticesOf(row.id),
          },
        ];
      });
    },
    waitingThreads: (limit) =>
      waiting.all(limit).map((row) => ({ ...row, lastDiagnostic: row.lastDiagnostic ?? undefined })),
    flow: (since) => ({
      received: received.get(since) ?? 0,
      posted: posted.get(since) ?? 0,
      failed: failed.get(since) ?? 0,
    }),
    lastVouchedFor: () => vouchedFor.get() ?? undefined,
  };
}
