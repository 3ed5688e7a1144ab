import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ACTIONS, MINTING_ACTIONS } from '../../src/api/own-actions.ts';
import { SERVED } from './serving.ts';

describe('The actions of a daemon', () => {
  it('are all asked for, where the suites of the commands run beside one', () => {
    const all = Object.keys({ ...ACTIONS, ...MINTING_ACTIONS });
    assert.deepEqual(Object.values(SERVED).flat().toSorted(), all.toSorted());
  });
});
