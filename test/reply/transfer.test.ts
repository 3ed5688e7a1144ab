import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { decodeTransfer } from '../../src/reply/mime/transfer.ts';

/** Above the size from which base64 is decoded without a text of it. */
const CONTENT = randomBytes(2 * 1024 * 1024 + 1);

function decodes(encoded: string): void {
  assert.ok(decodeTransfer(Buffer.from(encoded, 'latin1'), 'base64').equals(CONTENT));
}

describe('a large file in base64 (RFC 2045 §6.8)', () => {
  const lines = CONTENT.toString('base64').replaceAll(/.{76}/g, '$&\r\n');

  it('is what was encoded, in lines of any length and in either alphabet', () => {
    decodes(lines);
    decodes(CONTENT.toString('base64'));
    decodes(CONTENT.toString('base64url'));
    decodes(CONTENT.toString('base64').replaceAll(/.{61}/g, '$&\n'));
  });

  it('loses the footer that a list put below it', () => {
    decodes(
      `${lines}\r\n\r\n_______________________________________________\r\nlist mailing list, see https://example.org/ !\r\n`,
    );
  });

  it('comes as it stands when it plainly is none', () => {
    const text = Buffer.from(
      'This is a text, and no base64: "declared" as such (by mistake)!\r\n'.repeat(40_000),
    );
    assert.ok(decodeTransfer(text, 'base64').equals(text));
  });
});
