/**
 * A store's self-examination in PostgreSQL: the rules of docs/how-it-works.md, The queue that no constraint can hold.
 *
 * Contract: reads one snapshot, in a transaction that can write nothing: the daemons go on, and none is seen half-way. Every
 * rule is one query that finds its offenders. The files are the server's own matter, and pg_amcheck examines them.
 * Failure: problems are values; a database that cannot be opened, or has no schema, throws {@link StoreError}.
 */
import { MOST_NAMED, type StoreCheck, type StoreProblem } from '../store-check.ts';
import { StoreError } from '../store-error.ts';
import { placeOf, readAddress } from './address.ts';
import type { Statements } from './database.ts';
import { explain } from './explain.ts';
import { MIGRATIONS } from './migrations.ts';
import { readVersion, requireCompatible } from './schema.ts';
import { inTransaction, withLine } from './single-line.ts';
import { OPEN } from './tables.ts';

/** The rules; each query gives one text per offender. */
const RULES: readonly { readonly rule: StoreProblem['rule']; readonly offenders: string }[] = [
  {
    rule: 'head',
    offenders: `SELECT 'thread ' || thread || ' has ' || count(*) FILTER (WHERE head) || ' heads among ' || count(*) || ' open items'
      FROM item WHERE state IN ${OPEN} GROUP BY thread HAVING count(*) FILTER (WHERE head) <> 1`,
  },
  {
    rule: 'head',
    offenders: `SELECT 'item ' || id || ' is head of its thread, though it is ' || state
      FROM item WHERE head AND state NOT IN ${OPEN}`,
  },
  {
    rule: 'head',
    offenders: `SELECT 'item ' || id || ' is head of its thread before an older one' FROM item AS later
      WHERE head AND state IN ('ready','waiting') AND EXISTS (SELECT FROM item WHERE thread = later.thread
        AND state IN ${OPEN} AND item_number < later.item_number)`,
  },
  {
    rule: 'content',
    offenders: `SELECT 'item ' || id || ' is ' || state || ' and has no message' FROM item
      WHERE (state <> 'posted' OR content_kept)
        AND NOT EXISTS (SELECT FROM content WHERE content.item_number = item.item_number)`,
  },
  {
    rule: 'content',
    offenders: `SELECT 'item ' || id || ' has ' || kept || ' bytes in place of ' || bytes
      FROM item JOIN (SELECT item_number, sum(length(raw)) AS kept FROM content GROUP BY 1) AS whole USING (item_number)
      WHERE kept <> bytes`,
  },
  {
    rule: 'columns',
    offenders: `SELECT 'item ' || id || ' is ' || state || ' with due_at ' || coalesce(due_at::text, 'unset')
        || ', lease_until ' || coalesce(lease_until::text, 'unset') || ', lease_owner ' || coalesce(lease_owner, 'unset')
        || ', settled_at ' || coalesce(settled_at::text, 'unset')
      FROM item WHERE (state IN ('ready','waiting') AND due_at IS NULL) OR (state = 'leased') <> (lease_until IS NOT NULL)
        OR (state = 'leased' AND lease_owner IS NULL) OR (state IN ('posted','failed')) <> (settled_at IS NOT NULL)`,
  },
  {
    rule: 'dedupe',
    offenders: `SELECT 'item ' || item_id || ' has ' || count(*) || ' fingerprints' FROM dedupe
      GROUP BY item_id HAVING count(*) > 1`,
  },
  {
    rule: 'users',
    offenders: `SELECT 'user ' || user_number || ' is there and removed as well'
      FROM removed_user JOIN users USING (user_number)`,
  },
  {
    rule: 'users',
    offenders: `SELECT 'removed user ' || user_number || ' has a number that may be given again' FROM removed_user
      WHERE user_number > coalesce(pg_sequence_last_value(pg_get_serial_sequence('users', 'user_number')::regclass), 0)`,
  },
  {
    rule: 'users',
    offenders: `SELECT 'item ' || id || ' is held for want of user ' || user_number || ', who is there'
      FROM item JOIN users USING (user_number) WHERE hold_reason = 'no-user' AND users.name = user_name`,
  },
  {
    // A fingerprint may outlive its item, never the other way round; rows are pruned in the order of receipt. The parts of
    // a reply to a digest have none: they came with the item that was split.
    rule: 'dedupe',
    offenders: `SELECT 'item ' || id || ' has no fingerprint: a repetition of it would be posted again' FROM item
      WHERE received_at >= (SELECT min(received_at) FROM dedupe) AND digest_post IS NULL
        AND NOT EXISTS (SELECT FROM dedupe WHERE item_id = id)`,
  },
];

/** Checks the store at a URL. */
export async function checkPostgres(url: string, password: string | undefined): Promise<StoreCheck> {
  const read = readAddress(url);
  if (!read.ok) throw new StoreError('unusable', read.problem);
  const { address } = read;
  const place = placeOf(address);
  try {
    return await withLine({ address, password, name: 'mailgw-ctl db check' }, (line) =>
      inTransaction(line, 'REPEATABLE READ READ ONLY', (statements) => check(statements, place)),
    );
  } catch (error) {
    throw explain(place, error);
  }
}

async function check(statements: Statements, place: string): Promise<StoreCheck> {
  const { version } = await readVersion(statements);
  if (version === 0)
    throw new StoreError(
      'unusable',
      `${place}: there is no store yet; mailgwd or "mailgw-ctl user add" makes it`,
    );
  await requireCompatible(statements, MIGRATIONS.length, place);
  const problems: StoreProblem[] = [];
  if (version < MIGRATIONS.length)
    problems.push({
      rule: 'schema',
      detail: `has schema ${version}, this mailgw has ${MIGRATIONS.length}: the start of mailgwd brings it up to date`,
    });
  for (const { rule, offenders } of RULES) {
    const rows = await statements.rows<Record<string, string>>(`${offenders} LIMIT ${MOST_NAMED}`);
    problems.push(...rows.flatMap((row) => Object.values(row)).map((detail) => ({ rule, detail })));
  }
  const items = await statements.first<{ count: number }>('SELECT count(*) FROM item');
  return { items: items?.count ?? 0, problems };
}
