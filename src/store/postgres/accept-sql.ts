/**
 * The functions of the database by which items are accepted, and receipts signed.
 *
 * Contract: `mailgw_accept_1` takes a batch of messages and is a transaction by itself: no daemon that is lost in the middle
 * of one leaves locks behind. Its commit is on disk, whatever postgresql.conf says. Repeated with the same batch it gives
 * the same answers: an item is known by its own id. Locks are taken in one order: the queue's, those of the threads, then
 * rows as the items come, and in the end what other threads' items touch as well, sorted.
 */
import { COMMIT_ON_DISK, QUEUE_LOCK } from './database.ts';
import { lockThreads } from './heads-sql.ts';
import { LOCK_MS } from './hot-sql.ts';
import { OPEN } from './tables.ts';

/** Bytes of one part of a message. */
export const PART_BYTES = 256 * 1024;

/** What a batch has of each item, with what its message has in common; of a message without items that alone. */
const ARRIVAL = `
CREATE TYPE mailgw_arrival_1 AS (message integer, raw_at integer, bytes integer, most integer, lease_until bigint,
  wished_lane text, receipt jsonb, id text, fingerprint text, better jsonb, kept_fingerprint text, kept_written text,
  user_name text, user_number bigint, thread text, thread_number bigint, bounce text, replied_to_at bigint, message_id text,
  queue_id text, reverse_path text, received_at bigint, due_at bigint, hold text, diagnostic text, matched text,
  vouched_for text, policy text, result text, score double precision, flagged boolean);
`;

/** One plan for all calls, made while the tables may still be empty, and never compiled. */
const SETTINGS = `SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET jit = off`;

const RECEIPTS = `
-- Has the transaction's commit on disk, and on a synchronous standby, and nobody wait for its locks without end.
CREATE FUNCTION mailgw_promise_1() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM ${COMMIT_ON_DISK}, set_config('lock_timeout', '${LOCK_MS}', true);
END $$;

-- Notes that a message of a mailbox is settled; the high water never falls, and is that of its own UIDs alone.
CREATE FUNCTION mailgw_pass_message_1(of_source text, of_validity bigint, of_uid bigint, water bigint, owes boolean, at bigint)
  RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE mailbox SET high_water = greatest(high_water, water), touched_at = at
  WHERE source = of_source AND uid_validity = of_validity;
  IF owes THEN
    INSERT INTO mailbox_message (source, uid_validity, uid, state, attempts, reason, due_at, since_at)
    VALUES (of_source, of_validity, of_uid, 'courtesy', 0, '', at, at)
    ON CONFLICT (source, uid_validity, uid)
    DO UPDATE SET state = 'courtesy', attempts = 0, reason = '', due_at = excluded.due_at;
  ELSE
    DELETE FROM mailbox_message WHERE source = of_source AND uid_validity = of_validity AND uid = of_uid;
  END IF;
END $$;

-- Notes a call; its fate: the insert is the test whether it came before.
CREATE FUNCTION mailgw_pass_call_1(of_source text, of_call text, of_digest bytea, at bigint)
  RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO source_call (source, call, digest, received_at) VALUES (of_source, of_call, of_digest, at)
  ON CONFLICT DO NOTHING;
  IF FOUND THEN RETURN 'new'; END IF;
  PERFORM FROM source_call WHERE source = of_source AND call = of_call AND digest = of_digest;
  RETURN CASE WHEN FOUND THEN 'repeated' ELSE 'replayed' END;
END $$;
`;

const SIGN = `
-- Signs for the call that brought a message; one that an earlier call of the same batch signed for is new.
CREATE FUNCTION mailgw_sign_1(receipt jsonb, of_message integer, arrivals mailgw_arrival_1[]) RETURNS text
  LANGUAGE plpgsql AS $$
DECLARE
  fate text := mailgw_pass_call_1(receipt->>'source', receipt->>'call', decode(receipt->>'digest', 'hex'),
    (receipt->>'at')::bigint);
BEGIN
  IF fate = 'repeated' AND EXISTS (SELECT FROM unnest(arrivals) AS each JOIN item USING (id) WHERE message = of_message) THEN
    RETURN 'new';
  END IF;
  RETURN fate;
END $$;
`;

const REVIVE = `
-- Gives a dead letter that a copy came of its second life; false if it is none. Of a reply that was split the parts are
-- the dead letters. Their threads may be others than those of the batch: one that is locked has the batch tried again.
CREATE FUNCTION mailgw_revive_1(copied text, is_digest boolean, at bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  dead bigint[] := ARRAY(SELECT item_number FROM item WHERE id = copied AND state = 'failed');
  of_thread text;
  is_revived boolean := false;
BEGIN
  IF dead = '{}' AND is_digest THEN
    dead := ARRAY(SELECT part.item_number FROM item AS whole JOIN item AS part USING (digest, received_at, user_name)
      WHERE whole.id = copied AND whole.digest_post IS NULL AND part.digest_post IS NOT NULL AND part.state = 'failed');
  END IF;
  IF dead = '{}' THEN RETURN false; END IF;
  FOR of_thread IN SELECT DISTINCT thread FROM item WHERE item_number = ANY (dead) LOOP
    IF NOT pg_try_advisory_xact_lock(hashtextextended(of_thread, 0)) THEN
      RAISE EXCEPTION 'thread % is locked', of_thread USING ERRCODE = 'serialization_failure';
    END IF;
  END LOOP;
  FOR of_thread IN WITH revived AS (
      UPDATE item SET state = 'ready', due_at = at, settled_at = NULL, worker_deaths = 0
      WHERE item_number = ANY (dead) AND state = 'failed' RETURNING thread)
    SELECT thread FROM revived LOOP
    PERFORM mailgw_elect(of_thread);
    is_revived := true;
  END LOOP;
  RETURN is_revived;
END $$;
`;

const CLAIM = `
-- Claims the key of a new item: NULL when it is the first, or else the item that it repeats, behind = where both are
-- believed alike and < where the other is believed more.
CREATE FUNCTION mailgw_claim_1(of_id text, key bytea, better jsonb, at bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  first text;
BEGIN
  IF better IS NOT NULL THEN
    SELECT item_id INTO first FROM jsonb_array_elements_text(better) WITH ORDINALITY AS other(key, place)
      JOIN dedupe ON dedupe.fingerprint = decode(other.key, 'hex') ORDER BY place LIMIT 1;
    IF FOUND THEN RETURN '<' || first; END IF;
  END IF;
  INSERT INTO dedupe (fingerprint, item_id, received_at) VALUES (key, of_id, at) ON CONFLICT DO NOTHING;
  IF FOUND THEN RETURN NULL; END IF;
  SELECT item_id INTO first FROM dedupe WHERE fingerprint = key;
  RETURN '=' || coalesce(first, 'unknown');
END $$;
`;

const REPEATED = `
-- Answers for an item that repeats another one, or that an earlier call of the same batch has brought: then a lease is told
-- of as long as it is that one.
CREATE FUNCTION mailgw_repeated_1(one mailgw_arrival_1, of_host text, claim text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  other text := substr(claim, 2);
  was record;
BEGIN
  IF other = one.id THEN
    SELECT state, attempts, lease_owner, lease_until INTO was FROM item WHERE id = one.id;
    RETURN CASE WHEN was.state = 'held' THEN 'h'
      WHEN was.state = 'leased' AND was.attempts = 1 AND was.lease_owner = of_host AND was.lease_until = one.lease_until
        THEN 'l' ELSE 'q' END;
  END IF;
  IF starts_with(claim, '=') AND one.hold IS NULL
    AND mailgw_revive_1(other, starts_with(one.thread, 'mailgw:digest/'), one.due_at) THEN
    RETURN 'q:' || other;
  END IF;
  RETURN 'd:' || other;
END $$;
`;

const EXCEPTIONS = `
-- Says what becomes of a batch in which not all is new: a word for each arrival, NULL where it is. What it revives counts as
-- having come before what is new.
CREATE FUNCTION mailgw_exceptions_1(of_host text, arrivals mailgw_arrival_1[], claimed text[]) RETURNS text[]
  LANGUAGE plpgsql AS $$
DECLARE
  one mailgw_arrival_1;
  message_now integer := -1;
  fate text;
  word text;
  words text[] := '{}';
BEGIN
  FOREACH one IN ARRAY arrivals LOOP
    word := NULL;
    IF one.message <> message_now THEN
      message_now := one.message;
      fate := CASE WHEN one.receipt->>'kind' = 'call' THEN mailgw_sign_1(one.receipt, message_now, arrivals) ELSE 'new' END;
      IF fate <> 'new' THEN word := fate; END IF;
    ELSIF fate <> 'new' THEN
      word := '';
    END IF;
    IF word IS NULL AND one.id <> ALL (claimed) THEN
      word := mailgw_claim_1(one.id, decode(one.fingerprint, 'hex'), one.better, one.received_at);
      IF word IS NOT NULL THEN word := mailgw_repeated_1(one, of_host, word) || ' '; END IF;
    END IF;
    words := words || word;
  END LOOP;
  RETURN words;
END $$;
`;

const LAST = `
-- Writes what items of other threads touch as well, in one order: bounces counted, addresses vouched for, mailboxes.
CREATE FUNCTION mailgw_accept_last_1(arrivals mailgw_arrival_1[], words text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  signed jsonb;
  entered mailgw_arrival_1[] := ARRAY(SELECT arrivals[place] FROM generate_subscripts(arrivals, 1) AS place
    WHERE words[place] IS NULL AND (arrivals[place]).id IS NOT NULL);
BEGIN
  INSERT INTO bounce_count (user_number, hard, soft, last_at)
  SELECT users.user_number, count(*) FILTER (WHERE bounce = 'hard'), count(*) FILTER (WHERE bounce = 'soft'), max(received_at)
  FROM unnest(entered) AS each
    JOIN users ON users.name = each.user_name AND users.user_number = coalesce(each.user_number, users.user_number)
  WHERE bounce IS NOT NULL GROUP BY users.user_number ORDER BY users.user_number
  ON CONFLICT (user_number) DO UPDATE SET hard = bounce_count.hard + excluded.hard, soft = bounce_count.soft + excluded.soft,
    last_at = greatest(bounce_count.last_at, excluded.last_at);
  INSERT INTO sender_pass (user_number, address, passed_at)
  SELECT each.user_number, vouched_for, min(received_at)
  FROM unnest(entered) AS each JOIN users ON users.user_number = each.user_number AND users.name = each.user_name
  WHERE vouched_for IS NOT NULL AND NOT EXISTS (SELECT FROM sender_pass
    WHERE sender_pass.user_number = each.user_number AND address = vouched_for)
  GROUP BY each.user_number, vouched_for ORDER BY each.user_number, vouched_for ON CONFLICT DO NOTHING;
  FOR signed IN SELECT receipt FROM (SELECT DISTINCT ON (message) message, receipt FROM unnest(arrivals)
      WHERE receipt->>'kind' = 'mailbox') AS each ORDER BY receipt->>'source', message LOOP
    PERFORM mailgw_pass_message_1(signed->>'source', (signed->>'uidValidity')::bigint, (signed->>'uid')::bigint,
      (signed->>'highWater')::bigint, (signed->>'owesCourtesy')::boolean, (signed->>'at')::bigint);
  END LOOP;
END $$;
`;

// One statement, since each costs much beside its rows.
const ENTER = `WITH arrived AS (
    SELECT *, now_at[ordinality] AS followed, lanes[ordinality] AS lane,
      CASE WHEN hold IS NULL AND NOT are_there[ordinality] THEN 'no-user' ELSE hold END AS held,
      CASE WHEN bounce IS NOT NULL THEN 'bounce:' || id
        WHEN starts_with(now_at[ordinality], 'mailgw:compose/') THEN 'compose:' || id
        ELSE now_at[ordinality] END AS ordered_by
    FROM unnest(arrivals) WITH ORDINALITY AS arrival WHERE id IS NOT NULL AND words[ordinality] IS NULL),
  headed AS (
    SELECT *, held IS NULL AND (ordered_by <> followed
      OR ordinality = min(ordinality) FILTER (WHERE held IS NULL) OVER (PARTITION BY ordered_by)
        AND (SELECT true FROM item WHERE item.thread = ordered_by AND item.state IN ${OPEN} LIMIT 1) IS NULL) AS is_head
    FROM arrived),
  wished AS (
    SELECT *, is_head AND followed = thread AND lane IS NOT DISTINCT FROM wished_lane
      AND NOT starts_with(followed, 'mailgw:digest/')
      AND NOT EXISTS (SELECT FROM flag WHERE name = 'paused' AND value = 1) AS may_begin
    FROM headed),
  stated AS (
    SELECT *, CASE WHEN held IS NOT NULL THEN 'held'
      WHEN may_begin AND row_number() OVER (PARTITION BY message, may_begin ORDER BY ordinality) <= most THEN 'leased'
      ELSE 'ready' END AS state
    FROM wished ORDER BY ordinality),
  entered AS MATERIALIZED (SELECT nextval('item_item_number_seq') AS item_number, * FROM stated),
  items AS (
    INSERT INTO item (item_number, id, state, head, user_name, user_number, thread, replied_to_at, bounce, bounce_thread,
      message_id, queue_id, reverse_path, received_at, due_at, lease_until, lease_owner, attempts, worker_deaths, hold_reason,
      last_diagnostic, bytes, sender_policy, sender_result, spam_score, spam_flagged, fingerprint, written, digest, lane,
      matched, taken_by)
    SELECT item_number, id, state, is_head, user_name, user_number, ordered_by, replied_to_at, bounce,
      CASE WHEN ordered_by <> followed THEN followed END, message_id, queue_id, reverse_path, received_at,
      CASE WHEN state <> 'held' THEN due_at END, CASE WHEN state = 'leased' THEN lease_until END,
      CASE WHEN state = 'leased' THEN of_host END, (state = 'leased')::integer, 0, held, diagnostic, bytes, policy, result,
      score, flagged, decode(kept_fingerprint, 'hex'), decode(kept_written, 'hex'),
      CASE WHEN bounce IS NULL AND starts_with(followed, 'mailgw:digest/') THEN followed END, lane, matched, of_host
    FROM entered),
  parts AS (
    INSERT INTO content (item_number, part, raw)
    SELECT item_number, part, substring(raws FROM raw_at + part * ${PART_BYTES} + 1
      FOR least(${PART_BYTES}, bytes - part * ${PART_BYTES}))
    FROM entered, generate_series(0, greatest(0, bytes - 1) / ${PART_BYTES}) AS part)
  SELECT string_agg(line, E'\\n' ORDER BY message) INTO answer
  FROM (SELECT message, string_agg(coalesce(words[ordinality],
      CASE state WHEN 'held' THEN 'h ' WHEN 'leased' THEN 'l ' WHEN 'ready' THEN 'q ' ELSE '' END), '' ORDER BY ordinality) AS line
    FROM unnest(arrivals) WITH ORDINALITY AS arrival
      LEFT JOIN (SELECT ordinality, state FROM entered) AS became USING (ordinality)
    GROUP BY message) AS lines`;

const ACCEPT = `
-- Accepts a batch: a line of answers for each message, a word for each item. q: queued, h: held, l: leased at once; d: or q:
-- with the id of another item, which this is a copy of, and which is queued again with q; or the fate of a call.
CREATE FUNCTION mailgw_accept_1(of_host text, batch jsonb, raws bytea) RETURNS text LANGUAGE plpgsql ${SETTINGS} AS $$
DECLARE
  arrivals mailgw_arrival_1[];
  now_at text[];
  lanes text[];
  are_there boolean[];
  touched text[];
  prints text[];
  shadows text[] := '{}';
  has_call boolean;
  has_better boolean;
  has_last boolean;
  claimed text[];
  words text[];
  answer text;
BEGIN
  PERFORM ${COMMIT_ON_DISK}, set_config('lock_timeout', '${LOCK_MS}', true),
    pg_advisory_xact_lock_shared(${QUEUE_LOCK});
  -- Neither users nor threads nor lanes change while the queue's lock is held.
  SELECT array_agg(arrival), array_agg(followed),
    array_agg(CASE WHEN EXISTS (SELECT FROM lane) THEN mailgw_lane_of(followed) END), array_agg(is_there),
    array_agg(followed) FILTER (WHERE is_ordered) || array_agg(judged) FILTER (WHERE is_ordered),
    array_agg(print) FILTER (WHERE print IS NOT NULL), bool_or(is_call), bool_or(is_better), bool_or(is_last)
  INTO arrivals, now_at, lanes, are_there, touched, prints, has_call, has_better, has_last
  FROM (SELECT each AS arrival, each.thread AS judged, CASE
      WHEN thread_number IS NOT NULL THEN
        coalesce((SELECT locator FROM thread WHERE thread.thread_number = each.thread_number), each.thread)
      WHEN EXISTS (SELECT FROM former_locator) THEN mailgw_locator_now(each.thread, replied_to_at)
      ELSE each.thread END AS followed,
      user_number IS NULL
        OR EXISTS (SELECT FROM users WHERE users.user_number = each.user_number AND name = user_name) AS is_there,
      bounce IS NULL AND NOT starts_with(each.thread, 'mailgw:compose/') AS is_ordered,
      CASE WHEN id IS NOT NULL THEN fingerprint END AS print,
      receipt->>'kind' = 'call' AS is_call, better IS NOT NULL AS is_better,
      bounce IS NOT NULL OR vouched_for IS NOT NULL OR receipt->>'kind' = 'mailbox' AS is_last
    FROM jsonb_populate_recordset(NULL::mailgw_arrival_1, batch) AS each) AS followed_ones;
  ${lockThreads('touched')}
  -- Claims at once what no other item of the batch has to do with; the others in their turn.
  IF has_better THEN
    shadows := ARRAY(SELECT jsonb_array_elements_text(better) FROM unnest(arrivals) WHERE better IS NOT NULL);
  END IF;
  WITH first AS (
    INSERT INTO dedupe (fingerprint, item_id, received_at) SELECT decode(fingerprint, 'hex'), id, received_at
    FROM unnest(arrivals) WHERE id IS NOT NULL AND fingerprint <> ALL (shadows)
      AND receipt->>'kind' IS DISTINCT FROM 'call'
      AND (better IS NULL OR NOT better ?| prints AND NOT EXISTS (SELECT FROM jsonb_array_elements_text(better) AS other (key)
        JOIN dedupe ON dedupe.fingerprint = decode(other.key, 'hex')))
    ON CONFLICT DO NOTHING RETURNING item_id)
  SELECT coalesce(array_agg(item_id), '{}') INTO claimed FROM first;
  IF has_call OR cardinality(claimed) < cardinality(prints) THEN
    words := mailgw_exceptions_1(of_host, arrivals, claimed);
    -- What it answers for was written before, and may be on this disk alone: a commit that writes nothing waits for nobody.
    PERFORM pg_logical_emit_message(true, 'mailgw', '');
  END IF;
  ${ENTER};
  IF has_last THEN PERFORM mailgw_accept_last_1(arrivals, words); END IF;
  RETURN answer;
END $$;
`;

/** The SQL that makes them. */
export const ACCEPT_SQL = `${ARRIVAL}${RECEIPTS}${SIGN}${REVIVE}${CLAIM}${REPEATED}${EXCEPTIONS}${LAST}${ACCEPT}`;
