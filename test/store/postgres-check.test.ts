// The self-examination of a store in PostgreSQL: what a sound one keeps, and what is said of each rule that is broken.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it, type TestContext } from 'node:test';
import { checkPostgres } from '../../src/store/postgres/check.ts';
import { MIGRATIONS } from '../../src/store/postgres/migrations.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import { fillStore } from '../support/full-store.ts';
import { accept, NOW, newItem } from '../support/item.ts';
import { addUser } from '../support/mint.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { suiteScratch } from '../support/scratch.ts';

describe('the check of a store in PostgreSQL', { skip: postgresUnavailable() }, () => {
  const suite = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(suite);
  });
  after(() => suite.close());

  /** A store with two items of one thread; the name of its database. */
  const place = async (): Promise<string> => {
    const name = await server.database();
    const store = await openPostgresStore({ url: server.url(name), mode: 'tool', host: 'one' });
    await addUser(store, 'alice');
    await accept(store, [newItem({ id: 'first' }), newItem({ id: 'second' })], randomBytes(300_000));
    await store.close();
    return name;
  };

  it('finds nothing in a store with every kind of row, while a daemon works on it', async (t: TestContext) => {
    const name = await server.database();
    const url = server.url(name);
    const store = await openPostgresStore({ url, mode: 'daemon', host: 'one' });
    t.after(() => store.close());
    await addUser(store, 'alice');
    await fillStore(store, NOW);
    const { items, problems } = await checkPostgres(url, undefined);
    assert.deepEqual(problems, []);
    assert.equal(items, Number(await server.sql('SELECT count(*) FROM item', name)));
  });

  for (const [rule, broken, expected] of [
    [
      'head',
      "UPDATE item SET head = false WHERE id = 'first'",
      /thread test\/thread\/1 has 0 heads among 2 open items/,
    ],
    [
      'head',
      "UPDATE item SET state = 'held', due_at = NULL WHERE id = 'first'",
      /item first is head of its thread, though it is held/,
    ],
    [
      'head',
      "UPDATE item SET head = false WHERE id = 'first'; UPDATE item SET head = true WHERE id = 'second'",
      /item second is head of its thread before an older one/,
    ],
    ['content', 'DELETE FROM content WHERE item_number = 1', /item first is ready and has no message/],
    [
      'content',
      'DELETE FROM content WHERE item_number = 1 AND part = 1',
      /item first has 262144 bytes in place of 300000/,
    ],
    [
      'columns',
      "UPDATE item SET due_at = NULL WHERE id = 'second'",
      /item second is ready with due_at unset/,
    ],
    [
      'columns',
      "UPDATE item SET state = 'leased', lease_until = 1 WHERE id = 'first'",
      /item first is leased with due_at \d+, lease_until 1, lease_owner unset/,
    ],
    ['dedupe', "INSERT INTO dedupe VALUES ('x', 'first', 1)", /item first has 2 fingerprints/],
    ['dedupe', "DELETE FROM dedupe WHERE item_id = 'second'", /item second has no fingerprint/],
    [
      'users',
      "INSERT INTO removed_user VALUES (1, 'alice', true, 1, 1)",
      /user 1 is there and removed as well/,
    ],
    [
      'users',
      "INSERT INTO removed_user VALUES (9, 'x', true, 1, 1)",
      /removed user 9 has a number that may be given again/,
    ],
    [
      'users',
      "UPDATE item SET hold_reason = 'no-user', user_number = 1 WHERE id = 'first'",
      /item first is held for want of user 1, who is there/,
    ],
  ] as const)
    it(`finds what breaks a rule of ${rule}: ${expected.source}`, async () => {
      const name = await place();
      assert.deepEqual((await checkPostgres(server.url(name), undefined)).problems, []);
      await server.sql(broken, name);
      const { problems } = await checkPostgres(server.url(name), undefined);
      const found = problems.find(({ detail }) => expected.test(detail));
      assert.equal(found?.rule, rule, JSON.stringify(problems));
    });

  it('says where the schema is older, newer, or not there', async () => {
    const name = await place();
    const known = MIGRATIONS.length;
    await server.sql('UPDATE mailgw_schema SET version = version + 1', name);
    assert.deepEqual((await checkPostgres(server.url(name), undefined)).problems, []);
    await server.sql(`UPDATE mailgw_schema SET compatible_from = ${known + 1}`, name);
    await assert.rejects(checkPostgres(server.url(name), undefined), /run the newer mailgw/);
    await assert.rejects(checkPostgres(server.url('postgres'), undefined), /there is no store yet/);
  });
});
