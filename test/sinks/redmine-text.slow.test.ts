// Textile and Markdown of the Redmine sink, read on the real Redmine's own pages: what was typed is what stands there.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { neutralise } from '../../src/reply/escape.ts';
import { escapeText } from '../../src/reply/html/markdown-escape.ts';
import { html } from '../../src/sinks/platform/html.ts';
import { redmineMarkdown } from '../../src/sinks/redmine/markdown.ts';
import { textile } from '../../src/sinks/redmine/textile.ts';
import { type Redmine, redmineUnavailable, startRedmine } from '../support/redmine.ts';
import { type ReadNote, readFragment, readNotes } from '../support/redmine-page.ts';
import { roundsOf } from '../support/rounds.ts';
import { suiteScratch } from '../support/scratch.ts';
import { TYPED, words } from './platform-contract.ts';

const skip = redmineUnavailable();

/** What Redmine, its Textile or its Markdown would act upon, and the surroundings in which it would. */
const HOSTILE = [
  ...[
    '{{toc}}',
    '{{>toc}}',
    '{{macro(0)}}',
    '{{include(Wiki)}}',
    '!{{toc}}',
    '{{collapse(x)\ny\n}}',
    '{',
    '{{',
    '}}',
  ],
  ...['[[Wiki]]', '[[Wiki|x]]', '![[Wiki]]', '[1]', 'word[1]', '[', ']', '[[', '[x](http://example.com/)'],
  ...['#1', '##1', '#note-1', '#1-1', '#1#note-1', 'document#1', 'site:#1', '#', '# x', '#* x', 'message#1'],
  ...[
    '@alice',
    '@code@',
    '@',
    'user@alice',
    'user:alice',
    'a@b.example',
    'user#5',
    '@alice, @bob',
    '@|ruby|x@',
  ],
  ...[
    'commit:abc',
    'attachment:x.png',
    'source:"a b"',
    'version:1.0',
    'export:x',
    'project:site',
    'site:r12',
    'r12',
  ],
  ...[
    'h1. x',
    'h2(c#i). x',
    'bq. x',
    'bq.:http://x.example y',
    'p. x',
    'p=. x',
    'fn1. x',
    'table(c). x',
    'p((. y',
  ],
  ...[
    '|a|b|',
    '|_. a|',
    '|',
    '||',
    '!image.png!',
    '!>http://x.example/i.png!',
    '!',
    '!x(y)!',
    '!http://a.example/!',
  ],
  ...[
    '"link":http://example.com/',
    '"x(y)":http://example.com',
    '"',
    '":',
    '"x":/y',
    '"a":mailto:a@b.example',
  ],
  ...[
    '*b*',
    '_i_',
    '-d-',
    '+i+',
    '^s^',
    '~s~',
    '%s%',
    '??c??',
    '**b**',
    '__i__',
    '*',
    '_',
    '-',
    '+',
    '%{color:red}x%',
  ],
  ...[
    '==x==',
    '==',
    '=',
    '---',
    '***',
    '- - -',
    '____',
    '--',
    '(c)',
    'ABC(def)',
    '->',
    '...',
    '(*x*)',
    '>*x*',
    '>x',
  ],
  ...[
    '<pre>',
    '</pre>',
    '<code>',
    '</code>',
    '<notextile>',
    '</notextile>',
    '<kbd>',
    '<!-- x -->',
    '<b>x</b>',
    '<',
  ],
  ...[
    '<redpre#0>',
    ' :redsh#1:',
    'x%x%',
    'x%',
    '&amp;',
    '&#35;',
    '&',
    '&lt;b&gt;',
    '&copy;',
    '&x;',
    '>',
    '> x',
    '<br />',
  ],
  ...[
    'http://example.com/a_b_c',
    'http://example.com/?a=1&b=2#c',
    'www.example.com',
    'https://x.example/(y)',
    '://',
  ],
  ...[
    'ftp://x.example/*y*',
    'http://x.example/~y/',
    'http://user@x.example/',
    'http://x.example/%7Bx',
    'http://',
  ],
  ...[
    '`x`',
    '``',
    '`',
    '```',
    '\\',
    '\\*',
    "'x'",
    'word',
    'snake_case_name',
    '2*3*4',
    'Größe',
    '山',
    '👍',
    '1',
    'C#',
    '.',
  ],
] as const;

const GLUES = [' ', ' ', ' ', '', '', '\n', '\n\n', '(', ')', ', ', '. ', ': '] as const;

/** A sequence of its own for every seed (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function hostileText(seed: number): string {
  const pick = chance(seed);
  const pieces = Array.from({ length: 1 + pick(7) }, () => [
    HOSTILE[pick(HOSTILE.length)] ?? '',
    GLUES[pick(GLUES.length)] ?? '',
  ]);
  return pieces.flat().join('').trim();
}

/** Escapes what was typed as the parser does for HTML mail. */
function asMarkdown(typed: string): string {
  const paragraphs = typed.split(/\n{2,}/).map((text) =>
    text
      .split('\n')
      .map((line) => escapeText(line.trim()).replace(/^(?=[#>*+=-])|(?<=^\d+)(?=[.)])/, '\\'))
      .join('  \n'),
  );
  return paragraphs.join('\n\n');
}

/** What plain text is made of; an address of the web or of mail may be a link to itself. */
const PLAIN = ['p', 'br', 'a'];

/** Markdown as people mean it. */
const MARKED = [
  'A **bold** word, an *emphasised* one, a ~~deleted~~ one and `code()`.',
  'in**tra**word and **bold *both* bold**, (**in** brackets), **end**.',
  '# Title\n\nText\n\n### Third *title*',
  '- a\n- b\n  - c\n  - d\n    more of d\n- e\n\n  second paragraph of e',
  '1. one\n2. two\n   - x\n3. three',
  '> quoted\n> lines\n>\n> > deeper\n\nanswer',
  '> - a list\n> - in a quote\n>\n> ```\n> code {{toc}}\n> ```',
  '```ruby\ndef x\n  "#{y}" && <pre> [[Wiki]] #1\nend\n```',
  '```\n</pre> {{toc}} x%x% </code>\n\n  indented\n```',
  '- item\n\n  ```\n  code\n  ```\n- next',
  '| a | b |\n|---|---|\n| *x* | [[y]] `z` |\n| 1 | \\| |',
  '[label](http://example.com/a?b=1&c=2), [with "quotes" (and) brackets](https://x.example/y_(z)) and <https://x.example/>',
  '![picture](http://example.com/i.png) and ![](http://example.com/i.png)',
  '*a\nb* and `x @y@ {{toc}} [[z]] <b> &amp; |`',
  'line\nline\n\n---\n\nline',
  '> > #\n\n**# x** and **a**&**\\#1** or `a`&*b*\n\n- - -\\<!-- x -->* and <a@b.example>& http://x.example/\\&copy;',
  '![a\\*b &amp;copy; `c`](http://example.com/i.png)',
] as const;

const WRAPS: readonly ((text: string) => string)[] = [
  (text) => `**${text}**`,
  (text) => `*${text}*`,
  (text) => `~~${text}~~`,
  (text) => `\`${text.replaceAll('`', '')}\``,
  (text) => `[${text}](http://example.com/x) `,
  (text) => text,
];
const STARTS = ['', '', '', '> ', '- ', '- a\n  - ', '## ', '> > ', '1. '] as const;

/** The oracle shows an address decoded, and no mark of a quote in a list; Textile parts a link from what follows it. */
const MARKABLE = HOSTILE.filter((text) => !/%7B|\]\(|^>/.test(text));

/** Markdown of marks around hostile words. */
function markedText(seed: number): string {
  const pick = chance(seed + 1_000_000);
  const blocks = Array.from({ length: 1 + pick(2) }, () => {
    const spans = Array.from({ length: 1 + pick(4) }, () => {
      const hostile = (MARKABLE[pick(MARKABLE.length)] ?? '').split('\n')[0] ?? '';
      const wrap = WRAPS[pick(WRAPS.length)] ?? String;
      return wrap(escapeText(hostile.trim() || 'x')) + (GLUES[pick(5)] ?? '');
    });
    const text = spans.join('').trim();
    return (STARTS[pick(STARTS.length)] ?? '') + text.replace(/^(?=[#>*+=-] )|(?<=^\d+)(?=[.)])/, '\\');
  });
  return blocks.join('\n\n');
}

const INERT = { mentions: true, references: true, commands: false, closing: false };

/** Redmine's names of the oracle's elements; code of a language is coloured. */
function elementsOf(note: ReadNote | undefined): string[] {
  const more: Readonly<Record<string, string>> = { s: 'del', code: 'span' };
  return (note?.elements ?? []).flatMap((name) => [name, more[name] ?? name]);
}

const NOTES_A_PAGE = 1000;

describe('what Redmine shows of a note', { skip }, () => {
  const scratch = suiteScratch();
  let redmine!: Redmine;
  before(async () => {
    redmine = await startRedmine(scratch);
    const content = 'h1. Wiki';
    await redmine.ask('PUT', '/projects/site/wiki/Wiki.json', { wiki_page: { text: content } }, 'bob');
    await redmine.issue({ subject: 'Another' });
  });
  after(() => scratch.close());

  /** Reads notes as they stand on pages of issues, some hundred on each. */
  async function shown(notes: readonly string[]): Promise<(ReadNote | undefined)[]> {
    const all: (ReadNote | undefined)[] = [];
    for (let from = 0; from < notes.length; from += NOTES_A_PAGE) {
      const issue = await redmine.issue();
      const ids = await redmine.putNotes(issue, notes.slice(from, from + NOTES_A_PAGE));
      const read = readNotes(await redmine.page(issue));
      all.push(...ids.map((id) => read.get(id)));
    }
    return all;
  }

  /** Compares what is shown with what was typed; the texts that differ. */
  async function differing(
    typed: readonly string[],
    written: readonly string[],
    expected: (at: number) => { text: string; elements: readonly string[] },
  ): Promise<string[]> {
    const notes = await shown(written);
    return notes.flatMap((note, at) => {
      const { text, elements } = expected(at);
      const alien = (note?.elements ?? []).filter((name) => !elements.includes(name));
      const isRead = note !== undefined && words(note.text) === words(text) && alien.length === 0;
      const says = { typed: typed[at], written: written[at], read: note?.text, want: text, alien };
      return isRead ? [] : [JSON.stringify(says)];
    });
  }

  it('is what was typed, whatever Redmine would make of it', async () => {
    const typed = [
      ...TYPED,
      ...HOSTILE,
      ...Array.from({ length: roundsOf(1800, 300) }, (_, seed) => hostileText(seed)),
    ].filter((text) => text.trim() !== '');
    const written = typed.map((text) => textile(asMarkdown(text)));
    const wrong = await differing(typed, written, (at) => ({ text: typed[at] ?? '', elements: PLAIN }));
    assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} of ${typed.length}`);
  });

  it('is what the Markdown says, however it is nested', async () => {
    const seeds = Array.from({ length: roundsOf(1800, 300) }, (_, seed) => seed);
    const given = [...MARKED, ...seeds.map(markedText)];
    const oracle = given.map((markdown) => readFragment(html(markdown)));
    const wrong = await differing(
      given,
      given.map((markdown) => textile(markdown)),
      (at) => ({ text: oracle[at]?.text ?? '', elements: [...PLAIN, ...elementsOf(oracle[at])] }),
    );
    assert.deepEqual(wrong.slice(0, 20), [], `${wrong.length} of ${given.length}`);
  });
});

describe('what a Redmine that is set to Markdown shows of a note', { skip }, () => {
  const scratch = suiteScratch();
  after(() => scratch.close());

  it('is what was typed', async () => {
    const redmine = await startRedmine(scratch, { format: 'common_mark' });
    await redmine.issue({ subject: 'Another' });
    const issue = await redmine.issue();
    const typed = [...TYPED, ...HOSTILE.filter((text) => text.trim() !== '' && !/[<&]/.test(text))];
    const ids = await redmine.putNotes(
      issue,
      typed.map((text) => redmineMarkdown(neutralise(asMarkdown(text), INERT))),
    );
    const notes = readNotes(await redmine.page(issue));
    const wrong = typed.filter((text, at) => {
      const note = notes.get(ids[at] ?? 0);
      return (
        note === undefined ||
        words(note.text) !== words(text) ||
        note.elements.some((name) => !PLAIN.includes(name))
      );
    });
    assert.deepEqual(wrong, []);
  });
});
