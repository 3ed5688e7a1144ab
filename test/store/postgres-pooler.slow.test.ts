// The store in PostgreSQL through PgBouncer, which gives each transaction another connection: the contract that every store
// keeps.

import { after, before, describe } from 'node:test';
import { type PgBouncer, pgBouncerUnavailable, startPgBouncer } from '../support/pgbouncer.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { describeQueueContract } from './contract.ts';

const POOL_SIZE = 5;

/** Each test has a database of its own, whose pool's connections stay for a second or two. */
const SETTINGS = ['max_connections=400'];

describe('PostgreSQL behind PgBouncer', { skip: pgBouncerUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;
  let pooler: PgBouncer;

  before(async () => {
    server = await startPostgres(scratch, { settings: SETTINGS });
    pooler = await startPgBouncer(scratch, server, POOL_SIZE);
  });

  after(() => scratch.close());

  describeQueueContract('PostgreSQL behind PgBouncer', async (t, options) =>
    server.store(testScratch(t), { ...options, url: pooler.url(await server.database()) }),
  );
});
