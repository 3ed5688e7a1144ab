import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { contextText, MAX_CONTEXT_BYTES } from '../../src/actions/context.ts';
import { InputFault } from '../../src/actions/fault.ts';

describe('a context', () => {
  it('is any JSON value up to 16 KiB', () => {
    for (const value of [null, 7, 'text', ['a'], { a: { b: [] } }])
      assert.deepEqual(JSON.parse(contextText(value)), value);
    assert.equal(contextText('x'.repeat(MAX_CONTEXT_BYTES - 2)).length, MAX_CONTEXT_BYTES);
  });
  it('is refused by its name where it is larger, counted in bytes, or none', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    for (const value of ['ü'.repeat(MAX_CONTEXT_BYTES / 2), undefined, loop, () => 1, 1n]) {
      assert.throws(
        () => contextText(value),
        (error) =>
          error instanceof InputFault && error.field === 'context' && /^context: /.test(error.message),
      );
    }
  });
});
