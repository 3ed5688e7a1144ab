import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { cleanLine, cleanText } from '../../src/mail/clean-text.ts';

const ODD = [
  ...'ab é\n\r\t\0\x1b\x7f\x85\x9b\u2028\u202e\u2066\u2069\u200f\u200d\ufeff\ufffe\ufdd0\ufff9\u034f\u0301',
  ...['\ud83d', '\udc4d', '\u{1fffe}', '\u{10ffff}', '\u{e0041}', '\u{1f3f4}', '\u{e0067}', '\u{e007f}'],
];
/** Any UTF-16 units, with those that matter often. */
const texts = fc
  .array(
    fc.oneof(
      fc.constantFrom(...ODD),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
  )
  .map((units) => units.join(''));

/** A control but tab and line feed, bidi, what only hides, a noncharacter. */
const UNFIT =
  /(?![\n\t])\p{Cc}|[\u202a-\u202e\u2066-\u206f\u2028\u2029\ufeff\ufff9-\ufffb]|\p{Noncharacter_Code_Point}/u;

describe('text of strangers', () => {
  it('comes out well-formed, without controls, bidi and noncharacters, whatever it was', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const clean = cleanText(text);
        assert.equal(Buffer.from(clean, 'utf8').toString('utf8'), clean);
        assert.doesNotMatch(clean, UNFIT);
        assert.equal(clean, cleanText(clean));
        assert.doesNotMatch(cleanLine(text), /[\n\t\u061c\u200e\u200f]|^\s|\s$/);
      }),
      { numRuns: 5000 },
    );
  });

  it('keeps what scripts, emoji and flags need', () => {
    const england = '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}';
    const text = `می\u200cخواهم 👩\u200d💻 \u200fא co\u00adop ${england} ☺\ufe0f`;
    assert.equal(cleanText(text), text);
  });

  it('has no hidden ASCII', () => {
    const hidden = Array.from('ignore', (letter) =>
      String.fromCodePoint(0xe0000 + letter.charCodeAt(0)),
    ).join('');
    assert.equal(cleanText(`a${hidden}b 🏴c`), 'ab 🏴c');
  });
});
