/**
 * Transactions that are repeated where the database was gone in the middle of them: a failover is over within seconds.
 *
 * Contract: the work knows by ids of its own what it has done already, because it may come a second time after it was
 * committed. It is repeated only where the connection was lost, and for {@link REPEATED_MS} at most.
 * Failure: after that the last loss.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Demands, Statements } from './database.ts';
import { isLoss } from './explain.ts';

/** For how long it is tried to have an answer. */
const REPEATED_MS = 20_000;

/** The pause before a repetition. */
const PAUSE_MS = 100;

/** Work that may be done twice; `isAgain` where it may have been committed before. */
export type RepeatableWork<T> = (statements: Statements, isAgain: boolean) => Promise<T>;

/** Carries out a transaction that may be repeated. */
export async function repeatable<T>(
  database: Database,
  demands: Demands,
  work: RepeatableWork<T>,
): Promise<T> {
  const until = performance.now() + REPEATED_MS;
  for (let isAgain = false; ; isAgain = true) {
    try {
      return await database.transact(demands, (statements) => work(statements, isAgain));
    } catch (error) {
      if (!isLoss(error) || performance.now() > until) throw error;
    }
    await sleep(PAUSE_MS);
  }
}

/** What needs no lock and is promised. */
export const PROMISED: Demands = { lock: 'none', isDurable: true };

/** What needs no lock, and may be lost with the power. */
export const LAZY: Demands = { lock: 'none', isDurable: false };
