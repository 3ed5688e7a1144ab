// The store port on SQLite: the contract that every store keeps.

import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { testScratch } from '../support/scratch.ts';
import { describeQueueContract } from './contract.ts';

describeQueueContract('SQLite', async (t, options) => {
  const scratch = testScratch(t);
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'daemon', ...options });
  scratch.defer(() => store.close());
  return store;
});
