// What platforms' sinks share about users: who has an address, and who of them is a user of ours.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { addressesOf, onlyUser, ourUsers, userOfAddress } from '../../src/sinks/platform/people.ts';
import type { PlatformUser } from '../../src/sinks/sink.ts';

const MAP = { alice: 'a.smith' };

describe('the user of an address on a platform', () => {
  it('is told by our name, in whatever case the address is written', async () => {
    const listed = [
      { login: 'a.smith', addresses: ['a@example.com', 'A.Smith@example.com'] },
      { login: 'bob', addresses: ['bob@example.com'] },
    ];
    assert.equal(await userOfAddress(MAP, listed, 'a.smith@EXAMPLE.com'), 'alice');
    assert.equal(await userOfAddress(MAP, listed, 'bob@example.com'), 'bob');
    assert.equal(await userOfAddress(MAP, listed, 'carol@example.com'), undefined);
  });

  it('is nobody where several have it, and one who is listed twice is one', () => {
    assert.equal(onlyUser(MAP, ['bob', 'carol']), undefined);
    assert.equal(onlyUser(MAP, ['bob', 'bob']), 'bob');
    assert.equal(onlyUser(MAP, []), undefined);
  });

  it('is nobody where our user of that name is called otherwise there', () => {
    assert.equal(onlyUser(MAP, ['alice']), undefined);
  });
});

describe('the users of a platform', () => {
  it('are listed by our names, without those who are none of ours', async () => {
    async function* listed() {
      for (const login of ['a.smith', 'alice', 'bob'])
        yield await Promise.resolve({ login, addresses: [`${login}@example.com`] });
    }
    const users: PlatformUser[] = [];
    for await (const user of ourUsers(MAP, listed())) users.push(user);
    assert.deepEqual(users, [
      { name: 'alice', addresses: ['a.smith@example.com'] },
      { name: 'bob', addresses: ['bob@example.com'] },
    ]);
  });

  it('have one address or none', () => {
    assert.deepEqual(addressesOf('a@example.com'), ['a@example.com']);
    for (const none of ['', null, undefined, 7]) assert.deepEqual(addressesOf(none), []);
  });
});
