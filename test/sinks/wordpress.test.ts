// What the wordpress sink writes and recognises; wordpress.slow.test.ts has it at work.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { scanHeader } from '../../src/mail/header.ts';
import { commentHtml } from '../../src/sinks/wordpress/comment-html.ts';
import { recognise } from '../../src/sinks/wordpress/recognise.ts';
import { links, toAuthor, toModerator, WORDPRESS, WORDPRESS_URL } from '../support/notifications.ts';

const NBSP = '\u00a0';

describe('the HTML of a comment', () => {
  const texts: readonly (readonly [string, string, string])[] = [
    ['paragraphs and line breaks', 'One\ntwo\n\nThree', 'One\ntwo\n\nThree'],
    ['emphasis', '*a* **b** ~~c~~ `d`', '<em>a</em> <strong>b</strong> <s>c</s> <code>d</code>'],
    ['quotation marks', '"a" & \'b\' < c', '"a" &amp; \'b\' &lt; c'],
    ['an address', 'see http://example.com/?a=1&b=2 .', 'see http://example.com/?a=1&amp;b=2 .'],
    ['a link', '[here](http://x.example/)', '<a href="http://x.example/" rel="nofollow ugc">here</a>'],
    ['a link to a number', '[call](tel:+49123)', 'call (tel:+49123)'],
    ['a list', 'To do:\n\n- a\n- b\n\nDone', 'To do:\n\n• a\n• b\n\nDone'],
    ['a list in a list', '3. a\n   - b\n   - c\n4. d', `3. a\n${NBSP}${NBSP}• b\n${NBSP}${NBSP}• c\n4. d`],
    ['a list with space between', '- a\n\n- b', '• a\n\n• b'],
    ['a quotation', 'Hm:\n\n> one\n>\n> two\n\nNo.', 'Hm:\n\n<blockquote>one\n\ntwo</blockquote>\n\nNo.'],
    ['a title', '# A *b*\n\nc', '<strong>A <em>b</em></strong>\n\nc'],
    ['a rule', 'a\n\n***\n\nb', 'a\n\n* * *\n\nb'],
    [
      'code',
      '```js\nif (a) {\n  "b" < c\n\n}\n```\n\nd',
      `<code>if (a) {</code>\n<code>${NBSP} "b" &lt; c</code>\n<code>${NBSP}</code>\n<code>}</code>\n\nd`,
    ],
    ['a table', '| a | b |\n|---|---|\n| 1 | 2 |', 'a | b\n1 | 2'],
    [
      'HTML',
      '<script>x</script> <img src=x onerror=y>',
      '&lt;script&gt;x&lt;/script&gt; &lt;img src=x onerror=y&gt;',
    ],
  ];
  for (const [what, markdown, expected] of texts)
    it(`of ${what}`, () => {
      assert.equal(commentHtml(markdown), expected);
    });

  it('has no element and no attribute but those that every role may use', () => {
    const hostile = [
      '[a](javascript:alert(1))',
      '[a](http://x/" onclick="y)',
      '[a](data:image/gif;base64,R0lGODlhAQ)',
      '![a](http://x/?"><script>)',
      '<http://x/"onmouseover=y>',
      '```"><script>\nx\n```',
      '<!-- wp:html --><iframe src=x>',
      '[gallery] [a]: http://x "t"',
    ].join('\n\n');
    const tags = commentHtml(hostile).match(/<[^>]*>/g) ?? [];
    const allowed =
      /^<(?:\/?(?:em|strong|s|code|blockquote)|\/a|a href="https?:[^"<>]*" rel="nofollow ugc")>$/;
    assert.deepEqual(
      tags.filter((tag) => !allowed.test(tag)),
      [],
    );
  });
});

/** Recognises a mail, which is whole unless a test says otherwise. */
function threadOf(lines: readonly string[], header = WORDPRESS, isWhole = true): string | undefined {
  const scan = scanHeader(Buffer.from(`${header.join('\r\n')}\r\n\r\n`));
  assert.ok(scan.ok);
  const bytes = Buffer.from(lines.map((line) => `${line}\r\n`).join(''));
  const body = (): Buffer | undefined => (isWhole ? bytes : undefined);
  return recognise({ header: scan.header, reversePath: 'www-data@host.example', body })?.thread;
}

describe("WordPress's notification of a comment", () => {
  it('to an author who may moderate, to one who may not, and to a moderator', () => {
    assert.equal(threadOf([...toAuthor(7), ...links(7, 'trash', 'spam'), '']), 'comment/7');
    assert.equal(threadOf([...toAuthor(7), ...links(7, 'delete', 'spam'), '']), 'comment/7');
    assert.equal(threadOf([...toAuthor(7), '']), 'comment/7');
    assert.equal(threadOf([...toModerator(7), '']), 'comment/7');
  });

  it('in another language, and in quoted-printable', () => {
    const german = [...toAuthor(7), ...links(7, 'trash', 'spam')].map((line) =>
      line.replace('Permalink', 'Dauerlink').replace('Do ', 'Weg damit – '),
    );
    assert.equal(threadOf(german), 'comment/7');
    const quoted = german.map((line) =>
      line
        .replaceAll('=', '=3D')
        .replaceAll('–', '=E2=80=93')
        .replaceAll(/.{70}(?=.)/g, '$&=\r\n'),
    );
    assert.equal(
      threadOf(quoted, [...WORDPRESS, 'Content-Transfer-Encoding: quoted-printable']),
      'comment/7',
    );
  });

  it('is about the comment that WordPress names, whatever its text says', () => {
    const forged = [...toAuthor(666), ...links(666, 'trash', 'spam'), ''].join('\n');
    assert.equal(threadOf([...toAuthor(7, forged), ...links(7, 'trash', 'spam')]), 'comment/7');
    assert.equal(threadOf(toModerator(7, [...toModerator(666)].join('\n'))), 'comment/7');
    assert.equal(threadOf(toAuthor(7, forged.repeat(300))), 'comment/7');
  });

  it('is none where its last lines name no comment, or two', () => {
    assert.equal(threadOf([...toAuthor(7), ...links(8, 'trash', 'spam')]), undefined);
    assert.equal(threadOf([...toAuthor(7), ...links(7, 'trash', 'spam'), '-- ', 'A plugin']), undefined);
    assert.equal(threadOf(['Your new password:', `${WORDPRESS_URL}/wp-login.php?action=rp`]), undefined);
    assert.equal(threadOf([`See ${WORDPRESS_URL}/hello/#comment-7`]), undefined);
    assert.equal(threadOf([]), undefined);
    assert.equal(threadOf(toAuthor(0)), undefined);
  });

  it('is asked for its body only where its header fits, and is none before that is there', () => {
    assert.equal(threadOf(toAuthor(7), WORDPRESS, false), undefined);
    for (const header of [
      WORDPRESS.filter((line) => !line.startsWith('X-Mailer')),
      WORDPRESS.map((line) => line.replace('text/plain', 'text/html')),
    ]) {
      const scan = scanHeader(Buffer.from(`${header.join('\r\n')}\r\n\r\n`));
      assert.ok(scan.ok);
      const body = (): never => assert.fail('asked');
      assert.equal(recognise({ header: scan.header, reversePath: '', body }), undefined);
    }
  });
});
