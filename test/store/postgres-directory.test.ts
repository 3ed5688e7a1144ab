// The directory of a store that two hosts share: what one writes holds for the other at once, and neither undoes the other's.

import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { WantedUser } from '../../src/store/directory.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, ids, lease, NOW, newItem, POSTED, settle } from '../support/item.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { roundsOf } from '../support/rounds.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';

const SALT = Buffer.alloc(32, 1);

/** Opens an empty store on two hosts, and names its database. */
type OpenTwo = (t: TestContext, database?: Promise<string>) => Promise<readonly [Store, Store, string]>;

const add = (store: Store, name: string, addresses: readonly string[] = []) =>
  store.addUser({ name, addresses, salt: SALT, now: NOW });

describe('the directory that two hosts share', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });

  after(() => scratch.close());

  /** Opens an empty store on two hosts; `database` makes it where another locale is to be tried. */
  async function openTwo(
    t: TestContext,
    database = server.database(),
  ): Promise<readonly [Store, Store, string]> {
    const name = await database;
    const opened = testScratch(t);
    const open = async (host: string): Promise<Store> => {
      const store = await openPostgresStore({ url: server.url(name), mode: 'daemon', host });
      opened.defer(() => store.close());
      return store;
    };
    return [await open('one'), await open('two'), name];
  }

  it('a name that both give at once is one user', async (t) => {
    const [one, two] = await openTwo(t);
    for (let round = 0; round < roundsOf(100); round++) {
      const added = await Promise.all(
        [one, two, one, two].map((store) => add(store, `u${round}`, ['a@x.example'])),
      );
      assert.equal(added.filter((user) => user !== undefined).length, 1);
      const user = await two.userByName(`u${round}`);
      assert.deepEqual([user?.addresses, user?.salts.length], [['a@x.example'], 1]);
    }
    const numbers = (await one.listUsers()).map(({ number }) => number);
    assert.equal(Math.max(...numbers) - Math.min(...numbers), numbers.length - 1, 'no number is used up');
  });

  it('lists of the same users, in any order, end as if one had come after the other', async (t) => {
    const [one, two] = await openTwo(t);
    const list = (host: string): WantedUser[] =>
      Array.from({ length: 50 }, (_, n) => ({
        ...{ name: `u${n}`, salt: SALT },
        ...{ addresses: [`${host}${n}@x.example`], enabled: host === 'one' },
      }));
    for (let round = 0; round < roundsOf(30); round++) {
      const changes = await Promise.all([
        one.putUsers(list('one'), NOW),
        two.putUsers(list('two').reverse(), NOW),
      ]);
      assert.ok(changes.flat().every((change) => change !== 'created' || round === 0));
      const states = (await one.listUsers()).map(
        ({ name, addresses, enabled, salts }) =>
          `${addresses.join(' ').replace(/\d+/, '')} ${enabled} ${salts.length} ${addresses[0]?.includes(name.slice(1))}`,
      );
      assert.equal(states.length, 50);
      assert.equal(new Set(states).size, 1);
    }
  });

  it('an address that both name for different users is one user’s', async (t) => {
    const [one, two] = await openTwo(t);
    for (let round = 0; round < roundsOf(50); round++) {
      const take = (store: Store, name: string, address: string) =>
        store.takeUsers([{ name, addresses: [address], merge: 'before', salt: SALT }], 'ignore', NOW);
      const came = await Promise.all([
        take(one, `a${round}`, `Me${round}+x@x.example`),
        take(two, `b${round}`, `me${round}@X.example`),
      ]);
      assert.deepEqual(
        came
          .flat()
          .map(({ kind }) => kind)
          .sort(),
        ['created', 'taken'],
      );
    }
  });

  it('locators that both ask for at once have one number each, and none is used up', async (t) => {
    const [one, two, database] = await openTwo(t);
    for (let round = 0; round < roundsOf(50); round++) {
      const locators = Array.from({ length: 200 }, (_, n) => `t/${round}/${(n * 7919) % 200}`);
      const [first, second, third] = await Promise.all([
        one.threadNumbers(locators),
        two.threadNumbers(locators.toReversed()),
        two.threadNumbers(locators.slice(0, 100)),
      ]);
      assert.deepEqual(second.toReversed(), first);
      assert.deepEqual(third, first.slice(0, 100));
      const again = await two.threadNumbers(locators);
      assert.deepEqual(again, first);
    }
    await one.threadNumbers(Array.from({ length: 200 }, (_, n) => `t/0/${n}`));
    const given = Number(await server.sql('SELECT last_value FROM thread_thread_number_seq', database));
    const next = await one.threadNumber('next');
    assert.ok(next - given <= 1, 'what is there takes no number');
  });

  it('who is disabled, removed or has another salt on one host is so on the other with the next read', async (t) => {
    const [one, two] = await openTwo(t);
    const user = await add(one, 'alice', ['a@x.example']);
    const { number } = user!;
    assert.deepEqual(await two.userByNumber(number), user);
    await two.setUser('alice', { enabled: false });
    assert.equal((await one.userByNumber(number))?.enabled, false);
    await one.rotateSalt('alice', Buffer.alloc(32, 2), NOW, undefined);
    assert.deepEqual(
      (await two.userByNumber(number))?.salts.map(({ salt }) => salt[0]),
      [2],
    );
    await two.removeUser('alice', NOW);
    assert.equal(await one.userByNumber(number), undefined);
    assert.deepEqual(await one.usersByAddress('a@x.example', 'ignore'), []);
    assert.equal((await one.restoreUser(number, NOW)).kind, 'restored');
    assert.equal((await two.userByNumber(number))?.name, 'alice');
    await one.threadNumber('t/1');
    await two.renameThread('t/1', 't/2', NOW);
    assert.equal(await one.locatorNow('t/1', NOW - 1), 't/2');
  });

  it('salts that both give at once leave one in force', async (t) => {
    const [one, two] = await openTwo(t);
    await add(one, 'alice');
    for (let round = 0; round < roundsOf(50); round++) {
      const salts = [Buffer.alloc(32, 2 * round + 10), Buffer.alloc(32, 2 * round + 11)] as const;
      await Promise.all([
        one.rotateSalt('alice', salts[0], NOW, NOW + 1000),
        two.rotateSalt('alice', salts[1], NOW, NOW + 1000),
      ]);
      const user = await one.userByName('alice');
      assert.equal(user?.salts.filter(({ endsAt }) => endsAt === undefined).length, 1);
    }
  });

  it('of two hosts that start with a new store one has the first pepper', async (t) => {
    const [one, two] = await openTwo(t);
    const both = [one, two, one, two];
    await Promise.all(both.map((store, n) => store.acceptPepper(Buffer.alloc(16, n), NOW, true)));
    assert.equal((await two.peppers()).length, 1);
  });

  it('a restore that the database was told of is known at once', async (t) => {
    const [one, , database] = await openTwo(t);
    assert.equal(await one.lastRestore(), undefined);
    await server.sql('INSERT INTO restore VALUES (10, 5, 1, 2, 3, 4), (20, 6, 7, 8, 9, 10)', database);
    assert.deepEqual(await one.lastRestore(), {
      restoredAt: 20,
      backedUpAt: 6,
      users: { known: 7, upTo: 8 },
      threads: { known: 9, upTo: 10 },
    });
  });

  describeOthersWork(() => server, openTwo);
});

/** What happens on one host while the other changes the directory, and what the database has a say in. */
function describeOthersWork(server: () => Postgres, openTwo: OpenTwo): void {
  it('what one host accepts into a thread that the other renames keeps its order, and has one head', async (t) => {
    const [one, two, database] = await openTwo(t);
    const { number: userNumber } = (await add(one, 'alice'))!;
    for (let round = 0; round < roundsOf(30); round++) {
      const [old, next] = [`old/${round}`, `new/${round}`];
      const threadNumber = await one.threadNumber(old);
      const arrived: string[] = [];
      const arrive = async (): Promise<void> => {
        for (let n = 0; n < 8; n++) {
          const item = newItem({ userNumber, thread: old, threadNumber });
          await accept(two, [item]);
          arrived.push(item.id);
        }
      };
      await Promise.all([arrive(), one.renameThread(old, next, NOW)]);
      assert.equal(
        await server().sql(
          'SELECT count(*) FROM item WHERE head GROUP BY thread HAVING count(*) > 1',
          database,
        ),
        '',
      );
      const posted: string[] = [];
      for (let heads = await lease(two); heads.length > 0; heads = await lease(two)) {
        assert.deepEqual(
          heads.map(({ thread }) => thread),
          [next],
        );
        posted.push(...ids(heads));
        await settle(two, heads[0]!, POSTED);
      }
      assert.deepEqual(posted, arrived);
    }
  });

  it('a user is renamed while the other host tells them and somebody of the new name', async (t) => {
    const [one, two] = await openTwo(t);
    await add(one, 'u0');
    const { number } = (await one.userByName('u0'))!;
    for (let round = 0; round < roundsOf(30); round++) {
      const [renamed] = await Promise.all([
        one.renameUser(`u${round}`, `u${round + 1}`, NOW),
        two.putUsers([{ name: `u${round + 1}`, enabled: false, salt: SALT }], NOW),
      ]);
      const users = await two.listUsers();
      if (renamed.kind === 'renamed') assert.deepEqual([users.length, users[0]?.enabled], [1, false]);
      else {
        assert.equal(renamed.kind, 'taken');
        await two.eraseUser(users.find((user) => user.number !== number)!.number);
        await one.renameUser(`u${round}`, `u${round + 1}`, NOW);
      }
      await one.setUser(`u${round + 1}`, { enabled: true });
    }
  });

  it('addresses are compared alike whatever the locale of the database', async (t) => {
    const made = async (): Promise<string> => {
      await server().sql(
        "CREATE DATABASE elsewhere TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C'",
      );
      return 'elsewhere';
    };
    const [one] = await openTwo(t, made());
    await add(one, 'alice', ['INFO@X.EXAMPLE', 'Äli+Tag@x.example']);
    const found = async (address: string): Promise<string[]> =>
      (await one.usersByAddress(address, 'ignore')).map(({ name }) => name);
    assert.deepEqual(await found('info@x.example'), ['alice']);
    assert.deepEqual(await found('Äli@x.example'), ['alice']);
    assert.deepEqual(await found('äli@x.example'), [], 'letters beyond ASCII are others in another case');
    await Promise.all(['b', 'ä', 'Z', 'a'].map((name) => add(one, name)));
    assert.deepEqual(
      (await one.listUsers()).map(({ name }) => name),
      ['Z', 'a', 'alice', 'b', 'ä'],
    );
  });
}
