/**
 * The functions of the database by which threads have their order, whoever changes them.
 *
 * Contract: called within a transaction that holds the queue's lock, and, where that is shared, the thread's own
 * (`mailgw_lock_threads`), taken in one order so that two batches never wait for each other.
 */
import { OPEN } from './tables.ts';

/** Gives the expression for the current locator of the thread that had a locator at a time. */
export const locatorNow = (locator: string, at: string): string => `coalesce(
    (SELECT thread.locator FROM former_locator JOIN thread USING (thread_number)
     WHERE former_locator.locator = ${locator} AND renamed_at > ${at} ORDER BY renamed_at LIMIT 1),
    (SELECT locator FROM thread WHERE locator = ${locator}),
    (SELECT thread.locator FROM former_locator JOIN thread USING (thread_number)
     WHERE former_locator.locator = ${locator} ORDER BY renamed_at DESC LIMIT 1),
    ${locator})`;

/** Gives the statement that takes the locks of an array of threads until the end of the transaction. */
export const lockThreads = (threads: string): string => `PERFORM pg_advisory_xact_lock(key)
    FROM (SELECT DISTINCT hashtextextended(each, 0) AS key FROM unnest(${threads}) AS each ORDER BY 1) AS keys;`;

/** The SQL that makes them. */
export const HEADS_SQL = `
-- Takes the locks of threads until the end of the transaction.
CREATE FUNCTION mailgw_lock_threads(threads text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  ${lockThreads('threads')}
END $$;

-- Elects the head of a thread, after an item entered or left the open states: the leased one, or else the oldest.
CREATE FUNCTION mailgw_elect(of_thread text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  oldest bigint;
BEGIN
  PERFORM FROM item WHERE thread = of_thread AND head AND state = 'leased';
  IF FOUND THEN RETURN; END IF;
  SELECT item_number INTO oldest FROM item WHERE thread = of_thread AND state IN ${OPEN} ORDER BY item_number LIMIT 1;
  IF oldest IS NULL THEN RETURN; END IF;
  UPDATE item SET head = false WHERE thread = of_thread AND head AND item_number > oldest AND state <> 'leased';
  UPDATE item SET head = true WHERE item_number = oldest AND NOT head;
END $$;

-- Gives the platform's own name of a place (src/mail/reserved.ts).
CREATE FUNCTION mailgw_place(locator text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN starts_with(locator, 'mailgw:compose/') THEN substr(locator, 16)
    WHEN starts_with(locator, 'mailgw:') THEN '' ELSE locator END
$$;

-- Gives the lane of a thread (src/mail/lane.ts); NULL where there are none.
CREATE FUNCTION mailgw_lane_of(locator text) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN EXISTS (SELECT FROM lane) THEN coalesce(
    (SELECT name FROM lane WHERE mailgw_place(locator) <> '' AND starts_with(mailgw_place(locator), threads)
     ORDER BY length(threads) DESC LIMIT 1), 'none') END
$$;

-- Gives the current locator of the thread that had this one at the time of a post.
CREATE FUNCTION mailgw_locator_now(of_locator text, at bigint) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT ${locatorNow('of_locator', 'at')}
$$;
`;
