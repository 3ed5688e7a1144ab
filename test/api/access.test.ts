// Who may ask the HTTP interface, and what it answers whoever may not.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { ApiClient } from '../support/api.ts';
import { startApi } from './api.ts';

describe('the HTTP interface', () => {
  it('wants a token, and one that is good for what is asked', async (t) => {
    const { port, client } = await startApi(t);
    const nobody = await new ApiClient({ port }).ask('GET', '/v1/users');
    assert.equal(nobody.status, 401);
    assert.match(String(nobody.headers['www-authenticate']), /^Bearer realm="mailgw"/);
    const stranger = await new ApiClient({ port }, 'mgw_guess').ask('GET', '/v1/users');
    assert.equal(stranger.status, 401);
    assert.match(String(stranger.headers['www-authenticate']), /error="invalid_token"/);
    const minter = await client('mint');
    const refused = await minter.ask('GET', '/v1/users');
    assert.equal(refused.status, 403);
    assert.match(String(refused.headers['www-authenticate']), /insufficient_scope", scope="users"/);
    assert.equal((await (await client('users')).ask('GET', '/v1/users')).status, 200);
  });

  it('lets a token with mint alone learn nothing else', async (t) => {
    const { client } = await startApi(t);
    const minter = await client('mint');
    const document = await minter.learn();
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(operations)) {
        if (['mintAddress', 'getOpenApi'].includes(operation.operationId)) continue;
        const { status } = await minter.ask(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x'), {
          body: ['get', 'delete'].includes(method) ? undefined : {},
        });
        assert.equal(status, 403, operation.operationId);
      }
    }
  });

  it('refuses a token from the moment on that it is revoked', async (t) => {
    const { all, daemon } = await startApi(t);
    assert.equal((await all.ask('GET', '/v1/queue')).status, 200);
    await daemon.ctl('token', 'revoke', 'client-1');
    assert.equal((await all.ask('GET', '/v1/queue')).status, 401);
    assert.deepEqual(await daemon.ctl('token', 'list'), []);
  });

  it('stores no token: only what cannot be turned back into one', async (t) => {
    const { daemon, scratch } = await startApi(t);
    const [row] = await daemon.ctl('token', 'create', 'forge', '--scope', 'send,mint');
    assert.equal(row?.scopes, 'mint send');
    const { readFileSync } = await import('node:fs');
    for (const file of ['mailgw.db', 'mailgw.db-wal'])
      assert.equal(readFileSync(scratch.path(file)).includes(String(row.token)), false);
    for (const [args, problem] of [
      [['forge', '--scope', 'mint'], /name "forge": has a token already/],
      [['x y', '--scope', 'mint'], /name "x y": expected/],
      [['other', '--scope', 'mint,root'], /--scope "root": expected one or more of mint, send/],
    ] as const) {
      const { code, stderr } = await daemon.tryCtl('token', 'create', ...args);
      assert.equal(code, 65);
      assert.match(stderr, problem);
    }
  });

  it('names what is wrong with a path, a method, a body and its type', async (t) => {
    const { all } = await startApi(t, { api: { max_body: '1KiB' } });
    const status = async (...asked: Parameters<ApiClient['ask']>) => (await all.ask(...asked)).status;
    assert.equal(await status('GET', '/v1/nothing'), 404);
    const wrong = await all.ask('DELETE', '/v1/queue');
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.allow, 'GET, PATCH');
    const json = { 'content-type': 'application/json' };
    assert.equal(await status('POST', '/v1/addresses', { body: '{"user":', headers: json }), 400);
    assert.equal(await status('POST', '/v1/addresses', { body: '{"__proto__":{}}', headers: json }), 400);
    assert.equal(
      await status('POST', '/v1/addresses', {
        body: 'user=alice',
        headers: { 'content-type': 'text/plain' },
      }),
      415,
    );
    assert.equal(await status('POST', '/v1/check?to=x', { body: {} }), 415);
    assert.equal(
      await status('POST', '/v1/addresses', { body: { user: 'x'.repeat(2000), thread: 't' } }),
      413,
    );
    const { json: found } = await all.ask('PATCH', '/v1/queue', { body: { paused: 'yes', pased: true } });
    assert.equal(found.status, 422);
    assert.deepEqual(found.errors.map(({ pointer }) => pointer).sort(), ['/pased', '/paused']);
    const query = await all.ask('GET', '/v1/users?limit=501&colour=red');
    assert.deepEqual(query.json.errors.map(({ pointer }) => pointer).sort(), ['colour', 'limit']);
  });

  it('answers 429 beyond a token’s rate, and says when to come again', async (t) => {
    const { client } = await startApi(t, { api: { rate: '3/h' } });
    const [one, other] = [await client('read'), await client('read')];
    for (let n = 0; n < 3; n++) assert.equal((await one.ask('GET', '/v1/queue')).status, 200);
    const refused = await one.ask('GET', '/v1/queue');
    assert.equal(refused.status, 429);
    const seconds = Number(refused.headers['retry-after']);
    assert.ok(seconds > 1000 && seconds <= 1200, String(seconds));
    assert.equal((await other.ask('GET', '/v1/queue')).status, 200);
  });

  it('closes connections beyond api.max_connections, and serves those that it has', async (t) => {
    const { port, all } = await startApi(t, { api: { max_connections: 2 } });
    const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    await assert.rejects(all.learn(), /socket hang up|ECONNRESET/);
    for (const socket of sockets) socket.destroy();
  });

  it('on the daemon’s own socket asks root and its user for no token', async (t) => {
    const { scratch, daemon, port } = await startApi(t);
    const socketPath = `${scratch.path('mailgw.db')}.sock`;
    const own = new ApiClient({ socketPath });
    await daemon.ready(); // it is the last that opens
    assert.equal((await own.ask('GET', '/v1/queue')).status, 200);
    assert.equal((await own.ask('PUT', '/v1/users/bob', { body: { addresses: [] } })).status, 201);
    // Whatever the holder of a token is called, its Idempotency-Keys are its own.
    const [row] = await daemon.ctl('token', 'create', 'mailgw-ctl', '--scope', 'users');
    const headers = { 'idempotency-key': 'one' };
    const rotate = (client: ApiClient, body: object) =>
      client.ask('POST', '/v1/users/bob/rotate', { body, headers });
    assert.equal((await rotate(own, {})).status, 200);
    const other = await rotate(new ApiClient({ port }, String(row?.token)), { grace: '1d' });
    assert.deepEqual([other.status, other.headers['idempotency-replayed']], [200, undefined]);
  });

  it('refuses a place that others can reach', async (t) => {
    const { daemon } = await startApi(t);
    const { readFileSync, writeFileSync } = await import('node:fs');
    const text = readFileSync(daemon.config, 'utf8');
    writeFileSync(daemon.config, text.replace(/listen = "127[^"]+"/, 'listen = "0.0.0.0:8025"'));
    const { code, stderr } = await daemon.tryCtl('config', 'check');
    assert.equal(code, 78);
    assert.match(stderr, /api\.listen: "0\.0\.0\.0" is no address of the loopback/);
  });
});
