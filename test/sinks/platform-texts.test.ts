// What platforms' sinks share about texts: tags that are shown, calls to everybody, hidden marks.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import MarkdownIt from 'markdown-it';
import { callNobody } from '../../src/sinks/platform/everybody.ts';
import { html } from '../../src/sinks/platform/html.ts';
import { isMarked, marked, markOf } from '../../src/sinks/platform/marker.ts';
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
      assert.match(markOf({ id }), /^<!-- mailgw:(?:(?!--)[\w.~%!'()*-])+ -->$/);
      assert.equal(
        render(marked({ id }, 'Text'))
          .replace(/<!--[^]*?-->/, '')
          .trim(),
        '<p>Text</p>',
      );
    }
    assert.equal(isMarked(marked({ id: 'a--b' }, 'Text'), { id: 'a--b' }), true);
    assert.equal(isMarked(marked({ id: 'a--b' }, 'Text'), { id: 'a-b' }), false);
  });

  it('is no part of code that is left open', () => {
    assert.doesNotMatch(render(marked({ id: 'x' }, '```\ncode')), /&lt;!--/);
    assert.doesNotMatch(render(marked({ id: 'x' }, '> ~~~\n> code')), /&lt;!--/);
  });
});

describe('Markdown as HTML', () => {
  it('loses nothing that is nested deep, and takes no longer', () => {
    for (const levels of [50, 101, 240, 600, 5000]) {
      const texts = [
        `${'> '.repeat(levels)}deep`,
        `${'>'.repeat(levels)}deep`,
        `${'1. '.repeat(levels)}deep`,
        Array.from(
          { length: levels },
          (_, at) => `${'  '.repeat(at)}- ${at === levels - 1 ? 'deep' : 'a'}`,
        ).join('\n'),
      ];
      for (const text of texts) assert.ok(html(text).includes('deep'), `${levels}: ${text.slice(0, 9)}`);
    }
  });

  it('shows an address as it was typed, and a line of dashes as one', () => {
    assert.equal(
      html('http://x.example/a%7Bb'),
      '<p><a href="http://x.example/a%7Bb">http://x.example/a%7Bb</a></p>',
    );
    assert.equal(html('So long\n---\n[a]: b'), '<p>So long</p>\n<hr>\n<p>[a]: b</p>');
  });
});
