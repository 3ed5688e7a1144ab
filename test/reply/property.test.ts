import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { escapeLineStart, escapeText } from '../../src/reply/html/markdown-escape.ts';
import { extractReply, splitReply } from '../../src/reply/text/extract.ts';
import { isProven } from '../../src/reply/text/signs.ts';

/** Lines of the kinds that the rules look for, so that random texts meet them often. */
const LINES = [
  '',
  ' ',
  'Yes.',
  'a',
  '> quoted',
  '>',
  '>> deeper',
  '> On 05/03/2024 14:07, Anna wrote:',
  '-- ',
  '--',
  'Anna',
  'On 05/03/2024 14:07, Anna wrote:',
  'On 5 Mar 2024 Anna <',
  'anna@example.org> wrote:',
  'From: a@example.org',
  'Sent: 5 Mar 2024 14:07',
  'To: b@example.org',
  'Subject: x',
  '-----Original Message-----',
  '________________',
  '---------- Forwarded message ---------',
  'Sent from my iPhone',
  '```',
  '~~~',
  '@@ -1,2 +1,2 @@',
  ' a',
  '-a',
  '+a',
  'diff --git a/x b/x',
  '-Anna Example',
  '##- reply above this line -##',
  'https://example.org',
  '>>> x',
  '    code',
  'reply On Wed, Apr 4, 2012 at 3:59 PM, a@example.org wrote:',
  '\u200fכתב:',
  '在 2024年3月5日 写道：',
];
const text = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...LINES) }, fc.string({ unit: 'binary' })),
      fc.constantFrom('\n', '\n', '\r\n'),
    ),
  )
  .map((lines) => lines.map(([line, end]) => line + end).join(''));
const tags = [
  '<div>',
  '</div>',
  '<p>',
  '<br>',
  '<b>',
  '</b>',
  '<blockquote>',
  '</blockquote>',
  '<pre>',
  '</pre>',
  '<table>',
  '<tr>',
  '<td>',
  '<th>',
  '</table>',
  '<ul>',
  '<li>',
  '</ul>',
  '<a href="https://example.org">',
  '</a>',
  '<div class="gmail_quote">',
  '<blockquote type=cite>',
  '<hr>',
  '<img src=cid:x>',
  '<code>',
  '</code>',
  '<!--',
  '-->',
  '&lt;',
  '&nbsp;',
  '<h1>',
  '</h1>',
  '<div id=Signature>',
];
const html = fc
  .array(fc.oneof(fc.constantFrom(...tags), fc.constantFrom(...LINES), fc.string()))
  .map((pieces) => pieces.join(''));

const visible = (value: string): string => value.replace(/\s/gu, '');
const sorted = (value: string): string => [...visible(value)].sort().join('');

describe('splitReply', () => {
  it('gives stretches that joined are the text', () => {
    fc.assert(
      fc.property(text, (value) => {
        const segments = splitReply(value);
        assert.equal(segments.map((segment) => segment.text).join(''), value);
      }),
      { numRuns: 2000 },
    );
  });

  it('never puts two stretches of one kind side by side, nor an empty one', () => {
    fc.assert(
      fc.property(text, (value) => {
        splitReply(value).forEach((segment, at, all) => {
          assert.notEqual(segment.text, '');
          assert.notEqual(segment.kind, all[at + 1]?.kind);
        });
      }),
    );
  });
});

describe('extractReply', () => {
  it('loses no visible character', () => {
    fc.assert(
      fc.property(text, (value) => {
        const { reply, quoted, signature } = extractReply(value);
        assert.equal(sorted(reply + quoted + signature), sorted(value));
      }),
      { numRuns: 1000 },
    );
  });

  it('keeps each part in the order of the text', () => {
    fc.assert(
      fc.property(text, (value) => {
        const whole = visible(value);
        const { reply, quoted, signature } = extractReply(value);
        for (const part of [reply, quoted, signature]) {
          let at = 0;
          for (const char of visible(part)) at = whole.indexOf(char, at) + 1;
          assert.ok(part === '' || at > 0);
        }
      }),
    );
  });

  it('names for every cut two signs, of which one is more than form', () => {
    fc.assert(
      fc.property(text, (value) => {
        const { quoted, signature, cuts } = extractReply(value);
        for (const cut of cuts) assert.ok(isProven(cut.signs), JSON.stringify(cut));
        assert.equal(cuts.length > 0, `${quoted}${signature}` !== '');
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves a reply without marks as it is', () => {
    const word = fc.constantFrom('please', 'merge', 'it', 'tomorrow', 'then', 'good', 'bad', 'why?');
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 1 }), { minLength: 1 }), (paragraphs) => {
        const value = paragraphs.map((words) => words.join(' ')).join('\n\n');
        assert.equal(extractReply(value).reply, value);
      }),
    );
  });

  it('comes to rest: the reply of a plain top-post is its own reply', () => {
    const word = fc.constantFrom('please', 'merge', 'it', 'tomorrow');
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        const { reply } = extractReply(`${words.join(' ')}\n\nOn 05/03/2024 14:07, Anna wrote:\n> x\n`);
        assert.equal(reply, words.join(' '));
        assert.equal(extractReply(reply).reply, reply);
      }),
    );
  });

  it('takes lone surrogates, NUL and marks of direction', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (codes) => {
        const value = String.fromCharCode(...codes);
        assert.equal(
          splitReply(value)
            .map((segment) => segment.text)
            .join(''),
          value,
        );
      }),
      { numRuns: 1000 },
    );
  });
});

describe('htmlToMarkdown', () => {
  it('never throws', () => {
    fc.assert(
      fc.property(html, (value) => {
        assert.equal(typeof htmlToMarkdown(value).reply, 'string');
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves plain words as they are', () => {
    const word = fc.constantFrom(
      'please',
      'merge',
      "it's",
      '(fine)',
      'snake_case',
      '3',
      'a@example.org',
      'x/y',
      '50%',
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        assert.equal(htmlToMarkdown(`<p>${words.join(' ')}</p>`).reply, words.join(' '));
      }),
    );
  });
});

describe('escapes', () => {
  it('add backslashes only', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'*_`[](){}<>#+-.!|~&;:ab1 =/') }), (value) => {
        const bare = escapeLineStart(escapeText(value)).replace(/\\([!-/:-@[-`{-~])/g, '$1');
        assert.equal(bare, value);
      }),
      { numRuns: 1000 },
    );
  });
});
