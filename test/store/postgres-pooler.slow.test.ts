// The store in PostgreSQL through PgBouncer, which gives each transaction another connection: the contract that every store
// keeps.

import { after, before, describe } from 'node:test';
import { type Pooled, pgBouncerUnavailable, startPooled } from '../support/pgbouncer.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { describeQueueContract } from './contract.ts';

describe('PostgreSQL behind PgBouncer', { skip: pgBouncerUnavailable() }, () => {
  const scratch = suiteScratch();
  let pooled: Pooled;

  before(async () => {
    pooled = await startPooled(scratch);
  });

  after(() => scratch.close());

  describeQueueContract('PostgreSQL behind PgBouncer', async (t, options) =>
    pooled.server.store(testScratch(t), {
      ...options,
      url: pooled.pooler.url(await pooled.server.database()),
    }),
  );
});
