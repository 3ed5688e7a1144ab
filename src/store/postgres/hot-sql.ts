/**
 * The settings under which the functions of the queue run that are called all the time.
 *
 * Contract: their statements go by the indexes made for them, whatever the statistics say: these are of the past where a queue
 * filled or drained within a minute, and a plan that was right for an empty table reads a full one to its end. Plans are made
 * once for a session, and never compiled.
 */
import { QUEUE_LOCK } from './database.ts';

/** The clauses of CREATE FUNCTION. */
export const HOT_SETTINGS = `SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
  SET plan_cache_mode = force_generic_plan SET jit = off`;

/** A lock that is not given for so long is asked for again by another call: shorter than an answer may take. */
export const LOCK_MS = 8000;

/** Begins a function: what it commits needs no fsync of its own, and nobody changes threads and users meanwhile. */
export const BEGIN_HOT = `PERFORM set_config('synchronous_commit', 'off', true), set_config('lock_timeout', '${LOCK_MS}', true),
    pg_advisory_xact_lock_shared(${QUEUE_LOCK});`;
