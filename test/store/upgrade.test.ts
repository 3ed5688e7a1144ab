// A store of release 0.1.0, opened by today's code: nothing is lost, and what is new is filled in.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { ensureStore } from '../../src/store/sqlite/schema.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, ids, lease, NOW, newItem, settle } from '../support/item.ts';
import { repositoryRoot } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';

const DUMP = join(repositoryRoot, 'test/store/fixtures/store-0.1.0.sql');

type Row = Readonly<Record<string, unknown>>;

/** Makes the old store; its path. */
function oldStore(t: TestContext): string {
  const path = testScratch(t).path('mailgw.db');
  const database = new Sqlite(path);
  database.exec(readFileSync(DUMP, 'utf8'));
  database.close();
  return path;
}

/** The old store, brought up to date and opened as the daemon does. */
async function upgraded(t: TestContext): Promise<Store> {
  const store = await openSqliteStore({ path: oldStore(t), mode: 'daemon' });
  t.after(() => store.close());
  return store;
}

/** Every row of every table. */
function tablesOf(path: string): ReadonlyMap<string, readonly Row[]> {
  const database = new Sqlite(path, { readonly: true });
  try {
    const names = database.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck();
    return new Map(
      names.all().map((name) => [name, database.prepare<[], Row>(`SELECT * FROM "${name}"`).all()]),
    );
  } finally {
    database.close();
  }
}

/** A column of a table by the id of its rows. */
function byId(path: string, table: string, column: string): Readonly<Record<string, unknown>> {
  const rows = tablesOf(path).get(table) ?? [];
  return Object.fromEntries(rows.map((row) => [row.id as string, row[column]]));
}

describe('a store of release 0.1.0', () => {
  it('has every row and every value after the upgrade', (t) => {
    const path = oldStore(t);
    const before = tablesOf(path);
    ensureStore(path);
    const after = tablesOf(path);
    assert.ok((before.get('item')?.length ?? 0) > 10);
    for (const [table, rows] of before) {
      if (table === 'sqlite_sequence') continue;
      const columns = Object.keys(rows[0] ?? {});
      const kept = after
        .get(table)
        ?.map((row) => Object.fromEntries(columns.map((name) => [name, row[name]])));
      // A new version may add rows (the flag that names the store), but takes none away.
      for (const row of rows) {
        assert.ok(
          kept?.some((each) => isSame(each, row)),
          `${table} lost ${JSON.stringify(row)}`,
        );
      }
      if (table !== 'flag') assert.equal(kept?.length, rows.length, table);
    }
  });

  it('passes db check, before its first daemon and after', async (t) => {
    const path = oldStore(t);
    ensureStore(path);
    assert.deepEqual(checkStore(path).problems, []);
    const store = await openSqliteStore({ path, mode: 'daemon' });
    await store.close();
    assert.deepEqual(checkStore(path), { items: 13, problems: [] });
  });

  it("knows whose items and notices are, and that a removed user's are not those of the next of that name", (t) => {
    const path = oldStore(t);
    ensureStore(path);
    const items = byId(path, 'item', 'user_number');
    const { failedbob, readybob, readynewbob, heldcarol, ...others } = items;
    assert.deepEqual([failedbob, readybob, readynewbob, heldcarol], [0, 0, 4, 3]);
    assert.deepEqual([...new Set(Object.values(others))], [1]);
    const notices = byId(path, 'notice', 'user_number');
    assert.deepEqual(notices, { notice1: 1, notice2: 0, notice3: 1, notice4: 4 });
  });

  it('remembers the address that passed, where it is the only one of a user who is there', (t) => {
    const path = oldStore(t);
    ensureStore(path);
    const passes = tablesOf(path).get('sender_pass');
    assert.deepEqual(
      passes?.map((row) => [row.user_number, row.address]),
      [[4, 'other@example.com']],
    );
  });

  it('counts verdicts on, those of before without a cause', async (t) => {
    const store = await upgraded(t);
    await store.addVerdicts([
      { verdict: 'discarded', reason: 'spoofed', cause: 'no-results', count: 2, lastAt: NOW },
    ]);
    const counts = (await store.verdicts()).map(({ verdict, reason, cause, count }) =>
      [verdict, reason, cause ?? '', count].join(' '),
    );
    assert.deepEqual(counts.sort(), [
      'accepted queued  12',
      'discarded spoofed  42',
      'discarded spoofed no-results 2',
    ]);
  });

  it('takes a reply that it had before for a duplicate', async (t) => {
    const store = await upgraded(t);
    const copy = newItem({ fingerprint: '\x07'.repeat(16), userNumber: 1 });
    assert.deepEqual(await accept(store, [copy]), [{ kind: 'duplicate', id: 'ready1' }]);
  });

  it('goes on: it is paused as it was, posts what waited, and never as the next of a name', async (t) => {
    const store = await upgraded(t);
    // Leases of a daemon that is gone are due at its successor's start.
    const later = Math.max(Date.now(), NOW + 7_200_000);
    assert.deepEqual(await lease(store, later), []);
    await store.setPaused(false);
    const leased = await lease(store, later);
    const expected = ['bounce1', 'leased1', 'ready1', 'ready2', 'readynewbob', 'waiting1'];
    assert.deepEqual([...ids(leased)].sort(), expected);
    assert.equal((await store.get('readybob'))?.holdReason, 'no-user');
    for (const item of leased) {
      const raw = await store.content(item.id);
      assert.match(Buffer.from(raw ?? '').toString(), new RegExp(`hello of ${item.id}`));
      await settle(store, item, { kind: 'posted', at: later });
    }
    assert.deepEqual(ids(await lease(store, later)), ['behind']);
    const request = { now: later, leaseMs: 60_000, longestMs: 3_600_000 };
    assert.deepEqual((await store.leaseNotice(request))?.draft.text, 'words');
  });
});

function isSame(one: Row, other: Row): boolean {
  return Object.keys(other).every((name) => {
    const [left, right] = [one[name], other[name]];
    return Buffer.isBuffer(left) && Buffer.isBuffer(right) ? left.equals(right) : left === right;
  });
}
