// What platforms' sinks share about texts: tags that are shown, calls to everybody, hidden marks.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import MarkdownIt from 'markdown-it';
import { callNobody } from '../../src/sinks/platform/everybody.ts';
import { hiddenMark, withHiddenMark } from '../../src/sinks/platform/hidden-mark.ts';
import { html } from '../../src/sinks/platform/html.ts';
import { showTags } from '../../src/sinks/platform/tags.ts';

/** Markdown as an interpreter renders it that takes HTML. */
const render = (markdown: string): string => new MarkdownIt({ html: true }).render(markdown);

describe('an image of a text, as HTML', () => {
  it('is a link that is called what the label says', () => {
    assert.equal(
      html('![a\\*b &amp; `c` *d*](http://example.com/i.png)'),
      '<p><a href="http://example.com/i.png">a*b &amp; c d</a></p>',
    );
  });
});

describe('tags in a text', () => {
  it('are shown as they were typed', () => {
    for (const tag of [
      '<b>',
      '</b>',
      '<script>',
      '<!-- x -->',
      '<?php',
      '<foo@bar',
      '<a href="x">',
      '<!DOCTYPE html>',
    ]) {
      const rendered = render(showTags(`See ${tag} there\n\n${tag}\nand\n\n- ${tag}\n\n> ${tag}`));
      assert.equal(
        rendered.split(tag.replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')).length,
        5,
        tag,
      );
    }
  });

  it('stay as they are in code, where they are escaped, and where they are addresses', () => {
    for (const text of [
      '`<b>` and `` `<i> ``',
      '```\n<b>\n\n    <i>\n```',
      '~~~\n<b>\n```\n<i>\n~~~',
      'a\n\n    <b>\n    <i>\n\n    <u>',
      '\\<b\\>',
      '<https://example.com/a?b=c> <mailto:a@example.com> <a@example.com>',
      'a < b and 1<2',
    ])
      assert.equal(showTags(text), text);
  });

  it('are shown behind code, and on lines that continue', () => {
    assert.equal(showTags('`<b>` <b>'), '`<b>` &lt;b>');
    assert.equal(showTags('a\n    <b>'), 'a\n    &lt;b>');
    assert.equal(showTags('```\n<b>\n```\n<b>'), '```\n<b>\n```\n&lt;b>');
    assert.equal(showTags('a ` <b>'), 'a ` &lt;b>');
  });

  it('take no longer in a text that is made for it', () => {
    const began = performance.now();
    for (const text of [
      '<a'.repeat(100_000),
      '`'.repeat(100_000),
      '` <'.repeat(60_000),
      '<a@'.repeat(60_000),
    ])
      showTags(text);
    assert.ok(performance.now() - began < 5000);
  });
});

describe('a call to everybody', () => {
  it('is broken whatever stands around it, and nothing else is', () => {
    const names = ['all', 'here'];
    assert.equal(
      callNobody('@all,@here! ＠ALL @**all** x@here', names),
      '@\u2060all,@\u2060here! ＠\u2060ALL @\u2060**all** x@\u2060here',
    );
    const other = 'all @allen @here-now @all_of @bob all@example.com';
    assert.equal(callNobody(other, names), other);
  });
});

describe('the hidden mark of a post', () => {
  it('is a comment, whatever the id is', () => {
    for (const id of ['01K-0001', 'a--b', '-->', '<x>', 'ü']) {
      assert.match(hiddenMark(id), /^<!-- mailgw:(?:(?!--)[\w.~%!'()*-])+ -->$/);
      assert.equal(
        render(withHiddenMark('Text', id))
          .replace(/<!--[^]*?-->/, '')
          .trim(),
        '<p>Text</p>',
      );
    }
    assert.notEqual(hiddenMark('a--b'), hiddenMark('a-b'));
  });

  it('is no part of code that is left open', () => {
    assert.doesNotMatch(render(withHiddenMark('```\ncode', 'x')), /&lt;!--/);
    assert.doesNotMatch(render(withHiddenMark('> ~~~\n> code', 'x')), /&lt;!--/);
  });
});
