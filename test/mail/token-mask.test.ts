import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatReplyAddress } from '../../src/mail/address.ts';
import { createTokenMask } from '../../src/mail/token-mask.ts';
import { shortestMs } from '../support/elapsed.ts';

const TOKEN = 'aiaaaaaaaeaaaaaaafembnkx5gzx3zblz6ykp2ynxktemjsj';
const FORM = { prefix: 'reply+', domain: 'reply.example.org' };

describe('texts without tokens', () => {
  const mask = createTokenMask([FORM]);

  it('keep nothing of a reply address but what surrounds the token', () => {
    const text = `To: Reply+${TOKEN.toUpperCase()}@Reply.Example.Org, <reply+${TOKEN}@reply.example.org>; a@b`;
    assert.equal(mask(text), 'To: Reply+…@Reply.Example.Org, <reply+…@reply.example.org>; a@b');
  });

  it('keep no token in any spelling of its address', () => {
    const spellings = [
      `mailto:reply%2B${TOKEN}%40reply.example.org?subject=x`,
      `reply%252b${TOKEN.toUpperCase()}%2540reply.example.org`,
      `reply=2B${TOKEN}=40reply.example.org`,
      `bounce+reply+${TOKEN}=reply.example.org@relay.example.net`,
      `reply-${TOKEN}@reply.example.org`,
      `reply+${TOKEN} [at] reply.example.org`,
      `reply\\+${TOKEN}\\@reply.example.org`,
      `reply&#43;${TOKEN}&#64;reply.example.org`,
      `reply+${TOKEN}@reply.example.org.`,
      `reply+${TOKEN}@another.example.net`,
      `reply+${TOKEN.slice(0, 20)}\u200b${TOKEN.slice(20)}@reply.example.org`,
      `(${TOKEN})`,
      `_${TOKEN}_`,
    ];
    for (const spelling of spellings) {
      assert.ok(!mask(spelling).includes(TOKEN.slice(30)), spelling);
      assert.ok(!mask(spelling).toLowerCase().includes(TOKEN.slice(30)), spelling);
    }
  });

  it('are the same whichever form the token has, and whatever the prefix', () => {
    for (const token of [
      'aeaaaaaaeaaaaaaa7xv3rg5c6l74ab7jqfjzmkqztjfygfnz',
      'al77777774aaaaaafjynxwea3zcjbw36ogzrhd7ju2fiysuo',
    ]) {
      for (const prefix of ['', 'r', 'reply+', 'mycorp-inbound+', 'a.(b)*+']) {
        const address = formatReplyAddress({ prefix, domain: 'x.org' }, token);
        const masked = createTokenMask([{ prefix, domain: 'x.org' }])(`<${address}>`);
        assert.equal(masked, `<${prefix}…@x.org>`);
      }
    }
  });

  it('keep other long words, and what only looks like a token unless it stands before the domain', () => {
    const other = 'z'.repeat(48);
    for (const word of [other, `${TOKEN}x`, `x${TOKEN}`, TOKEN.slice(1), `${other}@x.org`]) {
      assert.equal(mask(word), word);
    }
    assert.equal(mask(`reply+${other}@reply.example.org`), 'reply+…@reply.example.org');
  });

  it('are made in time that grows with the text alone', () => {
    for (const prefix of ['', 'a']) {
      for (const piece of [
        'a',
        'ae\u200b',
        '%2b',
        'ae ',
        'ae\n',
        'a*',
        '](',
        '[ae](b)',
        '0123456789abcdef',
        TOKEN.slice(0, 47),
        `${TOKEN} at `,
      ]) {
        const text = piece.repeat(1_000_000 / piece.length);
        const tookMs = shortestMs(2000, () => createTokenMask([{ prefix, domain: 'x.org' }])(text));
        assert.ok(tookMs < 2000, JSON.stringify([prefix, piece]));
      }
    }
  });
});

describe('a token that was taken apart', () => {
  const mask = createTokenMask([FORM]);
  const [head, tail] = [TOKEN.slice(0, 20), TOKEN.slice(20)];
  const percent = (text: string): string => `%${text.charCodeAt(0).toString(16)}`;

  for (const [name, text] of [
    ['by a line end', `${head}\n${tail}`],
    ['by a line end and blanks', `${head} \r\n  ${tail}`],
    ['by quoted-printable', `${head}=\n${tail}`],
    ['over quoted lines', `> ${head}\n> > ${tail}`],
    ['over four lines', TOKEN.match(/.{12}/g)?.join('\n> ') ?? ''],
    ['over twelve lines', TOKEN.match(/.{4}/g)?.join('\n') ?? ''],
    ['by bold', `${head}**${tail}**`],
    ['by bold within', `${head.slice(0, 9)}**${head.slice(9)}**${tail}`],
    ['by struck-out, slanted and code', `~~${head}~~\`${tail.slice(0, 5)}\`_${tail.slice(5)}_`],
    ['by tags', `${head}<wbr>${tail.slice(0, 4)}<b>${tail.slice(4)}</b>`],
    ['by a tag that ends itself', `${head}<wbr />${tail}`],
    ['by brackets', `${head}[${tail}]`],
    ['by a link', `${head}[${tail.slice(0, 9)}](https://example.org/a?b=c)${tail.slice(9)}`],
    ['by a soft hyphen as an entity', `${head}&shy;${tail}`],
    ['by characters that are not seen', [...TOKEN].join('\u2060\u00ad')],
    ['by backslashes', `${head}\\${tail}`],
    ['in percent-encoding', [...TOKEN].map(percent).join('')],
    [
      'in percent-encoding of percent-encoding',
      `${head}${[...tail].map(percent).join('').replaceAll('%', '%25')}`,
    ],
    ['in entities', [...TOKEN].map((letter) => `&#${letter.charCodeAt(0)};`).join('')],
    ['in hexadecimal entities', `${head}&#x${tail.charCodeAt(0).toString(16)};${tail.slice(1)}`],
    ['behind an encoded letter that is not ASCII', `%C3%9C${TOKEN}`],
    ['in upper case, wrapped', `${head.toUpperCase()}\n${tail.toUpperCase()}`],
  ] as const) {
    it(`is masked: ${name}`, () => {
      for (const [before, after] of [
        ['', ''],
        ['reply+', '@reply.example.org'],
        ['see\n', '\nagain'],
      ] as const) {
        const masked = mask(before + text + after);
        assert.ok(masked.includes('…'), masked);
        assert.doesNotMatch(masked.replace(/[^a-z2-7]/gi, ''), new RegExp(tail.slice(-6), 'i'));
        assert.ok(masked.length < 40, masked);
      }
    });
  }

  it('is masked wherever it is cut and whatever stands there', () => {
    const cuts = [
      '\n',
      ' \n',
      '=\r\n',
      '\n> ',
      '**',
      '_',
      '`',
      '~~',
      '\\',
      '</b>',
      '\u200b',
      '\u00ad',
      '&zwnj;',
      '](https://a.b/c)',
    ];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 47 }), fc.constantFrom(...cuts)), { maxLength: 4 }),
        fc.constantFrom('', 'To: ', '<', '(', '_', 'a\n', '> ', '%2B', '='),
        (places, before) => {
          let text = TOKEN;
          for (const [at, cut] of places.sort(([a], [b]) => b - a))
            text = text.slice(0, at) + cut + text.slice(at);
          const masked = mask(`${before}${text} end`);
          assert.ok(
            masked.includes('…') && masked.length < before.length + 30,
            JSON.stringify([text, masked]),
          );
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('is masked or not whatever else stands in the text', () => {
    const pieces = [
      TOKEN.slice(0, 24),
      TOKEN.slice(24),
      TOKEN,
      'ae',
      ' ',
      '\n',
      '> ',
      '[',
      '](x)',
      ']',
      '<br />',
      '*',
    ];
    const text = fc.array(fc.constantFrom(...pieces), { maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, text, (one, other) => {
        assert.equal(mask(`${one} . ${other}`), `${mask(one)} . ${mask(other)}`);
      }),
      { numRuns: 5000 },
    );
  });

  it('is no list of words, one a line', () => {
    const words = ['aggregate', 'alarm', 'afterthought', 'airport', 'album', 'algebra', 'alpine', 'agenda'];
    const list = Array.from({ length: 500 }, (_, at) => words[(at * 7) % words.length]).join('\n');
    assert.equal(mask(list), list);
  });

  it('is no prose', () => {
    const prose =
      'After all, again and again:\nagainst the agreement of the *airline*\nalgorithms_and_data_structures_in_all_examples_\n';
    assert.equal(mask(prose.repeat(50)), prose.repeat(50));
  });
});
