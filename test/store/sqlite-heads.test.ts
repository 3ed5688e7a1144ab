// The heads of threads in SQLite after any sequence of operations, and the plans of the statements that keep them.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { OperatorAction } from '../../src/store/desk.ts';
import type { Settlement } from '../../src/store/leases.ts';
import { prepareDirectory } from '../../src/store/sqlite/directory.ts';
import { prepareItems, voidLeases } from '../../src/store/sqlite/items.ts';
import { prepareLanes } from '../../src/store/sqlite/lanes.ts';
import { prepareLease } from '../../src/store/sqlite/leases.ts';
import { prepareProbe } from '../../src/store/sqlite/probe.ts';
import { prepareReceipts } from '../../src/store/sqlite/receipts.ts';
import { prepareRenameThread } from '../../src/store/sqlite/renaming.ts';
import { type Database, ensureStore, openConnection } from '../../src/store/sqlite/schema.ts';
import { prepareViews } from '../../src/store/sqlite/views.ts';
import { deferredUntil, FAILED, NOW, newItem, POSTED, RAW } from '../support/item.ts';
import { testScratch } from '../support/scratch.ts';

/** A connection to an empty store that closes with the test; it need not survive a power cut. */
function openEmpty(t: TestContext): Database {
  const scratch = testScratch(t);
  ensureStore(scratch.path('mailgw.db'));
  const database = openConnection(scratch.path('mailgw.db'), { readonly: false, busyTimeoutMs: 0 });
  scratch.defer(() => {
    database.close();
  });
  database.pragma('synchronous = OFF');
  return database;
}

interface ItemRow {
  readonly id: string;
  readonly number: number;
  readonly thread: string;
  readonly state: string;
  readonly head: number;
  readonly attempts: number;
  readonly dueAt: number | null;
}

const OPEN: readonly string[] = ['ready', 'waiting', 'leased'];

type Step =
  | { readonly do: 'accept'; readonly thread: number; readonly hold: boolean; readonly atOnce: boolean }
  | { readonly do: 'lease'; readonly limit: number }
  | { readonly do: 'settle'; readonly pick: number; readonly settlement: Settlement }
  | { readonly do: 'operate'; readonly pick: number; readonly action: OperatorAction }
  | { readonly do: 'rename'; readonly from: number; readonly to: number }
  | { readonly do: 'reclaim' | 'restart' };

/** Prepares the writes on items. */
const preparedItems = (database: Database): ReturnType<typeof prepareItems> =>
  prepareItems(
    database,
    { keepContent: false },
    prepareLanes(database).laneOf,
    prepareReceipts(database).sign,
  );

/** The store under test, with a look at every row. */
class Heads {
  readonly #operations: ReturnType<typeof prepareItems>;
  readonly #database: Database;
  #now = NOW;

  constructor(database: Database) {
    this.#database = database;
    this.#operations = preparedItems(database);
  }

  rows(): ItemRow[] {
    return this.#database
      .prepare<[], ItemRow>(
        'SELECT id, item_number AS number, thread, state, head, attempts, due_at AS dueAt FROM item ORDER BY item_number',
      )
      .all();
  }

  /** Of every thread with open items exactly one is the head: the leased one, or else the oldest. */
  check(): void {
    const rows = this.rows();
    for (const thread of new Set(rows.map((row) => row.thread))) {
      const items = rows.filter((row) => row.thread === thread);
      const open = items.filter(({ state }) => OPEN.includes(state));
      const expected = open.find(({ state }) => state === 'leased') ?? open[0];
      const heads = items.filter(({ head }) => head === 1);
      assert.deepEqual(heads, expected === undefined ? [] : [expected], thread);
    }
  }

  apply(step: Step): void {
    switch (step.do) {
      case 'accept':
        this.#accept(step);
        break;
      case 'lease':
        this.#lease(step.limit);
        break;
      case 'settle':
        this.#settle(step.pick, step.settlement);
        break;
      case 'operate':
        this.#operate(step.pick, step.action);
        break;
      case 'rename':
        this.#rename(`t/${step.from}`, `t/${step.to}`);
        break;
      case 'reclaim':
        this.#now += 100;
        this.#operations.reclaim(this.#now, []);
        break;
      case 'restart':
        voidLeases(this.#database, this.#now);
        break;
    }
  }

  /** Gives a thread another name, under which there may be items already; these go on in the order of arrival. */
  #rename(from: string, to: string): void {
    const isLeased = (thread: string): boolean =>
      this.rows().some((row) => row.thread === thread && row.state === 'leased');
    // Of two attempts under way in what becomes one thread, one goes on without being its head.
    if (from !== to && isLeased(from) && isLeased(to)) return;
    this.#now += 1;
    const result = prepareRenameThread(this.#database, () => null).renameThread(from, to, this.#now);
    if (result.kind === 'renamed' && from !== to)
      assert.deepEqual(
        this.rows().filter(({ thread }) => thread === from),
        [],
      );
  }

  #accept({ thread, hold, atOnce }: Extract<Step, { do: 'accept' }>): void {
    const item = newItem({ thread: `t/${thread}`, receivedAt: this.#now, hold: hold ? 'spam' : undefined });
    this.#operations.accept([item], RAW, atOnce ? { limit: 1, leaseMs: 100 } : undefined);
  }

  /** Leases; exactly the due heads of threads without a lease, those that are due longest first. */
  #lease(limit: number): void {
    this.#now += 10;
    const due = this.rows()
      .filter(
        ({ head, state, dueAt }) => head === 1 && state !== 'leased' && (dueAt ?? Infinity) <= this.#now,
      )
      .map(({ dueAt }) => dueAt);
    const leased = this.#operations.lease({ now: this.#now, leaseMs: 100, limit });
    due.sort((a, b) => Number(a) - Number(b));
    assert.equal(leased.length, Math.min(limit, due.length));
  }

  #settle(pick: number, settlement: Settlement): void {
    const leased = this.rows().filter(({ state }) => state === 'leased');
    const item = leased[pick % leased.length];
    if (item !== undefined) this.#operations.settle([{ id: item.id, attempts: item.attempts, settlement }]);
  }

  #operate(pick: number, action: OperatorAction): void {
    const rows = this.rows();
    const item = rows[pick % rows.length];
    if (item !== undefined) this.#operations.operate(action, item.id, this.#now);
  }

  empty(): void {
    this.#database.exec('DELETE FROM item; DELETE FROM dedupe');
  }
}

const settlement = fc.constantFrom<Settlement[]>(
  POSTED,
  FAILED,
  deferredUntil(NOW),
  deferredUntil(NOW + 200),
  deferredUntil(NOW, true),
  { kind: 'returned' },
);
const action = fc.constantFrom<OperatorAction[]>('retry', 'hold', 'release', 'drop');
const named = <N extends string>(name: N): { readonly do: fc.Arbitrary<N> } => ({ do: fc.constant(name) });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        ...named('accept'),
        thread: fc.nat(2),
        hold: fc.boolean(),
        atOnce: fc.boolean(),
      }),
    },
    { weight: 3, arbitrary: fc.record({ ...named('lease'), limit: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 4, arbitrary: fc.record({ ...named('settle'), pick: fc.nat(9), settlement }) },
    { weight: 4, arbitrary: fc.record({ ...named('operate'), pick: fc.nat(99), action }) },
    { weight: 1, arbitrary: fc.record({ ...named('rename'), from: fc.nat(2), to: fc.nat(5) }) },
    { weight: 1, arbitrary: fc.record(named('reclaim')) },
    { weight: 1, arbitrary: fc.record(named('restart')) },
  ),
  { minLength: 5, maxLength: 60, size: 'max' },
);

describe('the heads of threads', () => {
  it('are one per thread with open items, after any sequence of operations', (t) => {
    const heads = new Heads(openEmpty(t));
    fc.assert(
      fc.property(steps, (sequence) => {
        heads.empty();
        for (const step of sequence) {
          heads.apply(step);
          heads.check();
        }
      }),
      { numRuns: 400 },
    );
  });
});

/** Every SQL text that is prepared while `action` runs. */
function preparedBy(database: Database, action: () => void): string[] {
  const sources: string[] = [];
  const prepare = database.prepare.bind(database);
  const recording = ((source: string) => {
    sources.push(source);
    return prepare(source);
  }) as Database['prepare'];
  Object.defineProperty(database, 'prepare', { value: recording, configurable: true });
  action();
  Object.defineProperty(database, 'prepare', { value: prepare, configurable: true });
  return sources;
}

/** SQLite's plan of a statement, one line per step. */
function planOf(database: Database, source: string): string[] {
  const named = [...source.matchAll(/@(\w+)/g)].map((match) => [match[1], 1] as const);
  const plain = Array<number>(source.split('?').length - 1).fill(1);
  const values: unknown[] = named.length > 0 ? [Object.fromEntries(named)] : plain;
  const explain = database.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${source}`);
  return explain.all(...values).map(({ detail }) => detail);
}

describe('query plans', () => {
  it('no statement of intake, delivery or the operator walks a table, but lists, figures and a jump of the clock', (t) => {
    const database = openEmpty(t);
    const sources = preparedBy(database, () => {
      preparedItems(database);
      prepareDirectory(database);
      prepareViews(database);
    });
    assert.ok(sources.length > 20);
    // A row of constants and a list that is handed in are no tables.
    const isWalk = (step: string): boolean => /^SCAN (?!CONSTANT ROW|json_each )/.test(step);
    const walking = sources.filter((source) => planOf(database, source).some(isWalk));
    const wanted = [
      // Both walk an index of the open items alone, and so does the third, which ends early.
      "UPDATE item SET due_at = iif(state = 'waiting', due_at + ?, due_at), lease_until = lease_until + ? WHERE state IN ('ready','waiting','leased')",
      "UPDATE item SET due_at = ? WHERE state IN ('ready','waiting','leased') AND (state = 'ready' AND due_at > ? OR state = 'waiting' AND due_at > ?)",
      "SELECT count(*) FROM (SELECT 1 FROM item WHERE state IN ('ready','waiting','leased') LIMIT 100000)",
      // At the start.
      "SELECT name, full_at AS fullAt, saved_at AS savedAt, '' AS host, 0 AS life, 0 AS takenMs FROM bucket",
      // At the start, and for as long as the pepper is in doubt: a row for each that ever was.
      'SELECT fingerprint, accepted_at AS acceptedAt FROM pepper ORDER BY pepper_number',
      // A row for each sink: at the start, and for figures.
      'SELECT name, threads FROM lane ORDER BY name',
      'SELECT 1 FROM lane LIMIT 1',
      'SELECT name, state, since_at AS sinceAt, diagnostic FROM sink ORDER BY name',
      "SELECT lane, count(*) AS open FROM item WHERE state IN ('ready','waiting','leased') AND lane IS NOT NULL GROUP BY lane",
      // By a reload that changes the sinks.
      "UPDATE item SET lane = lane_of(coalesce(bounce_thread, thread)), due_at = iif(state = 'waiting', ?, due_at) WHERE lane IS NOT lane_of(coalesce(bounce_thread, thread))",
      // A row for each mailbox, asked for figures.
      'SELECT source, account, uid_validity AS uidValidity, high_water AS highWater, walking, touched_at AS touchedAt, owner, owned_until AS ownedUntil FROM mailbox LEFT JOIN mailbox_owner USING (source) ORDER BY source',
      // Asked by mailgw-ctl alone.
      'SELECT name, scopes, created_at AS createdAt FROM api_token ORDER BY name',
      'SELECT id, state, user, thread, replied_to_at AS repliedToAt, message_id AS messageId, created_at AS createdAt, attempts, due_at AS dueAt, settled_at AS settledAt, last_diagnostic AS lastDiagnostic FROM notification ORDER BY notification_number DESC LIMIT ?',
      'SELECT u.user_number, name, enabled, u.created_at, (SELECT group_concat(address, char(10) ORDER BY position, address) FROM user_address AS a WHERE a.user_number = u.user_number), salt, s.created_at, ends_at FROM user AS u LEFT JOIN salt AS s USING (user_number) ORDER BY name, ends_at IS NOT NULL, ends_at DESC',
      'SELECT user_number AS number, name, removed_at AS removedAt, (SELECT json_group_array(address ORDER BY position, address) FROM removed_address AS a WHERE a.user_number = u.user_number) AS addresses FROM removed_user AS u ORDER BY removed_at DESC, user_number DESC',
      'SELECT state, count(*) AS count FROM item GROUP BY state',
      'SELECT id, state, user, kind, item_id AS itemId, created_at AS createdAt, attempts, due_at AS dueAt, settled_at AS settledAt, last_diagnostic AS lastDiagnostic FROM notice ORDER BY notice_number DESC LIMIT ?',
      'SELECT id, state, user, kind, item_id AS itemId, created_at AS createdAt, attempts, due_at AS dueAt, settled_at AS settledAt, last_diagnostic AS lastDiagnostic FROM notice WHERE item_id = ? ORDER BY notice_number',
      'SELECT ifnull(sum(hard), 0) AS hard, ifnull(sum(soft), 0) AS soft, max(last_at) AS lastAt FROM bounce_count JOIN user USING (user_number) WHERE name = ifnull(?, name)',
      "SELECT verdict, reason, nullif(cause, '') AS cause, sum(count) AS count, max(last_at) AS lastAt FROM verdict_count WHERE hour >= ? GROUP BY verdict, reason, cause ORDER BY verdict, reason, cause",
    ];
    assert.deepEqual(walking.map((source) => source.replaceAll(/\s+/g, ' ')).sort(), wanted.sort());
  });

  it('the next due time is the first entry of an index', (t) => {
    const database = openEmpty(t);
    const sources = preparedBy(database, () => prepareViews(database));
    const nextDue = sources.find((source) => source.includes('min(due_at)'));
    assert.deepEqual(planOf(database, nextDue ?? ''), ['SEARCH item USING INDEX item_due']);
  });

  it('a probe walks the index of due items, and no table', (t) => {
    const database = openEmpty(t);
    const sources = preparedBy(database, () => prepareProbe(database));
    const [steps = [], inLane = [], ...others] = sources.map((source) => planOf(database, source));
    assert.deepEqual(others, []);
    assert.equal(steps[0], 'SEARCH item USING INDEX item_due (due_at<?)');
    assert.equal(inLane[0], 'SEARCH item USING INDEX item_lane_due (lane=? AND due_at<?)');
    assert.ok([...steps.slice(1), ...inLane.slice(1)].every((step) => !step.includes('item')));
  });

  it('a lease walks what is due in its lane, and without lanes what is due, as if there were never any', (t) => {
    const database = openEmpty(t);
    const sources = preparedBy(database, () =>
      prepareLease(
        database,
        () => false,
        () => undefined,
      ),
    );
    const due = sources.filter((source) => source.includes('ORDER BY due_at LIMIT ?'));
    const plans = due.map((source) => planOf(database, source)[0]);
    assert.deepEqual(plans, [
      'SEARCH item USING INDEX item_due (due_at<?)',
      'SEARCH item USING INDEX item_due (due_at<?)',
      'SEARCH item USING INDEX item_lane_due (lane=? AND due_at<?)',
      'SEARCH item USING INDEX item_lane_due (lane=? AND due_at<?)',
    ]);
    assert.ok(due.slice(0, 2).every((source) => !/\blane\b/.test(source)));
  });
});
