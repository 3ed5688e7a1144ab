// The store port on SQLite: the contract that every store keeps.

import assert from 'node:assert/strict';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { testScratch } from '../support/scratch.ts';
import { describeQueueContract } from './contract.ts';

describeQueueContract('SQLite', async (t, options) => {
  const scratch = testScratch(t);
  const path = scratch.path('mailgw.db');
  const store = await openSqliteStore({ path, mode: 'daemon', ...options });
  scratch.defer(() => {
    assert.deepEqual(checkStore(path).problems, []);
  });
  scratch.defer(() => store.close());
  return store;
});
