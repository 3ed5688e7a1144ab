/**
 * The functions of the database by which items are leased, and by which one learns when the next is due.
 *
 * Contract: a lease is one statement, a transaction by itself: nobody who is stopped or cut off holds a lock. It never waits
 * for another: what others have locked is left to them (SKIP LOCKED). `head` says what may be leased, and a lease changes no
 * head but where an item is held because its user is gone. Costs do not grow with what waits, but with what waits of users
 * that are left out or avoided. `lease_call` is the number of the call: settle-sql.ts says what for.
 */
import { BEGIN_HOT, HOT_SETTINGS } from './hot-sql.ts';

const HEADS = "head AND state IN ('ready','waiting')";

/** The order tells the planner which index is meant: only that of lanes has the number behind the time. */
const LANED = { where: `lane = in_lane AND ${HEADS}`, order: 'due_at, item_number' };
const ALL = { where: HEADS, order: 'due_at' };

/** Sets \`numbers\` to those of the first items that are due, and locks them. */
const pick = ({ where, order }: typeof ALL, rest: string, most: string): string => `
      numbers := ARRAY(SELECT item_number FROM item WHERE ${where} AND due_at <= at ${rest}
        ORDER BY ${order} LIMIT ${most} FOR UPDATE SKIP LOCKED);`;

const byLane = (statement: (of: typeof ALL) => string): string =>
  `IF in_lane IS NULL THEN ${statement(ALL)}
    ELSE ${statement(LANED)}
    END IF;`;

/** A probe: one that has not failed, of none of these users. The state twice: as the index has it, and as is wanted. */
const pickNew = (avoided: string): string =>
  byLane((of) => pick(of, `AND user_name <> ALL(${avoided}) AND state = 'ready' AND attempts = 0`, '1'));

/** Why an item is held whose user is gone. */
const GONE = 'its user was removed; the name may be another person by now';

/** The SQL that makes them. */
export const LEASE_SQL = `
-- Leases items, and gives those that this very call leased, where it is asked again because its answer was lost.
CREATE FUNCTION mailgw_lease_1(of_host text, of_call bigint, is_again boolean, at bigint, until bigint, most integer,
  max_bytes bigint, left_out text[], in_lane text, avoided text[], is_strict boolean)
RETURNS SETOF item LANGUAGE plpgsql ${HOT_SETTINGS} AS $$
DECLARE
  numbers bigint[] := '{}';
  claimed bigint;
BEGIN
  ${BEGIN_HOT}
  IF is_again THEN
    RETURN QUERY SELECT * FROM item WHERE state = 'leased' AND lease_owner = of_host AND lease_call = of_call;
    IF FOUND THEN RETURN; END IF;
  END IF;
  PERFORM FROM flag WHERE name = 'paused' AND value = 1;
  IF FOUND THEN RETURN; END IF;
  IF avoided IS NOT NULL THEN
    ${pickNew('avoided')}
    IF numbers = '{}' AND is_strict THEN RETURN; END IF;
    IF numbers = '{}' THEN
    ${pickNew("'{}'")}
    END IF;
  END IF;
  IF numbers = '{}' THEN
    ${byLane((of) => pick(of, 'AND bytes <= max_bytes AND user_name <> ALL(left_out)', 'most'))}
  END IF;
  IF numbers = '{}' THEN RETURN; END IF;
  RETURN QUERY UPDATE item SET state = 'leased', attempts = attempts + 1, lease_until = until, lease_owner = of_host,
      lease_call = of_call
    WHERE item_number = ANY(numbers) AND (user_number IS NULL
      OR EXISTS (SELECT FROM users WHERE users.user_number = item.user_number AND name = item.user_name))
    RETURNING item.*;
  GET DIAGNOSTICS claimed = ROW_COUNT;
  IF claimed < cardinality(numbers) THEN PERFORM mailgw_hold_gone_1(numbers); END IF;
END $$;

-- Holds those of these items that were not leased because their users are gone; one whose thread others work on, at the
-- next look.
CREATE FUNCTION mailgw_hold_gone_1(numbers bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  gone record;
BEGIN
  FOR gone IN SELECT item_number, thread FROM item WHERE item_number = ANY(numbers) AND state <> 'leased' LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock(hashtextextended(gone.thread, 0));
    UPDATE item SET state = 'held', head = false, due_at = NULL, hold_reason = 'no-user', last_diagnostic = '${GONE}'
      WHERE item_number = gone.item_number;
    PERFORM mailgw_elect(gone.thread);
  END LOOP;
END $$;

-- Gives the time at which the next item of a lane, or of all, is due; NULL when none waits, or the queue is paused.
CREATE FUNCTION mailgw_next_due_1(in_lane text) RETURNS bigint LANGUAGE plpgsql STABLE ${HOT_SETTINGS} AS $$
DECLARE
  first_due bigint;
BEGIN
  PERFORM FROM flag WHERE name = 'paused' AND value = 1;
  IF FOUND THEN RETURN NULL; END IF;
  ${byLane(({ where, order }) => `SELECT due_at INTO first_due FROM item WHERE ${where} ORDER BY ${order} LIMIT 1;`)}
  RETURN first_due;
END $$;
`;
