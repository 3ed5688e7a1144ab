// The store port on PostgreSQL: the contract that every store keeps.

import { after, before, describe } from 'node:test';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { Scratch, testScratch } from '../support/scratch.ts';
import { describeQueueContract } from './contract.ts';

describe('PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = new Scratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });

  after(() => scratch.close());

  describeQueueContract('PostgreSQL', (t, options) => server.store(testScratch(t), options));
});
