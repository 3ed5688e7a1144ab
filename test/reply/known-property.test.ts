/** Whatever is typed between, above and below the lines of a known original stays, and the parts joined are the text. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { extractReply, splitReply } from '../../src/reply/text/extract.ts';
import { makeSketch } from '../../src/reply/text/sketch.ts';
import { roundsOf } from '../support/rounds.ts';

/** None of their words is one of writing anywhere. */
const CONSONANTS = 'bdfgjkqvxz';
const VOWELS = 'aou';

/** Numbers from a seed, below a bound. */
function dice(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % bound;
  };
}

type Dice = ReturnType<typeof dice>;

const pick = (roll: Dice, letters: string): string => letters.charAt(roll(letters.length));

/** A line of words in no language: nothing in it is more than words. */
function line(roll: Dice, least: number, most: number): string {
  const words = Array.from({ length: least + roll(most - least) }, () =>
    [CONSONANTS, VOWELS, CONSONANTS, VOWELS].map((letters) => pick(roll, letters)).join(''),
  );
  return `${words.join(' ')}${pick(roll, '.?,!')}`;
}

interface Mail {
  readonly original: readonly string[];
  readonly typed: readonly string[];
  readonly text: string;
}

function mail(roll: Dice): Mail {
  const original = Array.from({ length: 2 + roll(10) }, () => (roll(5) === 0 ? '' : line(roll, 1, 14)));
  const mark = roll(3) === 0 ? '> ' : '';
  const [typed, parts]: [string[], string[]] = [[], []];
  for (const said of [...original, undefined]) {
    while (roll(3) === 0) {
      const answer = line(roll, 1, 10);
      typed.push(answer);
      parts.push(roll(2) === 0 ? answer : `\n${answer}\n`);
    }
    if (said !== undefined) parts.push(mark + said);
  }
  return { original, typed, text: parts.join('\n') };
}

const fold = (text: string): string => text.replace(/\s+/g, ' ').trim();

describe('a reply to a known original', () => {
  it('keeps every line that was typed, wherever it stands', () => {
    for (let seed = 1; seed <= roundsOf(20_000); seed += 1) {
      const { original, typed, text } = mail(dice(seed * 7919));
      const known = { sketches: [makeSketch([original])] };
      const segments = splitReply(text, known);
      assert.equal(segments.map((segment) => segment.text).join(''), text);
      const lostOf = (reply: string): string[] =>
        typed.filter((answer) => !fold(reply).includes(fold(answer)));
      const lost = lostOf(extractReply(text, known).reply);
      assert.deepEqual(lost, [], `seed ${seed}:\n${text}`);
    }
  });
});
