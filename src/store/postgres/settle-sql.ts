/**
 * The functions of the database by which leases end: by their outcomes, or because their time is over.
 *
 * Contract: a call is one statement, a transaction by itself, or a part of one. It takes the locks of all its threads before
 * it reads anything, and leaves each thread its head. A settlement counts for the lease that it is of: of the same host, of the
 * same attempt, and leased by a call before the settlement was asked for. The last is what tells two leases apart
 * between which the attempt was taken back: a settlement that was repeated because its answer was lost, or came late, or
 * a run of the daemon later, is of the earlier one and ignored.
 */
import { BEGIN_HOT, HOT_SETTINGS } from './hot-sql.ts';
import { OPEN } from './tables.ts';

/** What a part of a reply to a digest has of the item that it comes of. */
const SHARED = `user_name, user_number, message_id, queue_id, reverse_path, received_at, bytes, sender_policy, sender_result,
  spam_score, spam_flagged, matched, digest, taken_by`;

/** Where an item with a lease has nothing to do with it any more. */
const FREE = 'lease_until = NULL, lease_owner = NULL';

/** The SQL that makes them. */
export const SETTLE_SQL = `
-- Writes outcomes, those of posts first; gives the places of those that counted, and whether something may be due now. The
-- parts of a reply that is split name its place.
CREATE FUNCTION mailgw_settle_1(of_host text, keeps_content boolean, most_deaths integer, ids text[], calls bigint[],
  tries integer[], kinds text[], ats bigint[], dues bigint[], texts text[], poisons text[],
  part_of integer[], part_ids text[], part_posts integer[], part_threads text[], part_times bigint[],
  OUT places integer[], OUT is_due boolean) LANGUAGE plpgsql ${HOT_SETTINGS} AS $$
DECLARE
  each record;
  leased record;
  posted bigint[];
  freed text[];
BEGIN
  ${BEGIN_HOT}
  PERFORM mailgw_lock_threads(ARRAY(SELECT thread FROM item WHERE id = ANY(ids)) || part_threads);
  -- By far the most, and so in as few statements as it takes. Each was the head of its thread, or one of two under way in
  -- threads that became one: then the other is the head.
  WITH done AS (
    UPDATE item SET state = 'posted', head = false, settled_at = settle.at, due_at = NULL,
      last_diagnostic = coalesce(settle.text, last_diagnostic), content_kept = keeps_content, settled_by = of_host, ${FREE}
    FROM unnest(ids, calls, tries, kinds, ats, texts) WITH ORDINALITY AS settle (id, call, attempt, kind, at, text, place)
    WHERE item.id = settle.id AND kind = 'posted' AND state = 'leased' AND attempts = attempt AND lease_owner = of_host
      AND coalesce(lease_call, 0) < call
    RETURNING item_number, thread, place)
  SELECT array_agg(item_number), array_agg(thread), array_agg(place) INTO posted, freed, places FROM done;
  IF posted IS NOT NULL THEN
    IF NOT keeps_content THEN DELETE FROM content WHERE item_number = ANY (posted); END IF;
    UPDATE item SET head = true WHERE NOT head AND item_number = ANY (ARRAY(
      SELECT (SELECT item_number FROM item WHERE thread = left_one AND state IN ${OPEN} ORDER BY item_number LIMIT 1)
      FROM unnest(freed) AS left_one
      WHERE (SELECT true FROM item WHERE thread = left_one AND head LIMIT 1) IS NULL));
  END IF;
  -- Where none counted they may have before: the answer was lost, and with it what this is about.
  is_due := posted IS NULL OR FOUND;
  FOR each IN SELECT * FROM unnest(ids, calls, tries, kinds, ats, dues, texts, poisons) WITH ORDINALITY
      AS settle (id, call, attempt, kind, at, due, text, poison, place) WHERE kind <> 'posted' LOOP
    SELECT item_number, thread, worker_deaths INTO leased FROM item WHERE id = each.id AND state = 'leased'
      AND attempts = each.attempt AND lease_owner = of_host AND coalesce(lease_call, 0) < each.call;
    CONTINUE WHEN NOT FOUND;
    IF each.kind = 'deferred' AND each.poison IS NOT NULL AND leased.worker_deaths + 1 >= most_deaths THEN
      each.kind := 'failed';
      each.text := each.poison;
    END IF;
    IF each.kind IN ('deferred','failed') THEN
      INSERT INTO attempt (item_number, attempt, at, outcome, diagnostic)
        VALUES (leased.item_number, each.attempt, each.at, each.kind, each.text)
        ON CONFLICT (item_number, attempt) DO UPDATE
        SET at = excluded.at, outcome = excluded.outcome, diagnostic = excluded.diagnostic;
    END IF;
    IF each.kind = 'deferred' THEN
      UPDATE item SET state = 'waiting', due_at = each.due, last_diagnostic = each.text,
          worker_deaths = worker_deaths + (each.poison IS NOT NULL)::integer, ${FREE}
        WHERE item_number = leased.item_number;
    ELSIF each.kind = 'returned' THEN
      -- Whoever gives it back may have found it in the wrong lane: another daemon wrote it before the lanes changed.
      UPDATE item SET state = 'ready', attempts = attempts - 1, lane = mailgw_lane_of(coalesce(bounce_thread, thread)), ${FREE}
        WHERE item_number = leased.item_number;
    ELSE
      IF each.kind = 'split' THEN
        -- Before the parent's message goes, of which each part has its own.
        PERFORM mailgw_split_1(leased.item_number, each.due, parts.ids, parts.posts, parts.threads, parts.times) FROM (
          SELECT array_agg(id ORDER BY n) AS ids, array_agg(post ORDER BY n) AS posts, array_agg(thread ORDER BY n) AS threads,
            array_agg(replied_to ORDER BY n) AS times
          FROM unnest(part_of, part_ids, part_posts, part_threads, part_times) WITH ORDINALITY
            AS part (of_place, id, post, thread, replied_to, n) WHERE of_place = each.place) AS parts;
        each.kind := 'posted';
      END IF;
      UPDATE item SET state = each.kind, head = false, settled_at = each.at, due_at = NULL,
          last_diagnostic = coalesce(each.text, last_diagnostic), content_kept = keeps_content AND each.kind = 'posted',
          settled_by = of_host, ${FREE}
        WHERE item_number = leased.item_number;
      IF each.kind = 'posted' AND NOT keeps_content THEN
        DELETE FROM content WHERE item_number = leased.item_number;
      END IF;
    END IF;
    -- After a deferral as well: an older item may have been released or retried during the lease.
    PERFORM mailgw_elect(leased.thread);
    places := places || each.place::integer;
    is_due := true;
  END LOOP;
END $$;

-- Makes the parts of a reply to a digest items of their own; one that is there already stays what became of it.
CREATE FUNCTION mailgw_split_1(parent bigint, due bigint, ids text[], posts integer[], threads text[], times bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  each record;
  made bigint;
BEGIN
  FOR each IN SELECT * FROM unnest(ids, posts, threads, times) AS part (id, post, thread, replied_to) LOOP
    INSERT INTO item (id, state, head, thread, lane, replied_to_at, digest_post, due_at, attempts, worker_deaths, ${SHARED})
      SELECT each.id, 'ready', false, each.thread, mailgw_lane_of(each.thread), each.replied_to, each.post, due, 0, 0, ${SHARED}
      FROM item WHERE item_number = parent ON CONFLICT (id) DO NOTHING RETURNING item_number INTO made;
    CONTINUE WHEN NOT FOUND;
    INSERT INTO content (item_number, part, raw) SELECT made, part, raw FROM content WHERE item_number = parent;
    PERFORM mailgw_elect(each.thread);
  END LOOP;
END $$;

-- Makes items ready whose leases have ended, but those that the caller works on; gives how many.
CREATE FUNCTION mailgw_reclaim_1(at bigint, busy text[]) RETURNS integer LANGUAGE plpgsql ${HOT_SETTINGS} AS $$
DECLARE
  threads text[];
BEGIN
  ${BEGIN_HOT}
  threads := ARRAY(SELECT thread FROM item WHERE state = 'leased' AND lease_until <= at AND id <> ALL(busy));
  IF threads = '{}' THEN RETURN 0; END IF;
  PERFORM mailgw_lock_threads(threads);
  -- Whoever settled one meanwhile had its thread's lock.
  WITH freed AS (UPDATE item SET state = 'ready', due_at = at, ${FREE}
    WHERE state = 'leased' AND lease_until <= at AND id <> ALL(busy) AND thread = ANY(threads) RETURNING thread)
  SELECT coalesce(array_agg(thread), '{}') INTO threads FROM freed;
  PERFORM mailgw_elect(thread) FROM unnest(threads) AS thread;
  RETURN cardinality(threads);
END $$;

-- Makes due what was ready, or would wait for longer than the longest time; gives how many.
CREATE FUNCTION mailgw_make_due_1(at bigint, longest bigint) RETURNS bigint LANGUAGE plpgsql ${HOT_SETTINGS} AS $$
DECLARE
  moved bigint;
BEGIN
  ${BEGIN_HOT}
  UPDATE item SET due_at = at
    WHERE state IN ${OPEN} AND (state = 'ready' AND due_at > at OR state = 'waiting' AND due_at > longest);
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved;
END $$;
`;
