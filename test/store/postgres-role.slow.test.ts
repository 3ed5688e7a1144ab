// The store in PostgreSQL with the least rights: the contract that every store keeps.

import { after, before, describe } from 'node:test';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { makeRole as make, openAs as open } from '../support/postgres-role.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { describeQueueContract } from './contract.ts';

describe('a store in PostgreSQL with the least rights', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;
  let count = 0;

  before(async () => {
    server = await startPostgres(scratch);
    await make(server, { least: { from: 0 } });
  });

  after(() => scratch.close());

  describeQueueContract('PostgreSQL with the least rights', async (t, options) => {
    count += 1;
    const database = `least_${count}`;
    await server.sql(`CREATE DATABASE ${database} OWNER mailgw_owner TEMPLATE mailgw STRATEGY file_copy`);
    await server.sql(
      `REVOKE ALL ON DATABASE ${database} FROM PUBLIC; GRANT CONNECT ON DATABASE ${database} TO mailgw`,
    );
    const store = await open(server, database, 'mailgw', options);
    testScratch(t).defer(() => store.close());
    return store;
  });
});
