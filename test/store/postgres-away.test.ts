// A PostgreSQL that lets nobody in: the daemon asks whether it is back, and does not storm it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { it } from 'node:test';
import { readAddress } from '../../src/store/postgres/address.ts';
import { openDatabase } from '../../src/store/postgres/database.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { testScratch } from '../support/scratch.ts';

/** How long many ask, again and again. */
const ASKED_MS = 1000;

it('one at a time asks a server that lets nobody in', { skip: postgresUnavailable() }, async (t) => {
  const scratch = testScratch(t);
  const server: Postgres = await startPostgres(scratch);
  const read = readAddress(server.url('postgres', 'tcp'));
  assert.ok(read.ok);
  const database = await openDatabase({ address: read.address, password: undefined, name: 'test', most: 6 });
  scratch.defer(() => database.close());
  await server.stop('SIGINT');
  let attempts = 0;
  const away = createServer((socket) => {
    attempts += 1;
    socket.destroy();
  }).listen(server.port, '127.0.0.1');
  await once(away, 'listening');
  const until = performance.now() + ASKED_MS;
  let failures = 0;
  const ask = async (): Promise<void> => {
    while (performance.now() < until) {
      await Promise.allSettled([
        database.reads.first('SELECT 1'),
        database.transact({ lock: 'none', isDurable: false }, (s) => s.run('SELECT 1')),
      ]).then((settled) => {
        failures += settled.filter(({ status }) => status === 'rejected').length;
      });
      await new Promise(setImmediate);
    }
  };
  await Promise.all(Array.from({ length: 50 }, ask));
  assert.ok(failures > 100, `${failures} failures`);
  // A few at first, until one has failed, then one in each pause.
  assert.ok(attempts <= 8 + (2 * ASKED_MS) / 200, `${attempts} attempts`);
  away.close();
  await once(away, 'close');
  await server.start();
  let answer: unknown;
  while (answer === undefined) answer = await database.reads.first('SELECT 1 AS one').catch(() => undefined);
  assert.deepEqual(answer, { one: 1 });
});

it('who asks for items waits while nobody answers, and keeps no processor busy', {
  skip: postgresUnavailable(),
}, async (t) => {
  const scratch = testScratch(t);
  const server = await startPostgres(scratch);
  const url = server.url(await server.database());
  const store = await openPostgresStore({ url, mode: 'daemon', host: 'one' });
  scratch.defer(() => store.close());
  await server.stop('SIGINT');
  const before = performance.eventLoopUtilization();
  await assert.rejects(
    store.lease({ now: Date.now(), leaseMs: 60_000, limit: 1 }),
    /PGSQL|refused|lost|closed|terminat/i,
  );
  const { utilization } = performance.eventLoopUtilization(before);
  assert.ok(utilization < 0.5, `the event loop was busy for ${Math.round(utilization * 100)} % of the time`);
});
