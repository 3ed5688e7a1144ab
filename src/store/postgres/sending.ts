/**
 * What the mail that we send has in common in PostgreSQL, notices and notifications: the claim, its end, and the view.
 *
 * Contract: any number of daemons claim at the same time, and no mail is two of theirs. A claim is a due time in the future
 * with its host's name; it ends by itself, or with the next start of that host. A mail that has ended keeps its row, for its
 * limit or key and the operator, and nothing of its content.
 */
import { bounded } from '../../mail/bounded.ts';
import type { Nullable } from '../item-view.ts';
import type { SendRequest, SendSettlement } from '../sending.ts';
import type { DatabaseClock } from './clock.ts';
import type { Statements } from './database.ts';
import type { Ground } from './ground.ts';
import { LAZY, repeatable } from './repeatable.ts';

/** A table of such mails. */
export interface MailTable {
  readonly name: 'notice' | 'notification';
  /** The column of its numbers. */
  readonly number: string;
  /** What is removed of a mail that has ended. */
  readonly content: readonly string[];
  /** The list of a SELECT that reads what is sent. */
  readonly leased: string;
}

/** Claims mails that are due, those that are due longest first. */
export function leaseMails<Row>(
  { database, clock, host }: Ground,
  { name, number, leased }: MailTable,
): (request: SendRequest & { readonly limit: number }) => Promise<Row[]> {
  // Two ranges of the index, whatever the planner believes: what is due, and what waits longer than anything may.
  const lease = `WITH due AS MATERIALIZED (
      SELECT ${number} AS number, due_at AS was_due FROM ${name} WHERE state = 'waiting' AND due_at <= $1
      ORDER BY due_at, ${number} LIMIT $3 FOR UPDATE SKIP LOCKED),
    late AS MATERIALIZED (
      SELECT ${number} AS number, due_at AS was_due FROM ${name} WHERE state = 'waiting' AND due_at > $2
      ORDER BY due_at, ${number} LIMIT $3 - (SELECT count(*) FROM due) FOR UPDATE SKIP LOCKED),
    claimed AS (
      UPDATE ${name} SET attempts = attempts + 1, due_at = $4, lease_owner = $5
      FROM (SELECT * FROM due UNION ALL SELECT * FROM late) AS chosen WHERE ${number} = chosen.number
      RETURNING was_due, number, ${name}.*)
    SELECT ${leased} FROM claimed ORDER BY was_due, number`;
  return async ({ now, leaseMs, longestMs, limit }) => {
    const at = clock.toDatabase(now);
    return await database.transact(LAZY, (statements) =>
      statements.rows<Row>(lease, [at, at + longestMs, limit, at + leaseMs, host]),
    );
  };
}

/** The proof of a claim. */
const CLAIMED = "id = $1 AND state = 'waiting' AND attempts = $2 AND lease_owner = $3";

/** Writes the outcome of an attempt; one whose claim was lost meanwhile is ignored. */
export function settleMail(
  { database, clock, host }: Ground,
  { name, content }: MailTable,
): (id: string, attempts: number, settlement: SendSettlement) => Promise<void> {
  const nothing = content.map((column) => `${column} = NULL`).join(', ');
  const end = `UPDATE ${name} SET state = $4, settled_at = $5, last_diagnostic = $6, due_at = NULL, lease_owner = NULL,
    ${nothing} WHERE ${CLAIMED}`;
  const wait = `UPDATE ${name} SET due_at = $4, last_diagnostic = $5, lease_owner = NULL WHERE ${CLAIMED}`;
  return async (id, attempts, settlement) => {
    const diagnostic = bounded(settlement.diagnostic);
    const claim = [id, attempts, host];
    await repeatable(database, LAZY, (statements) =>
      settlement.kind === 'deferred'
        ? statements.run(wait, [...claim, clock.toDatabase(settlement.dueAt), diagnostic])
        : statements.run(end, [...claim, settlement.kind, settlement.at, diagnostic]),
    );
  };
}

/** Makes due what a host has claimed; for its daemon's start, when none of its claims has anybody. */
export async function recallMails(
  statements: Statements,
  { clock, host }: Pick<Ground, 'clock' | 'host'>,
  now: number,
): Promise<void> {
  const recall = (table: MailTable['name']): Promise<number> =>
    statements.run(
      `UPDATE ${table} SET due_at = $1, lease_owner = NULL WHERE state = 'waiting' AND lease_owner = $2`,
      [clock.toDatabase(now), host],
    );
  await Promise.all([recall('notice'), recall('notification')]);
}

/** Gives the time at which the next mail becomes due; undefined when none waits. */
export async function nextMailAt(
  { database, clock }: Ground,
  { name }: MailTable,
): Promise<number | undefined> {
  const sql = `SELECT min(due_at) AS at FROM ${name} WHERE state = 'waiting'`;
  const next = await database.reads.first<{ at: number | null }>(sql);
  return next?.at == null ? undefined : clock.toHost(next.at);
}

/** What a view of either has that may be unknown. */
interface Progress {
  readonly dueAt: number | undefined;
  readonly settledAt: number | undefined;
  readonly lastDiagnostic: string | undefined;
}

/** Gives how far a mail is, by this host's clock. */
export function progressOf(row: Nullable<Progress>, clock: DatabaseClock): Progress {
  return {
    dueAt: row.dueAt === null ? undefined : clock.toHost(row.dueAt),
    settledAt: row.settledAt ?? undefined,
    lastDiagnostic: row.lastDiagnostic ?? undefined,
  };
}

/** The columns of both views. */
export const PROGRESS = `created_at AS "createdAt", attempts, due_at AS "dueAt", settled_at AS "settledAt",
  last_diagnostic AS "lastDiagnostic"`;
