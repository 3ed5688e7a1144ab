/** The sketch of an original: what is known again of its text, and what is not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeSketch, SKETCH_BYTES, Sketches } from '../../src/reply/text/sketch.ts';

const ORIGINAL =
  'Which hinges shall I take for the shed?\nThe small ones are sold out already.\n\nThanks, Ann';

function shares(original: string | readonly string[], lines: readonly string[]): number[] {
  const sketches = new Sketches([makeSketch(typeof original === 'string' ? [original] : [...original])]);
  return sketches.cover(lines, () => true).lines.map(({ words, known }) => known / Math.max(1, words));
}

const prose = (count: number): string[] =>
  Array.from({ length: count / 8 }, (_, n) =>
    Array.from({ length: 8 }, (__, at) => `w${(n * 8 + at) * 7919}`).join(' '),
  );

describe('a sketch', () => {
  it('knows its lines in any case, with marks, and wrapped anew', () => {
    const lines = [
      '> WHICH hinges shall',
      '> I take for the shed? The small',
      '> > *ones* are sold  out already. Thanks,',
      'Ann',
    ];
    assert.deepEqual(shares(ORIGINAL, lines), [1, 1, 1, 1]);
  });
  it('does not know its words in another order, or a word of it alone', () => {
    assert.deepEqual(
      shares(ORIGINAL, ['The shed for small hinges already take Ann.', 'Thanks', 'hinges?']),
      [0, 0, 0],
    );
  });
  it('knows what is left around a word that was changed', () => {
    const [share = 0] = shares(ORIGINAL, ['Which hinges shall you take for the shed?']);
    assert.ok(share > 0.8 && share < 1, String(share));
  });
  it('knows text without blanks between its words, and full-width letters', () => {
    assert.deepEqual(
      shares('小屋にはどの蝶番がいいですか？ＡＢＣ１２３ で', ['どの蝶番がいい', 'abc123 で']),
      [1, 0],
    );
  });
  it('knows the text whatever became of its links, and a link by itself', () => {
    const original = 'See the page <https://shop.example/a?b=1> for more.\nhttps://shop.example/c';
    const lines = [
      'See the page<https://safe.example/?u=x> for more.',
      '[https://shop.example/c]',
      'https://shop.example/other',
    ];
    const covered = new Sketches([makeSketch([original])]).cover(lines, () => true).lines;
    assert.equal(covered[0]?.known, 5);
    assert.deepEqual(
      covered.map(({ isWhole }) => isWhole),
      [false, true, false],
    );
  });
  it('of two forms of a text keeps what the second says besides', () => {
    const plain = makeSketch([ORIGINAL]);
    const both = makeSketch([ORIGINAL, `${ORIGINAL}\nView it in the shop`]);
    assert.ok(both.length > plain.length && both.length < plain.length + 40);
    assert.deepEqual(shares([ORIGINAL, 'View it in the shop'], ['view it in the shop']), [1]);
  });
  it('never has more than its bytes, and knows every word of what it can hold', () => {
    for (const count of [8, 400, 800, 1504]) {
      const lines = prose(count);
      assert.ok(makeSketch([lines]).length <= SKETCH_BYTES);
      assert.deepEqual(new Set(shares(lines.join('\n'), lines)), new Set([1]), `${count} words`);
    }
  });
  it('of a longer text knows the beginning and the end', () => {
    const lines = prose(8000);
    const known = shares(lines.join('\n'), lines);
    assert.ok(makeSketch([lines]).length <= SKETCH_BYTES);
    assert.deepEqual([known[0], known[10], known.at(-1)], [1, 1, 1]);
    assert.equal(known[500], 0);
  });
  it('says how much of an original stands in the lines that count', () => {
    const sketches = new Sketches([makeSketch([ORIGINAL]), makeSketch(['Something else is said here.'])]);
    const lines = ORIGINAL.split('\n');
    assert.equal(sketches.cover(lines, () => true).share, 1);
    assert.equal(sketches.cover(lines, () => false).share, 0);
    assert.equal(sketches.cover(lines, () => false).total, 1);
    assert.equal(sketches.cover(['Hello.'], () => true).share, 0);
  });
  it('of bytes that are none knows nothing', () => {
    for (const bytes of [[], [9, 3, 0, 0, 1, 2, 3, 4], [1, 3, 0, 0, 1]])
      assert.ok(new Sketches([Uint8Array.from(bytes)]).isEmpty, String(bytes));
  });
  it('is made in time that grows with the text', () => {
    const began = performance.now();
    for (const text of [
      '> '.repeat(250_000),
      '<http://'.repeat(60_000),
      '[image'.repeat(80_000),
      'a '.repeat(250_000),
    ])
      assert.ok(makeSketch([text]).length <= SKETCH_BYTES);
    assert.ok(performance.now() - began < 3000);
  });
});
