/**
 * Real messages of other projects, read from ../shared/corpora (MAILGW_CORPORA names another place): every one
 * yields the text that a person would read, none throws, none is blank without a reason. Where there are no corpora
 * it says so and registers no test.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ATTACHMENT_LIMITS } from '../../src/reply/attachments.ts';
import { parseMessage } from '../../src/reply/parse.ts';
import type { ParsedReply } from '../../src/reply/post.ts';
import { CORPORA, NO_CORPORA } from '../corpus/score.ts';

/** Messages whose expected structure is not what a person reads, each with the reason. */
const EXCEPTIONS: ReadonlyMap<string, string> = new Map([
  ['stalwart-legacy-033', 'the expected text has replacement characters; ours has the umlauts'],
  ['stalwart-legacy-052', 'the expected text has replacement characters; ours has the umlauts'],
  ['stalwart-rfc-000', 'text/enriched is expected to be a file; it is text to us'],
]);

/** Messages that are refused, each with the reason of the refusal. */
const REFUSED: ReadonlyMap<string, string> = new Map([['stalwart-rfc-001', 'external']]);

interface Expected {
  readonly text_body: readonly number[];
  readonly parts: readonly { readonly body: { readonly Text?: string; readonly Html?: string } }[];
}

async function read(path: string): Promise<ParsedReply | string> {
  const start = performance.now();
  const outcome = await parseMessage(readFileSync(path), ATTACHMENT_LIMITS);
  assert.ok(performance.now() - start < 2000, path);
  return outcome.kind === 'refused' ? outcome.reason : outcome.reply;
}

function messages(folder: string): string[] {
  return readdirSync(join(CORPORA, folder))
    .filter((name) => name.endsWith('.eml'))
    .map((name) => name.slice(0, -4));
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  quot: '"',
  lt: '<',
  gt: '>',
  nbsp: ' ',
  szlig: 'ß',
};

/** The letters and digits of a text: what no difference of conventions touches. */
function letters(text: string): string {
  return text
    .replace(/!\[[^\]]*\]\([^)]*\)/g, '')
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}]/gu, '');
}

function lettersOfHtml(html: string): string {
  const text = html
    .replace(/<head[^]*?<\/head>|<[^>]*>/gi, ' ')
    .replace(/&([aou])uml;/gi, '$1\u0308')
    .replace(/&([a-z]+);/g, (entity, name: string) => ENTITIES[name] ?? entity);
  return letters(text);
}

function expectedLetters(path: string): string {
  const expected = JSON.parse(readFileSync(path, 'utf8')) as Expected;
  return expected.text_body
    .map((index) => expected.parts[index]?.body)
    .map((body) => (body?.Text === undefined ? lettersOfHtml(body?.Html ?? '') : letters(body.Text)))
    .join('');
}

function ourLetters(reply: ParsedReply): string {
  const { markdown, quoted, signature } = reply.body;
  return [markdown, quoted, signature].map(letters).join('');
}

function testMime(): void {
  for (const name of messages('mime')) {
    it(`${name} yields its text`, async () => {
      const reply = await read(join(CORPORA, 'mime', `${name}.eml`));
      if (typeof reply === 'string') {
        assert.equal(reply, REFUSED.get(name));
        return;
      }
      const expected = expectedLetters(join(CORPORA, 'mime', `${name}.json`));
      if (EXCEPTIONS.has(name))
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
