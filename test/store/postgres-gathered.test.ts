// Questions of one turn that are asked of PostgreSQL together: each has its own answer, as if it were alone.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gathered } from '../../src/store/postgres/gathered.ts';
import { addUser } from '../support/mint.ts';
import { postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { testScratch } from '../support/scratch.ts';

describe('questions of one turn', () => {
  it('are asked together, and one that is alone by itself', async () => {
    const asked: string[] = [];
    const ask = gathered<number, string>({
      one: (key) => {
        asked.push(`one ${key}`);
        return Promise.resolve(`alone ${key}`);
      },
      several: (keys) => {
        asked.push(`several ${keys.join(' ')}`);
        return Promise.resolve(keys.map((key) => `with others ${key}`));
      },
    });
    assert.equal(await ask(1), 'alone 1');
    assert.deepEqual(await Promise.all([ask(2), ask(3), ask(2)]), [
      'with others 2',
      'with others 3',
      'with others 2',
    ]);
    assert.deepEqual(asked, ['one 1', 'several 2 3 2']);
  });

  it('fail together', async () => {
    const ask = gathered<number, string>({
      one: () => Promise.resolve(''),
      several: () => Promise.reject(new Error('lost')),
    });
    const ends = await Promise.allSettled([ask(1), ask(2)]);
    assert.deepEqual(
      ends.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
  });

  it('have the answers that they have alone', { skip: postgresUnavailable() }, async (t) => {
    const scratch = testScratch(t);
    const server = await startPostgres(scratch);
    const store = await server.store(scratch);
    const numbers = [(await addUser(store, 'ann')).number, (await addUser(store, 'ben')).number];
    const users = [...numbers, 999_999, ...numbers];
    const alone = [];
    for (const number of users) alone.push(await store.userByNumber(number));
    assert.deepEqual(await Promise.all(users.map((number) => store.userByNumber(number))), alone);

    const first = await store.threadNumber('p/issue/1');
    const second = await store.threadNumber('p/issue/2');
    await store.renameThread('p/issue/2', 'p/issue/3', 5);
    const threads = [second, 999_999, first];
    const named = [];
    for (const number of threads) named.push(await store.locatorsOf(number));
    assert.deepEqual(named, [['p/issue/3', 'p/issue/2'], [], ['p/issue/1']]);
    assert.deepEqual(await Promise.all(threads.map((number) => store.locatorsOf(number))), named);

    const key = { userNumber: numbers[0] ?? 0, thread: 'p/issue/1', repliedToAt: 3000 };
    await store.setContexts([{ ...key, context: '{"a":1}', expiresAt: 9e12 }]);
    const keys = [{ ...key, repliedToAt: 4000 }, key];
    assert.deepEqual(await Promise.all(keys.map((each) => store.contextOf(each))), [undefined, '{"a":1}']);

    const original = {
      subject: 's',
      authorName: 'n',
      authorAddress: 'a@b.example',
      sketch: new Uint8Array(4),
    };
    const posts = [1000, 2000].map((repliedToAt) => ({
      ...{ ...original, subject: `s${repliedToAt}`, thread: 'p/issue/1', repliedToAt, expiresAt: 9e12 },
      digest: new Uint8Array(32).fill(repliedToAt / 1000),
    }));
    await store.rememberOriginals(posts, 1e9);
    const times = [1500, 500, 2500];
    const known = [];
    for (const at of times) known.push(await store.knownOriginals('p/issue/1', at));
    assert.deepEqual(
      known.map(({ length }) => length),
      [1, 0, 2],
    );
    assert.deepEqual(await Promise.all(times.map((at) => store.knownOriginals('p/issue/1', at))), known);
  });
});
