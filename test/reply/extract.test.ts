import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { extractReply, splitReply } from '../../src/reply/text/extract.ts';
import { ATTRIBUTION_CASES, WEAK_CASES } from './fixtures/cases.ts';
import { readFixtures } from './fixtures/read.ts';

const fold = (text: string): string => text.normalize('NFC').replace(/\s+/gu, ' ').trim();

for (const [file, subject] of [
  ['top-post.txt', 'a reply above the original'],
  ['bottom-and-inline.txt', 'a reply below or between'],
  ['signatures.txt', 'signatures'],
  ['kept.txt', 'what only looks like a quote or a signature'],
] as const) {
  describe(subject, () => {
    for (const { name, message, reply } of readFixtures(file)) {
      it(name, () => {
        assert.equal(fold(extractReply(message).reply), fold(reply));
      });
      it(`${name}, with CRLF`, () => {
        assert.equal(fold(extractReply(message.replaceAll('\n', '\r\n')).reply), fold(reply));
      });
    }
  });
}

describe('attributions and header blocks in every language', () => {
  for (const [subject, cases] of ATTRIBUTION_CASES) {
    it(subject, () => {
      const wrong = cases.filter(({ message, reply }) => fold(extractReply(message).reply) !== fold(reply));
      assert.deepEqual(
        wrong.map(({ name }) => name),
        [],
      );
    });
  }
});

describe('attributions that say little', () => {
  for (const [subject, cases] of WEAK_CASES) {
    it(`${subject}: 98 of 100`, () => {
      const wrong = cases.filter(({ message, reply }) => fold(extractReply(message).reply) !== fold(reply));
      const share = 1 - wrong.length / cases.length;
      assert.ok(share >= 0.98, `${share}: ${wrong.map(({ name }) => name).join('; ')}`);
    });
  }
});

describe('the three parts', () => {
  const message = 'Fixed.\n\n-- \nAnna\n\nOn 05/03/2024 14:07, Bob wrote:\n> Is it?\n';

  it('are the reply, the original with its attribution, and the signature with its delimiter', () => {
    assert.deepEqual(extractReply(message), {
      reply: 'Fixed.',
      quoted: 'On 05/03/2024 14:07, Bob wrote:\n> Is it?',
      signature: '-- \nAnna',
      cuts: [
        { what: 'signature', signs: ['delimiter', 'lines-below'] },
        { what: 'quote', signs: ['quote-marks', 'date'] },
      ],
    });
  });

  it('are stretches of the text in order', () => {
    assert.deepEqual(
      splitReply(message).map(({ kind }) => kind),
      ['reply', 'signature', 'quoted'],
    );
  });

  it('keep the indent of the first line', () => {
    assert.equal(extractReply('\n    code\n').reply, '    code');
  });

  it('are empty for an empty text', () => {
    assert.deepEqual(extractReply(''), { reply: '', quoted: '', signature: '', cuts: [] });
  });

  it('never give the whole mail where nothing was typed', () => {
    assert.equal(extractReply('On 05/03/2024 14:07, Bob wrote:\n> Is it?\n').reply, '');
  });

  it('keep a long mail beyond the limit of lines with the last line judged', () => {
    const long = `Yes.\n\nOn 05/03/2024 14:07, Bob wrote:\n${'> x\n'.repeat(30_000)}`;
    const parts = extractReply(long);
    assert.equal(parts.reply, 'Yes.');
    assert.equal(parts.quoted.split('\n').length, 30_001);
  });
});
