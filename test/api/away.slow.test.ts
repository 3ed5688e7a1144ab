// The HTTP interface while its database is away: every operation says so, and works again when it is back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { testScratch } from '../support/scratch.ts';
import { startApi } from './api.ts';

describe('the HTTP interface', { skip: postgresUnavailable() }, () => {
  it('answers 503 for every operation while the database is away', { timeout: 180_000 }, async (t) => {
    const server = await startPostgres(testScratch(t));
    const store = { url: server.url(await server.database()), host: 'one' };
    const { all, daemon } = await startApi(t, { store });
    assert.equal((await all.ask('GET', '/v1/queue')).status, 200);
    const { paths } = await all.learn();
    await server.stop();
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, { operationId, 'x-scope': scope }] of Object.entries(methods)) {
        const { status, json } = await all.ask(method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x'));
        const expected = scope === undefined ? [200, undefined] : [503, 'urn:mailgw:problem:unavailable'];
        assert.deepEqual([status, json['type']], expected, operationId);
      }
    }
    await server.start();
    await eventually(
      async () => (await all.ask('GET', '/v1/queue')).status === 200 || undefined,
      () => daemon.log(),
    );
  });
});
