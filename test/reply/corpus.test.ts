/**
 * Real messages of other projects, read from ../shared/corpora (MAILGW_CORPORA names another place): every one
 * yields the text that a person would read, none throws, none is blank without a reason. Where there are no corpora
 * it says so and registers no test.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  CORPORA,
  expectedLetters,
  MIME_EXCEPTIONS,
  MIME_REFUSED,
  messages,
  ourLetters,
  read,
} from '../corpus/messages.ts';
import { NO_CORPORA } from '../corpus/score.ts';

function testMime(): void {
  for (const name of messages('mime')) {
    it(`${name} yields its text`, async () => {
      const reply = await read(join(CORPORA, 'mime', `${name}.eml`));
      if (typeof reply === 'string') {
        assert.equal(reply, MIME_REFUSED.get(name));
        return;
      }
      const expected = expectedLetters(join(CORPORA, 'mime', `${name}.json`));
      if (MIME_EXCEPTIONS.has(name))
        assert.ok(ourLetters(reply).length >= expected.replaceAll('\ufffd', '').length);
      else assert.equal(ourLetters(reply), expected);
      assert.ok(reply.body.markdown !== '' || reply.attachments.length > 0);
    });
  }
}

function testOrdinary(): void {
  for (const name of messages('ordinary')) {
    it(`${name} is a post with text or a file`, async () => {
      const reply = await read(join(CORPORA, 'ordinary', `${name}.eml`));
      if (typeof reply === 'string') assert.fail(`refused: ${reply}`);
      assert.ok(reply.body.markdown.trim() !== '' || reply.attachments.length > 0, 'blank');
      assert.doesNotMatch(reply.body.markdown + reply.subject, /\ufffd|=\?[^?]+\?[bq]\?/i);
    });
  }
}

if (existsSync(CORPORA)) {
  describe('corpora/mime', testMime);
  describe('corpora/ordinary', testOrdinary);
} else {
  console.log(NO_CORPORA);
}
