// Typed text made inert, rendered, and read as platforms read it: nothing is found, and the text is what was typed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { neutralise, type SinkPolicy } from '../../src/reply/escape.ts';
import { fold, hasGfm, type Rendered, renderCommonMark, renderGfm } from './support/render.ts';

const ALL: SinkPolicy = { mentions: true, references: true, commands: true, closing: true };

/** What platforms look for in the text between elements. */
const IN_TEXT: readonly (readonly [string, RegExp])[] = [
  ['GitHub mention', /(?:^|\W)@[a-z0-9][a-z0-9-]*/i],
  ['GitLab mention', /(?<!\w)@[a-z0-9_.][\w.-]*/i],
  ['Gitea mention', /(?:\s|^|\(|\[)@[0-9a-z_-]+/i],
  ['GitHub reference', /(?:^|\W)(?:#|GH-)\d+\b/i],
  ['GitLab reference', /(?:[#!]|\bGH-)\d+/i],
  [
    'closing keyword',
    /\b(?:clos(?:e[sd]?|ing)|fix(?:e[sd]|ing)?|resolv(?:e[sd]?|ing)|implement(?:s|ed|ing)?):?\s+(?:issues?\s+)?(?:[\w./-]*[#!]\d|GH-\d|https?:)/i,
  ],
];
/** GitLab's reading of commands: on the raw text, after it took out what its own patterns take for code. */
const commandIn = (markdown: string): boolean =>
  /^[ \t>\u2060\ufeff]*\/[a-z]/im.test(markdown.replace(/^```[\s\S]*?\n```$/gm, '').replace(/[\u200b]/g, ''));

const MARKS = [
  ...[
    '@team',
    '@&#116;eam',
    '&#64;team',
    '&commat;team',
    '＠team',
    '@_team_',
    '@**team**',
    '@\\_team',
    '\\@team',
    '-@team',
    '.@team',
    '+@team',
    '_@team_',
    'é@team',
    'a@b.example@team',
  ],
  ...[
    '#123',
    '#&#49;23',
    '&num;12',
    '!12',
    '\\#12',
    'GH-12',
    'GH-&#49;2',
    'GH\\-12',
    'owner/repo#12',
    'é#1',
    'a!12',
    ']#12',
  ],
  ...[
    '[a](https://x)@team',
    '[a](https://x)#123',
    '[@team](https://x)',
    '[a](https://x/@team)',
    '<https://x.example/@team>',
    'https://x.example/@team',
    'https://x.example/#12',
    'https://x.example/a@b.@team',
    '[a]: https://x.example/@team',
  ],
  ...[
    'fixes #12',
    'Closes: #1, #2 and #3',
    'fixes [a](https://x)#12',
    'resolves owner/repo#1',
    'fixed https://x.example/o/r/issues/1',
    'f&#105;xes #1',
    '_fixes #1_',
    'implements\n#1',
  ],
  ...[
    '/close',
    '\\/close',
    '&#47;close',
    '\ufeff/close',
    '\u200b/close',
    '- /close',
    '> /close',
    '1. /close',
    '- [ ] /close',
    '    /close',
    '**/close**',
  ],
];
const AROUND = [
  '`',
  '``',
  '```',
  '~~~',
  '````',
  '\\',
  '*',
  '**',
  '_',
  '~~',
  '[',
  ']',
  '(',
  ')',
  '<b>',
  '<div>',
  '- <div>',
  '</b>',
  '<!--',
  '-->',
  '|',
  '>',
  'a',
  'b',
  ' ',
  ' ',
  '\n',
  '\n',
  '\n\n',
  '\r\n',
  '    ',
  '- ',
  '> ',
  '```\n',
  '~~~\n',
  '  ```\n',
  '- ```\n',
];
const typed = fc
  .array(
    fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...MARKS) },
      { weight: 3, arbitrary: fc.constantFrom(...AROUND) },
    ),
    { minLength: 1, maxLength: 9 },
  )
  .map((parts) => parts.join(''));

const seen = (text: string): string => fold(text.replaceAll('\u2060', ''));

/** What is found in a text that was made inert. */
function found(inert: string, { texts }: Rendered): string[] {
  const inText = IN_TEXT.filter(([, pattern]) => texts.some((text) => pattern.test(text))).map(
    ([name]) => name,
  );
  return commandIn(inert) ? [...inText, 'command'] : inText;
}

describe('text made inert', () => {
  const seed = Number(process.env['MAILGW_SEED'] ?? 20261);

  it('is inert by CommonMark and the patterns of GitHub, GitLab and Gitea', () => {
    fc.assert(
      fc.property(typed, (text) => {
        const inert = neutralise(text, ALL);
        const { texts, ...rest } = renderCommonMark(inert);
        // Platforms make these addresses links, which CommonMark alone does not.
        const rendered = {
          ...rest,
          texts: texts.map((shown) =>
            shown.replace(/https?:\/\/(?:[\w.*-]|\/(?![@#!])|(?<=\w)[@#!])+/g, 'address'),
          ),
        };
        assert.deepEqual(found(inert, rendered), [], JSON.stringify({ inert, rendered }));
      }),
      { numRuns: 6000, seed },
    );
  });

  it('is inert as GitHub renders it', { skip: hasGfm ? false : 'no cmark-gfm' }, () => {
    // One by one: a fence that is left open would take in what follows.
    for (const text of fc.sample(typed, { numRuns: 1500, seed: seed + 1 })) {
      const inert = neutralise(text, ALL);
      const [rendered = assert.fail()] = renderGfm([inert]);
      assert.deepEqual(found(inert, rendered), [], JSON.stringify({ inert, rendered }));
    }
  });

  it('reads as before, where it is plain text with marks', () => {
    const plain = fc
      .array(
        fc.oneof(
          fc.constantFrom(...MARKS.filter((mark) => !/[<&\\[_*\n]|^[->\d ]/.test(mark))),
          fc.constantFrom('a', 'b', ',', '(', ')'),
        ),
        { minLength: 1, maxLength: 9 },
      )
      .map((parts) => `Hi ${parts.join(' ')}`);
    fc.assert(
      fc.property(plain, (text) => {
        const [before, after] = [renderCommonMark(text), renderCommonMark(neutralise(text, ALL))];
        assert.equal(seen(after.text), seen(before.text), neutralise(text, ALL));
      }),
      { numRuns: 5000, seed },
    );
  });
});
