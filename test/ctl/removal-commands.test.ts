// `mailgw-ctl user remove --forever` and `user restore` on a store; removal.test.ts has them beside a daemon of their own.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, tamper } from './tool.ts';

describe('mailgw-ctl user remove --forever', () => {
  it('asks which of several of the name is meant, and takes no other', async (t) => {
    const tool = await initialise(testScratch(t));
    const add = ['user', 'add', 'alice', '--address', 'alice@example.com'];
    await tool.text(...add);
    await tool.text('user', 'remove', 'alice', '--yes');
    assert.equal((await tool.run(...add)).code, 0);
    const forever = ['user', 'remove', 'alice', '--forever', '--yes'];
    await tool.fails(
      65,
      /2 users; expected --number with one of 2 \(not removed\), 1 \(removed at/,
      ...forever,
    );
    await tool.fails(65, /--number "one": is not the number of a user/, ...forever, '--number', 'one');
    await tool.fails(65, /user "alice"/, ...forever, '--number', '3');
    assert.equal((await tool.row(...forever, '--number', '1')).number, 1);
    assert.equal((await tool.row('user', 'show', 'alice')).number, 2);
    await tool.fails(
      64,
      'user remove: expected --number together with --forever',
      ...['user', 'remove', 'alice', '--number', '2', '--yes'],
    );
  });
});

describe('mailgw-ctl user restore', () => {
  it('leaves out an address that somebody else has by then, and says whose it is', async (t) => {
    const tool = await initialise(testScratch(t));
    const [old, shared] = ['alice@example.com', 'team@example.com'];
    await tool.text('user', 'add', 'alice', '--address', old, '--address', shared);
    await tool.text('user', 'remove', 'alice', '--yes');
    await tool.text('user', 'add', 'bob', '--address', shared.toUpperCase());
    const { code, stdout, stderr } = await tool.run('user', 'restore', 'alice');
    assert.equal(code, 0);
    assert.equal(stdout, 'user alice restored, with their reply addresses; none of their replies was held\n');
    assert.match(
      stderr,
      /^mailgw-ctl: note: team@example\.com is an address of user bob now, and was left out; if it is alice's as well: mailgw-ctl user set alice --address alice@example\.com --address team@example\.com\n$/,
    );
    assert.deepEqual((await tool.row('user', 'show', 'alice')).addresses, [old]);
  });

  it('shows who was removed and until when they can come back', async (t) => {
    const tool = await initialise(testScratch(t));
    assert.equal(await tool.text('user', 'list', '--removed'), 'No user was removed within 30 days.\n');
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    assert.match(
      await tool.text('user', 'remove', 'alice', '--yes'),
      /^user alice removed; their reply addresses are void\. "mailgw-ctl user restore alice" takes it back until \d{4}-/,
    );
    const [head, line] = (await tool.text('user', 'list', '--removed')).split('\n');
    assert.match(head ?? '', /^USER +NUMBER +ADDRESSES +REMOVED AT +RESTORABLE UNTIL$/);
    assert.match(line ?? '', /^alice +1 +alice@example\.com +\d{4}-\S+Z +\d{4}-\S+Z$/);
    for (const command of ['show', 'disable', 'remove'])
      await tool.fails(
        65,
        /user "alice": was removed at .*; "mailgw-ctl user restore alice" brings them back/,
        ...['user', command, 'alice'],
      );
    await tool.fails(65, /no such user was removed within 30 days/, 'user', 'restore', 'bob');
  });
});

describe('the tables of removed users', () => {
  it('have a place for whatever belongs to a user', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    const database = new Sqlite(tool.scratch.path('mailgw.db'), { readonly: true });
    const belonging = (owner: string): string[] =>
      database
        .prepare<[string], string>(
          `SELECT m.name FROM sqlite_schema AS m JOIN pragma_foreign_key_list(m.name) AS f
           WHERE m.type = 'table' AND f."table" = ? ORDER BY 1`,
        )
        .pluck()
        .all(owner);
    // What passed is forgotten with a user, and remembered anew with the next reply.
    const kept = belonging('user').filter((name) => name !== 'sender_pass');
    const expected = kept.map((name) => `removed_${name.replace('user_', '')}`);
    assert.ok(expected.includes('removed_salt'));
    assert.deepEqual(belonging('removed_user'), expected.sort());
    database.close();
  });
});

describe('mailgw-ctl db check', () => {
  it('names a mark that contradicts the rest', async (t) => {
    const tool = await initialise(testScratch(t));
    const path = tool.scratch.path('mailgw.db');
    await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
    await tool.text('user', 'remove', 'alice', '--yes');
    assert.deepEqual(checkStore(path).problems, []);
    const cases = [
      ["INSERT INTO user VALUES (1, 'alice', 1, 0)", /^user 1 is there and removed as well$/],
      ["UPDATE sqlite_sequence SET seq = 0 WHERE name = 'user'", /removed user 1 has a number that may be/],
    ] as const;
    for (const [sql, detail] of cases) {
      tamper(path, sql);
      const { problems } = checkStore(path);
      assert.deepEqual(
        problems.map(({ rule }) => rule),
        ['users'],
      );
      assert.match(problems[0]?.detail ?? '', detail);
      tamper(path, 'DELETE FROM user');
    }
    tamper(path, 'DELETE FROM removed_user');
    assert.match(
      checkStore(path).problems[0]?.detail ?? '',
      /row of removed_.* belongs to a row of removed_user/,
    );
  });
});
