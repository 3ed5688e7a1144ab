import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hmacSha256 } from '../../src/mail/hmac.ts';

describe('an HMAC', () => {
  const part = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.string({ unit: 'binary', maxLength: 400 }));

  it('is what Node computes, for keys and messages of any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 130 }), fc.array(part, { maxLength: 5 }), (key, parts) => {
        const expected = createHmac('sha256', key);
        for (const each of parts) expected.update(each);
        assert.deepEqual(hmacSha256(key, ...parts), expected.digest());
      }),
      { numRuns: 2000 },
    );
  });

  it('stays as it is when the next one is computed', () => {
    const first = hmacSha256(Buffer.alloc(32, 1), 'one');
    const copy = Buffer.from(first);
    hmacSha256(Buffer.alloc(32, 2), 'two');
    assert.deepEqual(first, copy);
  });

  it('takes keys around the length of a block, and lone halves of surrogate pairs as UTF-8 has them', () => {
    for (const length of [0, 63, 64, 65]) {
      const key = Buffer.alloc(length, 7);
      const text = `\ud800${'€'.repeat(320)}`;
      assert.deepEqual(hmacSha256(key, text), createHmac('sha256', key).update(text).digest());
    }
  });
});
