// The contract of the directory: users with addresses and salts, grace periods, threads.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { RESTORABLE_MS, type User } from '../../src/store/directory.ts';
import type { Store } from '../../src/store/store.ts';
import { NOW } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

const SALT = Buffer.alloc(32, 0xa0);

async function add(store: Store, name: string, addresses: readonly string[] = []): Promise<User> {
  const user = await store.addUser({ name, addresses, salt: SALT, now: NOW });
  assert.ok(user, `${name} is new`);
  return user;
}

/** The salts of a user as first byte and end. */
async function saltsOf(store: Store, name: string): Promise<(readonly [number, number | undefined])[]> {
  const user = await store.userByName(name);
  return (user?.salts ?? []).map(({ salt, endsAt }) => [salt[0] ?? -1, endsAt] as const);
}

/** Registers the tests of the order of addresses, and of users whom the platform names. */
function describeNamedUsers(open: OpenStore): void {
  describe('addresses of users', () => {
    it('addresses keep the order in which they are given, in every view and over a removal', async (t) => {
      const store = await open(t);
      const given = ['z@example.com', 'a@example.com', 'm@example.com'];
      const { number } = await add(store, 'alice', given);
      const views = async (): Promise<unknown[]> => [
        (await store.userByName('alice'))?.addresses,
        (await store.userByNumber(number))?.addresses,
        (await store.listUsers())[0]?.addresses,
        (await store.usersBefore(number + 1, 1))[0]?.addresses,
        (await store.usersByAddress('m@example.com', 'compare'))[0]?.addresses,
      ];
      for (const each of await views()) assert.deepEqual(each, given);
      await store.setUser('alice', { addresses: given.toReversed() });
      for (const each of await views()) assert.deepEqual(each, given.toReversed());
      await store.removeUser('alice', NOW);
      assert.deepEqual((await store.removedUsers())[0]?.addresses, given.toReversed());
      await store.restoreUser(number, NOW);
      for (const each of await views()) assert.deepEqual(each, given.toReversed());
    });

    it('users whom the platform names are taken in, and nobody loses anything to them', async (t) => {
      const store = await open(t);
      await add(store, 'alice', ['home@example.com', 'a@example.com']);
      await store.setUser('alice', { enabled: false });
      await add(store, 'owner', ['own+x@example.com']);
      await add(store, 'gone', ['gone@example.com']);
      await store.removeUser('gone', NOW);
      const named = (name: string, merge: 'before' | 'behind' | 'only', ...addresses: string[]) => ({
        ...{ name, addresses, merge, salt: SALT },
      });
      const take = async (...users: ReturnType<typeof named>[]): Promise<unknown[]> => [
        ...(await store.takeUsers(users, 'ignore', NOW)),
      ];
      assert.deepEqual(
        await take(
          named('bob', 'before', 'b@example.com'),
          named('carol', 'before', 'B@EXAMPLE.com'),
          named('thief', 'behind', 'new@example.com', 'own@example.com'),
          named('gone', 'before', 'gone@example.com'),
          named('alice', 'before', 'A@example.com', 'new@example.com'),
          named('owner', 'before', 'own+x@example.com'),
        ),
        [
          { kind: 'created' },
          { kind: 'taken', address: 'B@EXAMPLE.com', by: 'bob' },
          { kind: 'taken', address: 'own@example.com', by: 'owner' },
          { kind: 'removed', removedAt: NOW },
          { kind: 'changed' },
          { kind: 'unchanged' },
        ],
      );
      const alice = await store.userByName('alice');
      assert.equal(alice?.enabled, false);
      assert.deepEqual(alice.addresses, ['A@example.com', 'new@example.com', 'home@example.com']);
      await take(named('alice', 'behind', 'home@example.com', 'last@example.com'));
      assert.equal(
        (await store.userByName('alice'))?.addresses.join(' '),
        [...alice.addresses, 'last@example.com'].join(' '),
      );
      await take(named('alice', 'only', 'last@example.com'));
      assert.deepEqual((await store.userByName('alice'))?.addresses, ['last@example.com']);
      assert.deepEqual(await saltsOf(store, 'bob'), [[0xa0, undefined]]);
      assert.deepEqual(
        (await store.listUsers()).map(({ name }) => name),
        ['alice', 'bob', 'owner'],
      );
    });
  });
}

function describeUsers(open: OpenStore): void {
  describe('users', () => {
    it('a user is found by name and by number, with addresses and salt', async (t) => {
      const store = await open(t);
      const alice = await add(store, 'alice', ['b@example.com', 'a@example.com', 'b@example.com']);
      assert.deepEqual(
        { ...alice, salts: alice.salts.map((salt) => ({ ...salt, salt: Buffer.from(salt.salt) })) },
        {
          number: alice.number,
          name: 'alice',
          enabled: true,
          createdAt: NOW,
          addresses: ['b@example.com', 'a@example.com'],
          salts: [{ salt: SALT, createdAt: NOW, endsAt: undefined }],
        },
      );
      assert.deepEqual(await store.userByNumber(alice.number), alice);
      assert.deepEqual(await store.userByName('alice'), alice);
      assert.equal(await store.userByName('Alice'), undefined);
      assert.equal(await store.userByNumber(alice.number + 1), undefined);
    });

    it('a name is given once; users are listed by name', async (t) => {
      const store = await open(t);
      await add(store, 'bob');
      await add(store, 'alice');
      const again = await store.addUser({ name: 'bob', addresses: ['x@example.com'], salt: SALT, now: NOW });
      assert.equal(again, undefined);
      const users = await store.listUsers();
      assert.deepEqual(
        users.map(({ name, addresses }) => [name, addresses]),
        [
          ['alice', []],
          ['bob', []],
        ],
      );
    });

    it('are found by a registered address, however it is spelt', async (t) => {
      const store = await open(t);
      await add(store, 'alice', ['Alice@Example.com', 'alice@exämple.com']);
      await add(store, 'bob', ['bob+work@example.com', 'shared@example.com']);
      await add(store, 'carol', ['shared@example.com', '100%@example.com']);
      const found = async (address: string, plusTags: 'compare' | 'ignore' = 'compare'): Promise<string[]> =>
        (await store.usersByAddress(address, plusTags)).map(({ name }) => name).sort();
      assert.deepEqual(await found('aLICE@eXAMPLE.COM'), ['alice']);
      assert.deepEqual(await found('alice@xn--exmple-cua.com'), ['alice']);
      assert.deepEqual(await found('alice@EXÄMPLE.com'), ['alice']);
      assert.deepEqual(await found('shared@example.com'), ['bob', 'carol']);
      assert.deepEqual(await found('100%@example.com'), ['carol']);
      assert.deepEqual(await found('bob@example.com'), []);
      assert.deepEqual(await found('bob@example.com', 'ignore'), ['bob']);
      assert.deepEqual(await found('bob+home@example.com', 'ignore'), ['bob']);
      for (const nobody of ['', '@', 'alice', '@example.com', 'alice@example.org', 'alice+x@example.com'])
        assert.deepEqual(await found(nobody), [], nobody);
      await store.removeUser('alice', NOW);
      assert.deepEqual(await found('alice@example.com'), []);
    });

    it('addresses and state change apart from each other', async (t) => {
      const store = await open(t);
      await add(store, 'alice', ['a@example.com']);
      assert.equal(await store.setUser('alice', { enabled: false }), true);
      assert.equal(await store.setUser('alice', { addresses: ['c@example.com'] }), true);
      assert.equal(await store.setUser('alice', {}), true);
      const alice = await store.userByName('alice');
      assert.deepEqual([alice?.enabled, alice?.addresses], [false, ['c@example.com']]);
      assert.equal(await store.setUser('alice', { enabled: true, addresses: [] }), true);
      assert.deepEqual((await store.userByName('alice'))?.addresses, []);
      assert.equal(await store.setUser('nobody', { enabled: true }), false);
    });

    it('users are brought to a state in order, each as often as it is said', async (t) => {
      const store = await open(t);
      const put = (name: string, rest: { addresses?: readonly string[]; enabled?: boolean } = {}) => ({
        ...{ name, salt: SALT },
        ...rest,
      });
      const all = [
        put('alice', { addresses: ['a@example.com', 'b@example.com'] }),
        put('bob', { enabled: false }),
        put('alice', { addresses: ['a@example.com', 'b@example.com'], enabled: true }),
        put('alice', { addresses: ['b@example.com', 'a@example.com'], enabled: false }),
        put('bob'),
      ];
      assert.deepEqual(await store.putUsers(all, NOW), [
        'created',
        'created',
        'unchanged',
        'changed',
        'unchanged',
      ]);
      const users = await store.listUsers();
      assert.deepEqual(
        users.map(({ name, enabled, addresses, salts }) => [name, enabled, addresses, salts.length]),
        [
          ['alice', false, ['b@example.com', 'a@example.com'], 1],
          ['bob', false, [], 1],
        ],
      );
      assert.deepEqual(await store.putUsers([], NOW), []);
    });

    it('a user with another name is the same, and the old name is free', async (t) => {
      const store = await open(t);
      const alice = await add(store, 'alice', ['a@example.com']);
      const bob = await add(store, 'bob');
      assert.deepEqual(await store.renameUser('alice', 'al', NOW), {
        kind: 'renamed',
        user: { ...alice, name: 'al' },
      });
      assert.equal(await store.userByName('alice'), undefined);
      assert.deepEqual(await store.renameUser('alice', 'x', NOW), { kind: 'unknown' });
      assert.deepEqual(await store.renameUser('al', 'bob', NOW), { kind: 'taken', by: bob.number });
      await store.removeUser('bob', NOW);
      assert.deepEqual(await store.renameUser('al', 'bob', NOW + RESTORABLE_MS - 1), {
        ...{ kind: 'removed', by: bob.number, removedAt: NOW },
      });
      assert.equal((await store.renameUser('al', 'bob', NOW + RESTORABLE_MS)).kind, 'renamed');
      await add(store, 'alice');
    });

    it('a removed user is gone with every salt, and the number is never given again', async (t) => {
      const store = await open(t);
      const alice = await add(store, 'alice', ['a@example.com']);
      assert.equal(await store.removeUser('alice', NOW), true);
      assert.equal(await store.removeUser('alice', NOW), false);
      assert.equal(await store.userByNumber(alice.number), undefined);
      const again = await add(store, 'alice');
      assert.notEqual(again.number, alice.number);
      assert.deepEqual(again.addresses, []);
    });
  });
}

/** Registers the tests of the directory. */
export function describeDirectory(open: OpenStore): void {
  describeNamedUsers(open);
  describeUsers(open);
  describe('salts', () => {
    const rotate = (store: Store, byte: number, now: number, graceEndsAt?: number): Promise<boolean> =>
      store.rotateSalt('alice', Buffer.alloc(32, byte), now, graceEndsAt);

    it('a rotation without grace voids every earlier salt at once', async (t) => {
      const store = await open(t);
      await add(store, 'alice');
      assert.equal(await rotate(store, 1, NOW), true);
      assert.deepEqual(await saltsOf(store, 'alice'), [[1, undefined]]);
    });

    it('a rotation with grace keeps the previous salt until its end, the current one first', async (t) => {
      const store = await open(t);
      await add(store, 'alice');
      await rotate(store, 1, NOW, NOW + 100);
      assert.deepEqual(await saltsOf(store, 'alice'), [
        [1, undefined],
        [0xa0, NOW + 100],
      ]);
    });

    it('a second rotation drops grace periods that are over and keeps those that are not', async (t) => {
      const store = await open(t);
      await add(store, 'alice');
      await rotate(store, 1, NOW, NOW + 100);
      await rotate(store, 2, NOW + 50, NOW + 500);
      assert.deepEqual(await saltsOf(store, 'alice'), [
        [2, undefined],
        [1, NOW + 500],
        [0xa0, NOW + 100],
      ]);
      await rotate(store, 3, NOW + 100, NOW + 600);
      assert.deepEqual(await saltsOf(store, 'alice'), [
        [3, undefined],
        [2, NOW + 600],
        [1, NOW + 500],
      ]);
      await rotate(store, 4, NOW + 101);
      assert.deepEqual(await saltsOf(store, 'alice'), [[4, undefined]]);
    });

    it('nobody has no salt, and a salt of the wrong length is refused', async (t) => {
      const store = await open(t);
      assert.equal(await rotate(store, 1, NOW), false);
      await add(store, 'alice');
      await assert.rejects(store.rotateSalt('alice', randomBytes(31), NOW, undefined));
      assert.deepEqual(await saltsOf(store, 'alice'), [[0xa0, undefined]]);
    });
  });

  describe('threads', () => {
    it('a locator has one number for good, however often and at once it is asked for', async (t) => {
      const store = await open(t);
      const locators = ['go-gitea/gitea/issue/2351', 'forum/übersicht/9', 'GO-GITEA/gitea/issue/2351'];
      const asked = await Promise.all([...locators, ...locators].map((name) => store.threadNumber(name)));
      assert.deepEqual(asked.slice(3), asked.slice(0, 3));
      assert.equal(new Set(asked).size, 3);
      for (const [index, locator] of locators.entries()) {
        assert.equal(await store.threadByNumber(asked[index]!), locator);
      }
      assert.equal(await store.threadByNumber(Math.max(...asked) + 1), undefined);
    });

    it('numbers of many are given at once and in order, those that are there already among them', async (t) => {
      const store = await open(t);
      const known = await store.threadNumber('t/5');
      const locators = Array.from({ length: 1000 }, (_, n) => `t/${n % 900}`);
      const numbers = await store.threadNumbers(locators);
      assert.equal(numbers[5], known);
      assert.equal(new Set(numbers).size, 900);
      assert.deepEqual(numbers.slice(900), numbers.slice(0, 100));
      assert.equal(await store.threadByNumber(numbers[899]!), 't/899');
      assert.ok(Math.max(...numbers) - Math.min(...numbers) < 1000, 'those that are there use up none');
      assert.deepEqual(await store.threadNumbers([]), []);
    });
  });

  describe('peppers', () => {
    it('are remembered in their order, and the first is put in force where there is none', async (t) => {
      const store = await open(t);
      assert.deepEqual(await store.peppers(), []);
      const [one, two] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
      await store.acceptPepper(one, NOW, true);
      await store.acceptPepper(two, NOW + 1, true);
      await store.acceptPepper(two, NOW + 2, false);
      await store.acceptPepper(one, NOW + 3, false);
      assert.deepEqual(
        (await store.peppers()).map(({ fingerprint, acceptedAt }) => [fingerprint[0], acceptedAt - NOW]),
        [
          [1, 0],
          [2, 2],
          [1, 3],
        ],
      );
    });
  });

  it('a new store knows of no restore', async (t) => {
    const store = await open(t);
    assert.equal(await store.lastRestore(), undefined);
  });
}
