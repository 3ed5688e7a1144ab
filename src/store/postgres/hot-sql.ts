/**
 * The settings under which the functions of the queue run that are called all the time.
 *
 * Contract: their statements go by the indexes made for them, whatever the statistics say: these are of the past where a queue
 * filled or drained within a minute, and a plan that was right for an empty table reads a full one to its end. Plans are made
 * once for a session, and never compiled.
 */

/** The clauses of CREATE FUNCTION. */
export const HOT_SETTINGS = `SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
  SET plan_cache_mode = force_generic_plan SET jit = off`;

/** Begins a function: what it commits needs no fsync of its own, and nobody changes threads and users meanwhile. */
export const beginHot = (lock: string): string =>
  `PERFORM set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock_shared(${lock});`;
