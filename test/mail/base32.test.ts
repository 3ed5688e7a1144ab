import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeBase32, encodeBase32 } from '../../src/mail/base32.ts';

describe('base32 (RFC 4648 §10)', () => {
  it('encodes the vectors of the RFC in lower case without padding', () => {
    const vectors: [string, string][] = [
      ['', ''],
      ['f', 'my'],
      ['fo', 'mzxq'],
      ['foo', 'mzxw6'],
      ['foob', 'mzxw6yq'],
      ['fooba', 'mzxw6ytb'],
      ['foobar', 'mzxw6ytboi'],
    ];
    for (const [plain, encoded] of vectors) {
      assert.equal(encodeBase32(Buffer.from(plain)), encoded);
      assert.deepEqual(Buffer.from(decodeBase32(encoded) ?? []), Buffer.from(plain));
      assert.deepEqual(Buffer.from(decodeBase32(encoded.toUpperCase()) ?? []), Buffer.from(plain));
    }
  });

  it('gives any bytes back, in either case', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const text = encodeBase32(bytes);
        assert.deepEqual(decodeBase32(text), bytes);
        assert.deepEqual(decodeBase32(text.toUpperCase()), bytes);
      }),
    );
  });

  it('refuses what is not the one spelling of some bytes', () => {
    for (const text of ['m', 'mz', 'mzz', 'my======', 'm1', 'm y', 'mzxw6ytbo', 'mé']) {
      assert.equal(decodeBase32(text), undefined, text);
    }
  });

  it('gives one spelling to one value: any text that decodes encodes to itself', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abcxyz234567018=- A'), maxLength: 16 }), (text) => {
        const bytes = decodeBase32(text);
        if (bytes !== undefined) assert.equal(encodeBase32(bytes), text.toLowerCase());
      }),
    );
  });
});
