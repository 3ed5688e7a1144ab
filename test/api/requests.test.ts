// Requests that are odd: each is answered with the problem that it is, and changes nothing.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApiClient, type ApiRequest } from '../support/api.ts';
import { startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { NO_SINK } from '../support/intake.ts';
import { Scratch } from '../support/scratch.ts';
import { EVERY_SCOPE } from './api.ts';

describe('an odd request', () => {
  const scratch = new Scratch();
  let all: ApiClient;
  before(async () => {
    const port = await freePort();
    const settings = { api: { listen: `127.0.0.1:${port}` } };
    const daemon = await startDaemon(scratch, { sink: NO_SINK, settings });
    const [row] = await daemon.ctl('token', 'create', 'client', '--scope', EVERY_SCOPE);
    all = new ApiClient({ port }, String(row?.token));
  });
  after(() => scratch.close());

  const refused = async (method: string, path: string, asked: ApiRequest = {}) => {
    const { status, json } = await all.ask(method, path, asked);
    return [
      status,
      (json.errors as readonly { pointer: string }[] | undefined)?.map(({ pointer }) => pointer),
    ];
  };
  const json = (body: string | Uint8Array, type = 'application/json'): ApiRequest => {
    return { body, headers: { 'content-type': type } };
  };

  it('whose path cannot be decoded is malformed, and one that is too long invalid', async () => {
    for (const path of ['/v1/users/%zz', '/v1/users/%', '/v1/addresses/%C3', '/v1/threads/a%2'])
      assert.deepEqual(await refused('GET', path), [400, undefined], path);
    assert.deepEqual(await refused('GET', `/v1/users/${'x'.repeat(3000)}`), [422, ['name']]);
    assert.deepEqual(await refused('GET', `/v1/threads/${'x'.repeat(3000)}`), [422, ['thread']]);
    const longest = encodeURIComponent('ä'.repeat(1000));
    assert.equal((await all.ask('GET', `/v1/threads/${longest}`)).json['thread'], 'ä'.repeat(1000));
  });

  it('names users by what they are called, whatever characters that takes', async () => {
    for (const name of ['a%b', 'a%2Fb', 'a/b', 'ä?b', 'a#b', 'a+b', 'a;b', '..', 'a&b=c', '%', '__proto__']) {
      const path = `/v1/users/${encodeURIComponent(name)}`;
      // A client takes ".." for a step up, however it is written.
      assert.equal((await all.ask('PUT', path, { body: {} })).json.user, name);
      assert.equal((await all.ask('GET', path)).json.user, name);
    }
  });

  it('with a body that is no JSON in UTF-8 is malformed', async () => {
    const latin1 = Buffer.from('{"user":"alice","thread":"Größe"}', 'latin1');
    for (const body of [latin1, '{"user":', 'null,', '{"constructor":{"prototype":{}}}'])
      assert.deepEqual(await refused('POST', '/v1/addresses', json(body)), [400, undefined], String(body));
    assert.deepEqual(await refused('POST', '/v1/addresses', json('[]')), [422, ['']]);
    assert.deepEqual(await refused('POST', '/v1/addresses', json('')), [422, ['']]);
    assert.deepEqual(await refused('POST', '/v1/addresses', json('{}', 'Application/JSON')), [
      422,
      ['/user'],
    ]);
  });

  it('with a body of another type is told so, however the type is written', async () => {
    for (const type of ['MESSAGE/RFC822', 'message/rfc822; charset=utf-8', 'text/plain', 'x'])
      assert.deepEqual(
        await refused('PATCH', '/v1/queue', json('{"paused":true}', type)),
        [415, undefined],
        type,
      );
    assert.deepEqual(await refused('POST', '/v1/check?to=x', json('{}')), [415, undefined]);
    assert.deepEqual(await refused('POST', '/v1/check?to=x'), [415, undefined]);
  });

  it('with members where no body is asked for is invalid, and an empty object is no member', async () => {
    assert.deepEqual(await refused('POST', '/v1/events/ticket', json('{"minutes":5,"for":"x"}')), [
      422,
      ['/minutes', '/for'],
    ]);
    assert.deepEqual(await refused('DELETE', '/v1/users/nobody', json('{"forever":true}')), [
      422,
      ['/forever'],
    ]);
    assert.deepEqual(await refused('POST', '/v1/events/ticket', json('[1]')), [422, ['']]);
    assert.equal((await all.ask('POST', '/v1/events/ticket', json('{}'))).status, 201);
  });

  it('has every field at fault named, in the body by a pointer and in the path and query by its name', async () => {
    await all.ask('PUT', '/v1/users/alice', { body: {} });
    await all.ask('PUT', '/v1/users/bob', { body: {} });
    const post = (path: string, body: object) => refused('POST', path, { body });
    assert.deepEqual(await refused('GET', '/v1/items?since=yesterday'), [422, ['since']]);
    assert.deepEqual(await refused('GET', '/v1/stats?since=yesterday'), [422, ['since']]);
    assert.deepEqual(await refused('GET', '/v1/items?state=lost'), [422, ['state']]);
    assert.deepEqual(await refused('GET', '/v1/items?limit=1&limit=2'), [422, ['limit']]);
    assert.deepEqual(await refused('GET', '/v1/items?limit=1e2'), [422, ['limit']]);
    assert.deepEqual(await post('/v1/users/alice/rotate', { grace: 'soon' }), [422, ['/grace']]);
    assert.deepEqual(await post('/v1/users/alice/rename', { to: 'a\u0007b' }), [422, ['/to']]);
    assert.deepEqual(await post('/v1/users/alice/rename', { to: 'bob' }), [409, ['/to']]);
    assert.deepEqual(await post('/v1/threads/a/rename', { to: 'a\u0007b' }), [422, ['/to']]);
    assert.deepEqual(await post('/v1/threads/a%07b/rename', { to: 'b' }), [422, ['thread']]);
    assert.deepEqual(await refused('PUT', '/v1/users/a%07b', { body: {} }), [422, ['name']]);
  });

  it('under an Idempotency-Key that is none, or was another request’s, is invalid', async () => {
    const under = (key: string, body: object) =>
      refused('POST', '/v1/users/alice/rotate', { body, headers: { 'idempotency-key': key } });
    assert.deepEqual(await under('', {}), [422, ['Idempotency-Key']]);
    assert.deepEqual(await under('x'.repeat(256), {}), [422, ['Idempotency-Key']]);
    assert.deepEqual(await under('one', {}), [200, undefined]);
    assert.deepEqual(await under('one', {}), [200, undefined]);
    assert.deepEqual(await under('one', { grace: '1d' }), [422, ['Idempotency-Key']]);
  });
});
