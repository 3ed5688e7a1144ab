// HTML mail made Markdown, and the Markdown rendered: what was text is text again, and nothing has become active.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { fold, hasGfm, type Rendered, renderCommonMark, renderGfm } from './support/render.ts';

/** Text that is markup, or becomes it beside other text. */
const FRAGMENTS = [
  ...[
    '[',
    ']',
    '(',
    ')',
    '](',
    '![',
    '!',
    '[x]',
    '[ ]',
    '[^1]',
    '[^1]:',
    '[a]:',
    '][',
    '](javascript:alert(1))',
    '[x](data:text/html,y)',
  ],
  ...[
    '<',
    '>',
    '</',
    '<img src=x onerror=alert(1)',
    '//a>',
    '<!--',
    '-->',
    '<?',
    '<script>',
    '<https://a.example/b>',
    '<javascript:a>',
  ],
  ...[
    '`',
    '``',
    '```',
    '*',
    '**',
    '***',
    '_',
    '__',
    '~',
    '~~',
    '~~~',
    '\\',
    '\\\\',
    '|',
    '|---|',
    '---|---',
    ':-',
    '&',
    '&lt;',
    '&#60;',
    '&#9;',
    '&amp',
    ';',
  ],
  ...[
    '#',
    '##',
    '-',
    '+',
    '1.',
    '2)',
    '>',
    '---',
    '===',
    '=',
    '- [x]',
    ':',
    '"',
    "'",
    'javascript:x',
    'www.a.example',
  ],
  ...[
    'https://a.example/b_c',
    'https://a.example/*b*',
    'https://a.example/_b_',
    'https://a.example/[b](javascript:c)',
    'https://a.example/~b',
  ],
  ...['a', 'b', 'word', 'é', '€', '…', '日', ' ', ' ', ' ', '\u00a0', '.', ','],
];
const TARGETS = [
  'https://a.example/b_c',
  'https://a.example/b',
  'https://a.example/ [x](javascript:alert(1))',
  'https://a.example/`*_<>&lt;"',
  'mailto:a@b.example',
  'javascript:alert(1)',
  ' java\nscript:alert(1)',
  'data:text/html,x',
  'vbscript:x',
];

/** A page in the making: its HTML and what a reader sees of it. */
interface Piece {
  readonly html: string;
  readonly text: string;
}

const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const join = (pieces: readonly Piece[], by: string): Piece => ({
  html: pieces.map(({ html }) => html).join(''),
  text: pieces.map(({ text }) => text).join(by),
});
const wrap =
  (open: string, close: string) =>
  ({ html, text }: Piece): Piece => ({ html: open + html + close, text });

const words: fc.Arbitrary<Piece> = fc
  .array(fc.constantFrom(...FRAGMENTS), { minLength: 1, maxLength: 5 })
  .map((parts) => ({ html: escapeHtml(parts.join('')), text: parts.join('') }));
const styled = fc
  .tuple(words, fc.constantFrom('b', 'i', 's', 'code', 'span', 'b', 'u'))
  .map(([piece, tag]) => wrap(`<${tag}>`, `</${tag}>`)(piece));
const linked = fc
  .tuple(fc.array(fc.oneof(words, styled), { minLength: 1, maxLength: 3 }), fc.constantFrom(...TARGETS))
  .map(([pieces, href]) => wrap(`<a href="${escapeHtml(href)}">`, '</a>')(join(pieces, '')));
const line = fc
  .array(fc.oneof({ weight: 3, arbitrary: words }, { weight: 2, arbitrary: styled }, linked), {
    minLength: 1,
    maxLength: 5,
  })
  .map((pieces) => join(pieces, ''));
const block = fc
  .tuple(line, fc.constantFrom('p', 'div', 'li', 'h2', 'p', 'pre'))
  .map(([piece, tag]) =>
    wrap(tag === 'li' ? '<ul><li>' : `<${tag}>`, tag === 'li' ? '</li></ul>' : `</${tag}>`)(piece),
  );
const broken = fc.array(line, { minLength: 2, maxLength: 3 }).map((lines) => ({
  html: `<p>${lines.map(({ html }) => html).join('<br>')}</p>`,
  text: lines.map(({ text }) => text).join('\n'),
}));
const page = fc
  .array(fc.oneof(block, broken), { minLength: 1, maxLength: 3 })
  .map((blocks) =>
    join([{ html: '<p>Hello, this is text.</p>', text: 'Hello, this is text.' }, ...blocks], '\n'),
  );

/** The text without blanks, and without the hosts that are named beside links. */
const bare = (text: string): string =>
  fold(text.replace(/ \([a-z0-9.-]+\.example\)| \(nowhere\)/g, '').replace(/[\u00a0\s]+/g, ''));

function judge(piece: Piece, markdown: string, rendered: Rendered, compares: boolean): void {
  const shown = JSON.stringify({ html: piece.html, markdown, text: rendered.text }, null, 1);
  assert.deepEqual(rendered.active, [], shown);
  for (const target of rendered.targets) assert.match(target, /^(?:https?:|mailto:|tel:)/i, shown);
  if (compares) assert.equal(bare(rendered.text), bare(piece.text), shown);
}

/** CommonMark alone has no strikethrough. */
const withoutStrikes = <T extends Piece | Rendered>(shown: T): T => ({
  ...shown,
  text: shown.text.replaceAll('~', ''),
});

/** The Markdown of a page, where all of its text is taken for what was typed. */
function convert(piece: Piece): { markdown: string; isWhole: boolean } {
  const { reply, quoted, signature } = htmlToMarkdown(piece.html);
  return { markdown: reply, isWhole: quoted === '' && signature === '' };
}

describe('HTML to Markdown, rendered again', () => {
  const seed = Number(process.env['MAILGW_SEED'] ?? 20260);

  it('is the same text, without active HTML, by CommonMark', () => {
    let whole = 0;
    fc.assert(
      fc.property(page, (piece) => {
        const { markdown, isWhole } = convert(piece);
        if (isWhole) whole += 1;
        judge(withoutStrikes(piece), markdown, withoutStrikes(renderCommonMark(markdown)), isWhole);
      }),
      { numRuns: 6000, seed },
    );
    assert.ok(whole > 5000);
  });

  it('is the same text, without active HTML, by GitHub', { skip: hasGfm ? false : 'no cmark-gfm' }, () => {
    const all = fc
      .sample(page, { numRuns: 6000, seed: seed + 1 })
      .map((piece) => ({ piece, ...convert(piece) }));
    const rendered = renderGfm(all.map(({ markdown }) => markdown));
    assert.equal(rendered.length, all.length);
    all.forEach(({ piece, markdown, isWhole }, at) => {
      judge(piece, markdown, rendered[at] as Rendered, isWhole);
    });
  });

  it('keeps a mail address in angle brackets as people write it, and nothing that only looks like one', () => {
    const written = (text: string): string => htmlToMarkdown(`<p>${escapeHtml(text)}</p>`).reply;
    assert.equal(written('Anna <a.b+c@example.org> asks'), 'Anna <a.b+c@example.org> asks');
    for (const text of [
      '<!--a@b-->',
      '<javascript:a@b>',
      '<a/b@c onerror=x>',
      '<a@b<c@d>',
      '<img@x y>',
      '<?a@b?>',
    ])
      assert.ok(written(text).startsWith('\\<'), written(text));
  });
});
