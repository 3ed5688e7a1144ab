// The store port on PostgreSQL: the contract that every store keeps.

import { after, before, describe } from 'node:test';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { describeQueueContract } from './contract.ts';

describe('PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });

  after(() => scratch.close());

  describeQueueContract('PostgreSQL', (t, options) => server.store(testScratch(t), options));
});
