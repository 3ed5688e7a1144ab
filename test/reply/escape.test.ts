import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { neutralise, type SinkPolicy } from '../../src/reply/escape.ts';

const ALL: SinkPolicy = { mentions: true, references: true, commands: true, closing: true };
const NONE: SinkPolicy = { mentions: false, references: false, commands: false, closing: false };
const shown = (text: string): string => neutralise(text, ALL).replaceAll('\u2060', '·');

describe('neutralise', () => {
  for (const [name, text, wanted] of [
    ['a mention', 'ask @anna about it', 'ask @·anna about it'],
    ['a mention at the start', '@anna ping', '@·anna ping'],
    ['no mention in an address', 'mail anna@example.org', 'mail anna@example.org'],
    ['a reference', 'see #12 and !7', 'see #·12 and !·7'],
    ['a reference into another project', 'see acme/site#12', 'see acme/site#·12'],
    ['a reference of another form', 'see GH-12', 'see GH-·12'],
    ['no reference in a web address', 'https://example.org/a#12', 'https://example.org/a#12'],
    ['no reference in an entity', 'it&#39;s', 'it&#39;s'],
    ['a command', '/close', '\\/close'],
    ['a command in a quote', '> /close', '> \\/close'],
    ['no command inside a line', 'a /close b', 'a /close b'],
    ['a closing keyword', 'Fixes #12', 'F·ixes #·12'],
    [
      'a closing keyword with a web address',
      'closes https://example.org/i/1',
      'c·loses https://example.org/i/1',
    ],
    ['no closing keyword alone', 'it fixes all', 'it fixes all'],
    ['nothing in a code span', 'the `@decorator #1`', 'the `@decorator #1`'],
    ['nothing in a fence', '```\n@decorator\n/x\n```\n@anna', '```\n@decorator\n/x\n```\n@·anna'],
    [
      'what a fence in a list may end',
      '- ```\n  a\n  ```\n@anna\n```\n```',
      '- ```\n  a\n  ```\n@·anna\n```\n```',
    ],
    ['what a fence in HTML does not hide', '<div>\n```\n@anna\n```', '<div>\n```\n@·anna\n```'],
    ['what a span of two lines turns around', '`\n` @anna `', '`\n` @·anna `'],
    ['what an attribute with a backtick turns around', '<a title="`"> @anna `', '<a title="`"> @·anna `'],
    ['an entity for a mark', '&#64;anna &#x23;12 &commat;bob', '\\&#·64;anna \\&#x23;12 \\&commat;bob'],
    ['nothing in two code spans', '`@a` and `@b`', '`@a` and `@b`'],
    ['what only looks like a code span', '\\`@anna\\`', '\\`@·anna\\`'],
  ] as const) {
    it(name, () => {
      assert.equal(shown(text), wanted);
    });
  }

  it('changes nothing where the policy asks for nothing', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(neutralise(text, NONE), text);
      }),
    );
  });

  it('adds joiners and backslashes only', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'@#!/`~a1 \n-fixes') }), (text) => {
        const bare = neutralise(text, ALL)
          .replaceAll('\u2060', '')
          .replaceAll(/\\([/&])/g, '$1');
        assert.equal(bare, text);
      }),
    );
  });
});
