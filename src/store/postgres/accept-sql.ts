/**
 * The functions of the database by which items are accepted, and receipts signed.
 *
 * Contract: `mailgw_accept_1` takes a batch of messages and is a transaction by itself: no daemon that is lost in the middle
 * of one leaves locks behind. Its commit is on disk, whatever postgresql.conf says. Repeated with the same batch it gives
 * the same answers: an item is known by its own id. Locks are taken in one order: the queue's, those of the threads, then
 * rows as the items come, and in the end what other threads' items touch as well, sorted.
 */
import { QUEUE_LOCK } from './database.ts';
import { OPEN } from './tables.ts';

/** Bytes of one part of a message. */
export const PART_BYTES = 256 * 1024;

/** A lock that is not given for so long is asked for again by another call: shorter than an answer may take. */
const LOCK_MS = 8000;

/** The columns of a batch's rows: an item each, with what its message has in common, or a message without items. */
const ROWS = `jsonb_to_recordset(batch) AS each(message integer, raw_at integer, bytes integer, most integer, lease_until bigint,
  wished_lane text, receipt jsonb, id text, fingerprint text, better jsonb, kept_fingerprint text, kept_written text,
  user_name text, user_number bigint, thread text, thread_number bigint, bounce text, replied_to_at bigint, message_id text,
  queue_id text, reverse_path text, received_at bigint, due_at bigint, hold text, diagnostic text, matched text,
  vouched_for text, policy text, result text, score double precision, flagged boolean)`;

/** Where an item goes now: its thread may have been renamed since it was judged. */
const FOLLOWED = `CASE
  WHEN thread_number IS NOT NULL THEN
    coalesce((SELECT locator FROM thread WHERE thread.thread_number = each.thread_number), each.thread)
  WHEN is_renamed THEN mailgw_locator_now(each.thread, replied_to_at) ELSE each.thread END`;

/** One plan for all calls, made while the tables may still be empty. */
const SETTINGS = `SET plan_cache_mode = force_generic_plan SET enable_seqscan = off`;

const RECEIPTS = `
-- Has the transaction's commit on disk, and on a synchronous standby, and nobody wait for its locks without end.
CREATE FUNCTION mailgw_promise_1() RETURNS void LANGUAGE sql AS $$
  SELECT set_config('synchronous_commit',
      CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true),
    set_config('lock_timeout', '${LOCK_MS}', true)
$$;

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

const AGAIN = `
-- Answers for an item that an earlier call of the same batch has brought: a lease is told of as long as it is that one.
CREATE FUNCTION mailgw_accepted_1(of_id text, of_host text, until bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  one record;
BEGIN
  SELECT state, attempts, lease_owner, lease_until INTO one FROM item WHERE id = of_id;
  RETURN CASE WHEN one.state = 'held' THEN 'h'
    WHEN one.state = 'leased' AND one.attempts = 1 AND one.lease_owner = of_host AND one.lease_until = until THEN 'l'
    ELSE 'q' END;
END $$;
`;

const LAST = `
-- Writes what items of other threads touch as well, in one order: bounces counted, addresses vouched for, mailboxes.
CREATE FUNCTION mailgw_accept_last_1(batch jsonb, entered text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  one record;
BEGIN
  INSERT INTO bounce_count (user_number, hard, soft, last_at)
  SELECT users.user_number, count(*) FILTER (WHERE bounce = 'hard'), count(*) FILTER (WHERE bounce = 'soft'), max(received_at)
  FROM ${ROWS} JOIN users ON users.name = each.user_name AND users.user_number = coalesce(each.user_number, users.user_number)
  WHERE bounce IS NOT NULL AND id = ANY (entered) GROUP BY users.user_number ORDER BY users.user_number
  ON CONFLICT (user_number) DO UPDATE SET hard = bounce_count.hard + excluded.hard, soft = bounce_count.soft + excluded.soft,
    last_at = greatest(bounce_count.last_at, excluded.last_at);
  INSERT INTO sender_pass (user_number, address, passed_at)
  SELECT each.user_number, vouched_for, min(received_at)
  FROM ${ROWS} JOIN users ON users.user_number = each.user_number AND users.name = each.user_name
  WHERE vouched_for IS NOT NULL AND id = ANY (entered) AND NOT EXISTS (SELECT FROM sender_pass
    WHERE sender_pass.user_number = each.user_number AND address = vouched_for)
  GROUP BY each.user_number, vouched_for ORDER BY each.user_number, vouched_for ON CONFLICT DO NOTHING;
  FOR one IN SELECT DISTINCT ON (receipt->>'source', message) receipt FROM ${ROWS}
    WHERE receipt->>'kind' = 'mailbox' ORDER BY receipt->>'source', message LOOP
    PERFORM mailgw_pass_message_1(one.receipt->>'source', (one.receipt->>'uidValidity')::bigint,
      (one.receipt->>'uid')::bigint, (one.receipt->>'highWater')::bigint, (one.receipt->>'owesCourtesy')::boolean,
      (one.receipt->>'at')::bigint);
  END LOOP;
END $$;
`;

const ACCEPT = `
-- Accepts a batch: a line of answers for each message, a word for each item. q: queued, h: held, l: leased at once; d: or q:
-- with the id of another item, which this is a copy of, and which is queued again with q; or the fate of a call.
CREATE FUNCTION mailgw_accept_1(of_host text, batch jsonb, raws bytea) RETURNS text LANGUAGE plpgsql ${SETTINGS} AS $$
DECLARE
  one record;
  is_paused boolean;
  is_renamed boolean;
  is_laned boolean;
  message_now integer := -1;
  leased integer;
  fate text;
  claimed text;
  held_for text;
  ordered_by text;
  new_state text;
  is_head boolean;
  new_lane text;
  new_number bigint;
  entered text[] := '{}';
  has_last boolean := false;
  answer text := '';
BEGIN
  PERFORM mailgw_promise_1();
  PERFORM pg_advisory_xact_lock_shared(${QUEUE_LOCK});
  is_renamed := EXISTS (SELECT FROM former_locator);
  is_laned := EXISTS (SELECT FROM lane);
  PERFORM mailgw_lock_threads(ARRAY(
    SELECT unnest(ARRAY[each.thread, ${FOLLOWED}]) FROM ${ROWS}
    WHERE bounce IS NULL AND NOT starts_with(each.thread, 'mailgw:compose/')));
  is_paused := EXISTS (SELECT FROM flag WHERE name = 'paused' AND value = 1);
  FOR one IN SELECT each.*, ${FOLLOWED} AS followed FROM ${ROWS} LOOP
    IF one.message <> message_now THEN
      answer := answer || CASE WHEN message_now < 0 THEN '' ELSE E'\\n' END;
      message_now := one.message;
      leased := 0;
      fate := 'new';
      IF one.receipt->>'kind' = 'call' THEN
        fate := mailgw_pass_call_1(one.receipt->>'source', one.receipt->>'call', decode(one.receipt->>'digest', 'hex'),
          (one.receipt->>'at')::bigint);
        IF fate = 'repeated' AND EXISTS (SELECT FROM ${ROWS} JOIN item USING (id) WHERE message = message_now) THEN
          fate := 'new';
        END IF;
        IF fate <> 'new' THEN answer := answer || fate; END IF;
      ELSIF one.receipt IS NOT NULL THEN
        has_last := true;
      END IF;
    END IF;
    CONTINUE WHEN fate <> 'new' OR one.id IS NULL;
    claimed := mailgw_claim_1(one.id, decode(one.fingerprint, 'hex'), one.better, one.received_at);
    IF claimed IS NOT NULL THEN
      answer := answer || CASE
        WHEN substr(claimed, 2) = one.id THEN mailgw_accepted_1(one.id, of_host, one.lease_until)
        WHEN claimed LIKE '=%' AND one.hold IS NULL
          AND mailgw_revive_1(substr(claimed, 2), starts_with(one.thread, 'mailgw:digest/'), one.due_at)
          THEN 'q:' || substr(claimed, 2)
        ELSE 'd:' || substr(claimed, 2) END || ' ';
      CONTINUE;
    END IF;
    held_for := one.hold;
    IF one.user_number IS NOT NULL THEN
      PERFORM FROM users WHERE user_number = one.user_number AND name = one.user_name;
      IF NOT FOUND THEN held_for := coalesce(held_for, 'no-user'); END IF;
    END IF;
    ordered_by := CASE WHEN one.bounce IS NOT NULL THEN 'bounce:' || one.id
      WHEN starts_with(one.followed, 'mailgw:compose/') THEN 'compose:' || one.id ELSE one.followed END;
    new_lane := CASE WHEN is_laned THEN mailgw_lane_of(one.followed) END;
    new_state := 'ready';
    is_head := true;
    IF held_for IS NOT NULL THEN
      new_state := 'held';
      is_head := false;
    ELSIF ordered_by = one.followed AND EXISTS (SELECT FROM item WHERE thread = ordered_by AND state IN ${OPEN}) THEN
      is_head := false;
    ELSIF one.followed = one.thread AND leased < one.most AND NOT is_paused
      AND NOT starts_with(one.followed, 'mailgw:digest/') AND new_lane IS NOT DISTINCT FROM one.wished_lane THEN
      new_state := 'leased';
      leased := leased + 1;
    END IF;
    INSERT INTO item (id, state, head, user_name, user_number, thread, replied_to_at, bounce, bounce_thread, message_id,
      queue_id, reverse_path, received_at, due_at, lease_until, lease_owner, attempts, worker_deaths, hold_reason,
      last_diagnostic, bytes, sender_policy, sender_result, spam_score, spam_flagged, fingerprint, written, digest, lane,
      matched, taken_by)
    VALUES (one.id, new_state, is_head, one.user_name, one.user_number, ordered_by, one.replied_to_at, one.bounce,
      CASE WHEN ordered_by <> one.followed THEN one.followed END, one.message_id, one.queue_id, one.reverse_path,
      one.received_at, CASE WHEN held_for IS NULL THEN one.due_at END,
      CASE WHEN new_state = 'leased' THEN one.lease_until END, CASE WHEN new_state = 'leased' THEN of_host END,
      (new_state = 'leased')::integer, 0, held_for, one.diagnostic, one.bytes, one.policy, one.result, one.score,
      one.flagged, decode(one.kept_fingerprint, 'hex'), decode(one.kept_written, 'hex'),
      CASE WHEN one.bounce IS NULL AND starts_with(one.followed, 'mailgw:digest/') THEN one.followed END, new_lane,
      one.matched, of_host)
    RETURNING item_number INTO new_number;
    IF one.bytes <= ${PART_BYTES} THEN
      INSERT INTO content (item_number, part, raw)
      VALUES (new_number, 0, substring(raws FROM one.raw_at + 1 FOR one.bytes));
    ELSE
      INSERT INTO content (item_number, part, raw)
      SELECT new_number, part, substring(raws FROM one.raw_at + part * ${PART_BYTES} + 1
        FOR least(${PART_BYTES}, one.bytes - part * ${PART_BYTES}))
      FROM generate_series(0, (one.bytes - 1) / ${PART_BYTES}) AS part;
    END IF;
    entered := entered || one.id;
    has_last := has_last OR one.bounce IS NOT NULL OR one.vouched_for IS NOT NULL;
    answer := answer || CASE new_state WHEN 'held' THEN 'h ' WHEN 'leased' THEN 'l ' ELSE 'q ' END;
  END LOOP;
  IF has_last THEN PERFORM mailgw_accept_last_1(batch, entered); END IF;
  RETURN answer;
END $$;
`;

/** The SQL that makes them. */
export const ACCEPT_SQL = `${RECEIPTS}${REVIVE}${CLAIM}${AGAIN}${LAST}${ACCEPT}`;
