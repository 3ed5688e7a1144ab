// What is known of a user or a thread follows when it gets another name; where the new place has the same, that stays.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { prepareRenameThread, prepareRenameUser } from '../../src/store/sqlite/renaming.ts';
import { type Database, ensureStore, openConnection } from '../../src/store/sqlite/schema.ts';
import { prepareThreadViews } from '../../src/store/sqlite/threads.ts';
import { testScratch } from '../support/scratch.ts';

const NOW = 1_000_000;

function open(t: TestContext): Database {
  const scratch = testScratch(t);
  ensureStore(scratch.path('mailgw.db'));
  const database = openConnection(scratch.path('mailgw.db'), { readonly: false, busyTimeoutMs: 0 });
  scratch.defer(() => {
    database.close();
  });
  return database;
}

/** Rows of everything that names a thread and a user, at these places. */
function fill(database: Database, threads: readonly string[]): void {
  database.exec("INSERT INTO user (name, enabled, created_at) VALUES ('alice', 1, 0)");
  threads.forEach((thread, index) => {
    const at = (index + 1) * 1000;
    database
      .prepare(
        `INSERT INTO notification (id, state, user_number, user, thread, replied_to_at, message_id, created_at, attempts)
         VALUES (?, 'waiting', 1, 'alice', ?, ?, 'x', 0, 0)`,
      )
      .run(`n${index}`, thread, at);
    for (const time of [500, at]) {
      database
        .prepare(
          `INSERT INTO known_original (thread, replied_to_at, digest, subject, author_name, author_address, sketch, bytes, expires_at)
           VALUES (?, ?, x'00', ?, '', '', x'', 0, 0)`,
        )
        .run(thread, time, thread);
      database
        .prepare(
          'INSERT INTO address_context (user_number, thread, replied_to_at, context, expires_at) VALUES (1, ?, ?, ?, 0)',
        )
        .run(thread, time, thread);
    }
  });
}

const rowsOf = (database: Database, table: string, said: string): unknown[] =>
  database.prepare(`SELECT thread, replied_to_at, ${said} FROM ${table} ORDER BY replied_to_at`).raw().all();

describe('a thread with another locator', () => {
  it('takes notifications, originals and contexts along', (t) => {
    const database = open(t);
    fill(database, ['old', 'new', 'other']);
    prepareRenameThread(database, () => null).renameThread('old', 'new', NOW);
    assert.deepEqual(rowsOf(database, 'notification', 'id'), [
      ['new', 1000, 'n0'],
      ['new', 2000, 'n1'],
      ['other', 3000, 'n2'],
    ]);
    for (const [table, said] of [
      ['known_original', 'subject'],
      ['address_context', 'context'],
    ] as const) {
      const rows = rowsOf(database, table, said) as [string, number, string][];
      assert.deepEqual(
        rows.filter(([thread]) => thread === 'new'),
        [
          ['new', 500, 'new'],
          ['new', 1000, 'old'],
          ['new', 2000, 'new'],
        ],
        table,
      );
      assert.equal(rows.filter(([thread]) => thread === 'old').length, 0);
      assert.equal(rows.filter(([thread]) => thread === 'other').length, 2);
    }
  });

  it('is found by a former locator as of the time of the post', (t) => {
    const database = open(t);
    const { renameThread } = prepareRenameThread(database, () => null);
    const { locatorNow, locatorsOf } = prepareThreadViews(database);
    assert.deepEqual(renameThread('a', 'b', 100), { kind: 'renamed', number: 1, wasKnown: false, open: 0 });
    assert.deepEqual([locatorNow('a', 50), locatorNow('a', 150), locatorNow('x', 50)], ['b', 'b', 'x']);
    assert.equal(renameThread('c', 'a', 200).kind, 'renamed');
    assert.deepEqual(
      [locatorNow('a', 50), locatorNow('a', 250)],
      ['b', 'a'],
      'it is a thread of its own again',
    );
    assert.equal(renameThread('a', 'd', 300).kind, 'renamed');
    assert.deepEqual([locatorNow('a', 50), locatorNow('a', 250), locatorNow('a', 350)], ['b', 'd', 'd']);
    assert.deepEqual([locatorsOf(1), locatorsOf(2), locatorsOf(3)], [['b', 'a'], ['d', 'a', 'c'], []]);
    assert.deepEqual(renameThread('b', 'd', 400), { kind: 'taken', by: 2 });
    assert.deepEqual(renameThread('b', 'b', 500), { kind: 'renamed', number: 1, wasKnown: true, open: 0 });
    assert.deepEqual(locatorsOf(1), ['b', 'a'], 'which is no renaming');
  });
});

describe('a user with another name', () => {
  it('takes notifications and notices along; a notice that somebody of the name had today keeps its own', (t) => {
    const database = open(t);
    fill(database, ['old']);
    const notice = database.prepare(
      `INSERT INTO notice (id, state, user, user_number, kind, day, created_at, attempts, draft)
       VALUES (?, 'waiting', ?, ?, ?, 1, 0, 0, '{}')`,
    );
    notice.run('one', 'alice', 1, 'failed');
    notice.run('two', 'alice', 1, 'expired');
    notice.run('three', 'al', 9, 'expired');
    prepareRenameUser(database).renameUser('alice', 'al', NOW);
    assert.deepEqual(database.prepare('SELECT user FROM notification').pluck().all(), ['al']);
    assert.deepEqual(database.prepare('SELECT id, user FROM notice ORDER BY id').raw().all(), [
      ['one', 'al'],
      ['three', 'al'],
      ['two', 'alice'],
    ]);
  });
});
