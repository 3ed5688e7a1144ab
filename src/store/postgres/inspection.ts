/**
 * The way of one mail, and what is slow, as the store has it in PostgreSQL: for tools, which may look through all rows.
 *
 * Contract: reads only, each by itself; what changes between two of them may show. Attempts are kept from the first that
 * did not post; a drop or a prune of the item removes them with it.
 */
import type { AttemptView, Flow, Inspection, Trace, WaitingThread } from '../inspection.ts';
import type { ItemView } from '../item.ts';
import { THREAD } from '../item-columns.ts';
import { type Nullable, VIEW_FIELDS } from '../item-view.ts';
import type { NoticeView } from '../notices.ts';
import { duplicateOf } from './copies.ts';
import type { Ground } from './ground.ts';
import { columnsOf, type ItemRow, viewOf } from './item-columns.ts';
import { viewNotices } from './notices.ts';
import { OPEN } from './tables.ts';

/** Items of one name that are told. */
const MAX_TRACES = 20;

/** What may be the beginning of an id of ours, and is long enough to mean one. */
const LEAST_PREFIX = /^[0-9a-v]{6,}$/;

/** Rows from the newest on in which receipts are counted. */
const MAX_COUNTED = 100_000;

/** Gives the port. */
export function inspectionPort(ground: Ground): Inspection {
  const { database } = ground;
  return {
    traces: (name) => traces(ground, name),
    duplicateOf: (item) => duplicateOf(database.reads, item),
    waitingThreads: (limit) => waitingThreads(ground, limit),
    flow: (since) => flow(ground, since),
    lastVouchedFor: async () => {
      const row = await database.slowly.first<{ at: number | null }>(
        "SELECT max(received_at) AS at FROM item WHERE sender_result = 'pass'",
      );
      return row?.at ?? undefined;
    },
  };
}

/** The fields that a trace tells of an item beside its view. */
const FACTS = ['itemNumber', 'queueId', 'senderPolicy', 'senderResult', 'spamFlagged', 'matched'] as const;

type FactsRow = Pick<ItemRow, (typeof FACTS)[number]> & { readonly hasContent: boolean };

// The rows are found first, and looked at then: only the ids have an index.
const NAMED = `WITH named AS MATERIALIZED (
    SELECT item_number FROM item WHERE id >= $3 AND id < $4
    UNION SELECT item_number FROM item WHERE message_id IN ($2, '<' || $2 || '>') OR queue_id = $1)
  SELECT ${columnsOf([...VIEW_FIELDS, ...FACTS])},
    EXISTS (SELECT FROM content WHERE content.item_number = item.item_number) AS "hasContent"
  FROM item WHERE item_number = ANY (ARRAY(SELECT item_number FROM named ORDER BY item_number LIMIT ${MAX_TRACES}))
  ORDER BY item_number`;

async function traces(ground: Ground, name: string): Promise<Trace[]> {
  const { database, clock } = ground;
  // Above all that begin with the name, or the name alone.
  const end = LEAST_PREFIX.test(name) ? `${name}\u{10FFFF}` : `${name}\u0001`;
  const rows = await database.slowly.rows<Nullable<ItemView> & FactsRow>(NAMED, [
    name,
    name.replace(/^<|>$/g, ''),
    name,
    end,
  ]);
  const [attempts, notices] = await Promise.all([
    attemptsOf(ground, rows),
    noticesOf(
      ground,
      rows.map(({ id }) => id),
    ),
  ]);
  return rows.map(
    ({ itemNumber, queueId, senderPolicy, senderResult, spamFlagged, matched, hasContent, ...view }) => ({
      item: viewOf(view, clock),
      queueId: queueId ?? undefined,
      authentication: { policy: senderPolicy, result: senderResult },
      isFlaggedSpam: spamFlagged ?? undefined,
      matched: matched ?? undefined,
      hasContent,
      attempts: attempts.get(itemNumber) ?? [],
      notices: notices.get(view.id) ?? [],
    }),
  );
}

async function attemptsOf(
  { database }: Ground,
  items: readonly { readonly itemNumber: number }[],
): Promise<Map<number, AttemptView[]>> {
  const rows = await database.reads.rows<AttemptView & { readonly itemNumber: number }>(
    `SELECT item_number AS "itemNumber", attempt, at, outcome, diagnostic FROM attempt
     WHERE item_number = ANY($1::bigint[]) ORDER BY item_number, attempt`,
    [items.map(({ itemNumber }) => itemNumber)],
  );
  const found = new Map<number, AttemptView[]>();
  for (const { itemNumber, ...attempt } of rows)
    found.set(itemNumber, [...(found.get(itemNumber) ?? []), attempt]);
  return found;
}

async function noticesOf(ground: Ground, ids: readonly string[]): Promise<Map<string, NoticeView[]>> {
  const all = await viewNotices(ground, 'WHERE item_id = ANY($1::text[]) ORDER BY notice_number', [ids]);
  const found = new Map<string, NoticeView[]>();
  for (const notice of all) {
    const { itemId = '' } = notice;
    found.set(itemId, [...(found.get(itemId) ?? []), notice]);
  }
  return found;
}

async function waitingThreads({ database }: Ground, limit: number): Promise<WaitingThread[]> {
  const rows = await database.slowly.rows<Nullable<WaitingThread>>(
    `SELECT ${THREAD} AS thread, count(*) AS items, min(received_at) AS "oldestReceivedAt",
       max(attempts) AS attempts, max(last_diagnostic) FILTER (WHERE head) AS "lastDiagnostic"
     FROM item WHERE state IN ${OPEN} GROUP BY item.thread, bounce_thread
     ORDER BY "oldestReceivedAt", min(item_number) LIMIT $1`,
    [limit],
  );
  return rows.map((row) => ({ ...row, lastDiagnostic: row.lastDiagnostic ?? undefined }));
}

async function flow({ database }: Ground, since: number): Promise<Flow> {
  const row = await database.slowly.first<Flow>(
    `SELECT
       (SELECT count(*) FROM (SELECT received_at FROM item ORDER BY item_number DESC LIMIT ${MAX_COUNTED}) AS newest
        WHERE received_at >= $1) AS received,
       (SELECT count(*) FROM item WHERE state = 'posted' AND settled_at >= $1) AS posted,
       (SELECT count(*) FROM item WHERE state = 'failed' AND settled_at >= $1) AS failed`,
    [since],
  );
  return row ?? { received: 0, posted: 0, failed: 0 };
}
