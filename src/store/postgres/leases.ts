/**
 * Leases in PostgreSQL: heads of threads claimed by a host, and what becomes of them.
 *
 * Contract: lease and settle are one statement each (lease-sql.ts, settle-sql.ts); only a settlement that brings a notice is a
 * transaction of several. What is asked again, because its answer was lost, does the same once. Due times and
 * ends of leases go in and out by {@link Ground.clock}: when this host's clock is set, its own view moves and no other's.
 */
import { bounded } from '../../mail/bounded.ts';
import { partItemId } from '../../mail/item-id.ts';
import { type Leases, MAX_WORKER_DEATHS, poisoned, type Settle } from '../leases.ts';
import type { NewNotice } from '../notices.ts';
import { PART_BYTES } from './accept-sql.ts';
import { addNotice } from './add-notice.ts';
import type { Value } from './connection.ts';
import { readWhole, WHOLE_OF_SMALL } from './content.ts';
import { REPEAT_MS } from './entrance.ts';
import type { Ground } from './ground.ts';
import { LEASED_COLUMNS, type LeaseRow, toLeasedItem } from './leased-row.ts';

const LEASE = `SELECT ${LEASED_COLUMNS}, CASE WHEN bytes < $12::bigint THEN ${WHOLE_OF_SMALL} END AS raw
  FROM mailgw_lease_1($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS item ORDER BY due_at, item_number`;

/** A leased item's row, with its message where that comes along. */
type Row = LeaseRow & { readonly raw: string | null };

const SETTLE = `SELECT places, is_due AS "isDue"
  FROM mailgw_settle_1(${Array.from({ length: 16 }, (_, index) => `$${index + 1}`).join(', ')})`;

/** What became of settlements: the places of those that counted, from 1 on, and whether something may be due now. */
interface Settled {
  readonly places: readonly number[] | null;
  readonly isDue: boolean;
}

/** Gives the port. */
export function leasePort(ground: Ground): Leases {
  const { database, clock } = ground;
  const nextCall = callNumbers(ground);
  return {
    lease: prepareLease(ground, nextCall),
    settle: prepareSettle(ground, nextCall),
    reclaim: async (now, inFlight) => {
      const sql = 'SELECT mailgw_reclaim_1($1, $2) AS count';
      const values = [clock.toDatabase(now), inFlight];
      const [row] = await database.call<{ count: number }>(sql, values, repeatedUntil());
      return row?.count ?? 0;
    },
    retime: async ({ now, byMs, longestMs }) => {
      if (byMs !== 0) clock.moved(byMs);
      const values = [clock.toDatabase(now), clock.toDatabase(now + longestMs)];
      await database.call('SELECT mailgw_make_due_1($1, $2)', values, repeatedUntil());
    },
    nextDueAt: async (lane) => {
      const sql = 'SELECT mailgw_next_due_1($1) AS at';
      const row = await database.reads.first<{ at: number | null }>(sql, [lane ?? null]);
      return row?.at == null ? undefined : clock.toHost(row.at);
    },
  };
}

const repeatedUntil = (): number => performance.now() + REPEAT_MS;

/** Creates the numbers of calls: they grow, and those of a later run of the daemon are above those of all before. */
function callNumbers({ clock }: Ground): () => number {
  let last = 0;
  return () => {
    if (last === 0) last = clock.toDatabase(Date.now()) * 1000;
    last += 1;
    return last;
  };
}

function prepareLease({ database, clock, host }: Ground, nextCall: () => number): Leases['lease'] {
  return async ({ now, leaseMs, limit, maxBytes, probe, leftOut = [], lane, alongBytes = 0 }) => {
    const call = nextCall();
    const most = probe === undefined ? limit : 1;
    const terms = [
      clock.toDatabase(now),
      clock.toDatabase(now + leaseMs),
      most,
      maxBytes ?? Number.MAX_SAFE_INTEGER,
      leftOut,
      lane ?? null,
      probe?.avoid ?? null,
      probe?.isStrict ?? false,
      Math.min(alongBytes, PART_BYTES),
    ] as const;
    // One that may have been carried out gives the same items again.
    const values = (isAgain: boolean): Value[] => [host, call, isAgain, ...terms];
    const rows = await database.call<Row>(LEASE, values, repeatedUntil());
    return rows.map(({ raw, ...row }) => {
      const item = toLeasedItem(row);
      return raw === null ? item : { ...item, raw: readWhole(row.bytes, raw) };
    });
  };
}

function prepareSettle(ground: Ground, nextCall: () => number): Leases['settle'] {
  const { database, clock } = ground;
  /** By when each was asked for first: whoever repeats one that failed gives the same object. */
  const calls = new WeakMap<Settle, number>();
  const callOf = (settle: Settle): number => {
    const call = calls.get(settle) ?? nextCall();
    calls.set(settle, call);
    return call;
  };
  return async (settles) => {
    if (settles.length === 0) return false;
    const values = toValues(ground, settles, callOf);
    const notices = settles.map(noticeOf);
    if (notices.every((notice) => notice === undefined)) {
      const [settled] = await database.call<Settled>(SETTLE, values, repeatedUntil());
      return settled?.isDue ?? true;
    }
    return await database.transact({ lock: 'shared', isDurable: false }, async (statements) => {
      const settled = await statements.first<Settled>(SETTLE, values);
      const theirs = (settled?.places ?? []).flatMap((place) => notices[place - 1] ?? []);
      await Promise.all(theirs.map((notice) => addNotice(statements, clock, notice)));
      return settled?.isDue ?? true;
    });
  };
}

function noticeOf({ settlement }: Settle): NewNotice | undefined {
  return 'notice' in settlement ? settlement.notice : undefined;
}

/** Gives the values of a call: a column for each field. */
function toValues(
  { clock, host, keepContent }: Ground,
  settles: readonly Settle[],
  callOf: (settle: Settle) => number,
): Value[] {
  const rows = settles.map((settle) => toRow(settle, clock.toDatabase));
  const parts = settles.flatMap(({ id, settlement }, index) =>
    settlement.kind !== 'split'
      ? []
      : settlement.parts.map((part) => ({ ...part, id: partItemId(id, part.post), of: index + 1 })),
  );
  return [
    host,
    keepContent,
    MAX_WORKER_DEATHS,
    settles.map(({ id }) => id),
    settles.map(callOf),
    settles.map(({ attempts }) => attempts),
    rows.map(({ kind }) => kind),
    rows.map(({ at }) => at),
    rows.map(({ dueAt }) => dueAt),
    rows.map(({ diagnostic }) => diagnostic),
    rows.map(({ poison }) => poison),
    parts.map(({ of }) => of),
    parts.map(({ id }) => id),
    parts.map(({ post }) => post),
    parts.map(({ thread }) => thread),
    parts.map(({ repliedToAt }) => repliedToAt),
  ];
}

/** A settlement as the function takes it; `poison` is its diagnostic where the attempt killed its worker. */
interface SettleRow {
  readonly kind: string;
  readonly at: number | null;
  readonly dueAt: number | null;
  readonly diagnostic: string | null;
  readonly poison: string | null;
}

function toRow({ settlement }: Settle, toDatabase: (at: number) => number): SettleRow {
  const row = { kind: settlement.kind, at: null, dueAt: null, diagnostic: null, poison: null };
  switch (settlement.kind) {
    case 'returned':
      return row;
    case 'posted':
      return { ...row, at: settlement.at };
    case 'failed':
      return { ...row, at: settlement.at, diagnostic: bounded(settlement.diagnostic) };
    case 'split': {
      const { at, diagnostic } = settlement;
      return { ...row, at, dueAt: toDatabase(at), diagnostic: bounded(diagnostic) };
    }
    case 'deferred': {
      const { at, dueAt, diagnostic, workerDied } = settlement;
      const poison = workerDied ? bounded(poisoned(at, diagnostic).diagnostic) : null;
      return { ...row, at, dueAt: toDatabase(dueAt), diagnostic: bounded(diagnostic), poison };
    }
  }
}
