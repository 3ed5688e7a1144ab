import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { htmlToMarkdown } from '../../src/reply/html.ts';
import { MARKUP, MESSAGES } from './fixtures/html.ts';

describe('HTML replies by client', () => {
  for (const { name, html, reply, signature } of MESSAGES) {
    it(name, () => {
      const parts = htmlToMarkdown(html);
      assert.equal(parts.reply, reply);
      if (signature !== undefined) assert.equal(parts.signature, signature);
    });
  }
});

describe('markup', () => {
  for (const { name, html, reply } of MARKUP) {
    it(name, () => {
      assert.equal(htmlToMarkdown(html).reply, reply);
    });
  }
});

describe('limits', () => {
  it('uses what stands before the limit of elements', () => {
    assert.match(htmlToMarkdown(`<p>Yes.</p>${'<br>'.repeat(60_000)}<p>late</p>`).reply, /^Yes\./);
  });

  it('falls back to the text between the tags where nothing else is left', () => {
    assert.equal(htmlToMarkdown(`${'<div>'.repeat(5000)}Yes.`).reply, 'Yes.');
  });

  it('keeps the text of what is nested deeper than structure is read', () => {
    assert.equal(htmlToMarkdown(`${'<div>'.repeat(240)}Yes.`).reply, 'Yes.');
  });

  it('reads no more than a mebibyte', () => {
    assert.doesNotMatch(htmlToMarkdown(`<p>Yes.</p>${' '.repeat(1024 * 1024)}<p>late</p>`).reply, /late/);
  });

  it('is empty for an empty mail', () => {
    assert.deepEqual(htmlToMarkdown(''), { reply: '', quoted: '', signature: '' });
  });
});
