import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bounded, MAX_TEXT_OCTETS } from '../../src/mail/bounded.ts';

describe('a bounded text', () => {
  it('stays as it is within the bound, and is cut at a whole character beyond it', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 2000 });
    fc.assert(
      fc.property(text, fc.nat(1200), (part, more) => {
        const whole = part + 'x'.repeat(more);
        const kept = bounded(whole);
        assert.ok(Buffer.byteLength(kept) <= MAX_TEXT_OCTETS);
        if (Buffer.byteLength(whole) <= MAX_TEXT_OCTETS) assert.equal(kept, whole);
        else assert.ok(kept.endsWith('…') && whole.startsWith(kept.slice(0, -1)), kept);
      }),
    );
  });
});
