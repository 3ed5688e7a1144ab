// The ids of items.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { partItemId } from '../../src/mail/item-id.ts';

describe('the ids of parts', () => {
  it('follow from the reply, sort by its time, and are all different', () => {
    const id = '06gvgevru1ingobde1m6ac1h';
    const parts = Array.from({ length: 50 }, (_, index) => partItemId(id, index + 1));
    assert.deepEqual(parts[0], partItemId(id, 1));
    assert.equal(new Set([id, ...parts]).size, 51);
    for (const part of parts) assert.match(part, /^06gvgevru1[0-9a-v]{14}$/);
  });
});
