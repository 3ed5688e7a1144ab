/** Replies to an original that is known by its sketch: what goes without marks, and what stays although the original says it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import type { Known } from '../../src/reply/text/known.ts';
import { makeSketch } from '../../src/reply/text/sketch.ts';

const ORIGINAL = [
  'Hello Ben,',
  '',
  'which hinges shall I take for the shed? The small ones are sold out already.',
  'Do you want them in black or in brass?',
  '',
  'Thanks,',
  'Ann',
];
const KNOWN: Known = { names: ['Ann Ex'], sketches: [makeSketch([ORIGINAL])] };
const fold = (text: string): string => text.replace(/\s+/gu, ' ').trim();
const lines = (text: string): string => text.replaceAll('⏎', '\n').replace('ORIGINAL', ORIGINAL.join('\n'));

function assertReply(text: string, wanted: string, known: Known = KNOWN): void {
  assert.equal(fold(extractReply(lines(text), known).reply), fold(lines(wanted)));
}

describe('an original that is known goes', () => {
  it('without marks, announced in no language or not at all', () => {
    assertReply('In brass.⏎⏎Ann Ex blafte:⏎⏎ORIGINAL', 'In brass.');
    assertReply('In brass.⏎⏎ORIGINAL', 'In brass.');
  });
  it('from under fields in no language', () => {
    assertReply(
      'In brass.⏎⏎Vromo: A. Ex⏎Zento: 05.03.24, 14:07⏎Toro: Ben⏎Subo: Hinges⏎⏎ORIGINAL',
      'In brass.',
    );
  });
  it('with an answer below it', () => {
    assertReply('Ann Ex blafte:⏎⏎ORIGINAL⏎⏎In brass.', 'In brass.');
  });
  it('with the words that a program broke off its marked lines', () => {
    const broken =
      '> which hinges shall I take for the shed? The small ones⏎are sold out already.⏎> Do you want them⏎in black or in brass?';
    assertReply(`In brass.⏎⏎On 5 March 2024, Ann Ex wrote:⏎> Hello Ben,⏎>⏎${broken}`, 'In brass.');
  });
  it('in HTML that names no quote', () => {
    const original = ORIGINAL.map((line) => `<p class=MsoNormal>${line === '' ? '&nbsp;' : line}</p>`).join(
      '',
    );
    assert.equal(
      htmlToMarkdown(`<p>In brass.</p><p>Ann Ex blafte:</p>${original}`, KNOWN).reply,
      'In brass.',
    );
    assert.equal(
      htmlToMarkdown(`<p>Ann Ex blafte:</p>${original}<p>In brass.</p>`, KNOWN).reply,
      'In brass.',
    );
  });
  it('and says by which signs', () => {
    const { cuts, quoted } = extractReply(lines('In brass.⏎⏎ORIGINAL'), KNOWN);
    assert.deepEqual(cuts, [{ what: 'quote', signs: ['known-line', 'last'] }]);
    assert.equal(quoted, ORIGINAL.join('\n'));
  });
  it('also where a word at the beginning of a line was changed', () => {
    const original = ['Dino asks about the two hinges', 'lately bought?', '', 'He wants to have them soon.'];
    const edited = original.with(1, 'never bought?').join('⏎');
    assertReply(`In brass.⏎⏎Ann Ex blafte 5 mar 2024:⏎⏎${edited}`, 'In brass.', {
      ...KNOWN,
      sketches: [makeSketch([original])],
    });
  });
  it('also an older one of the thread', () => {
    const older = makeSketch(['Ben bought paint for the door and left it in the hall.']);
    assertReply('In brass.⏎⏎ORIGINAL', 'In brass.', {
      sketches: [older, ...(KNOWN.sketches as Uint8Array[])],
    });
  });
});

describe('what was typed stays', () => {
  const answers =
    'Ann Ex blafte:⏎⏎Hello Ben,⏎⏎which hinges shall I take for the shed? The small ones are sold out already.⏎⏎The big ones.⏎⏎Do you want them in black or in brass?⏎⏎In brass.';
  it('between lines without marks', () => {
    const { reply } = extractReply(lines(answers), KNOWN);
    assert.match(reply, /The big ones\.[^]*In brass\./);
  });
  it('between lines without marks below fields and a text', () => {
    const { reply } = extractReply(
      lines(
        `See below.⏎⏎From: Ann Ex <ann@ex.example>⏎Sent: Tuesday, 5 March 2024 14:07⏎To: Ben⏎Subject: Hinges⏎⏎${answers.slice(16)}⏎⏎Thanks,⏎Ann`,
      ),
      KNOWN,
    );
    assert.match(reply, /See below\.[^]*The big ones\.[^]*In brass\./);
  });
  it('on the line of the question', () => {
    const text =
      'Ann Ex blafte:⏎⏎Hello Ben,⏎⏎which hinges shall I take for the shed? The small ones are sold out already. The big ones!⏎Do you want them in black or in brass? Both.⏎⏎Thanks,⏎Ann';
    const { reply } = extractReply(lines(text), KNOWN);
    assert.match(reply, /already\. The big ones!\nDo you want them in black or in brass\? Both\./);
  });
  it('under fields, where a banner stands above the original', () => {
    const fields =
      'From: Ann Ex <ann@ex.example>⏎Sent: Tuesday, 5 March 2024 14:07⏎To: Ben⏎Subject: Hinges⏎⏎';
    const banner = 'CAUTION: External sender. Do not click links in this message.⏎⏎';
    assertReply(`${fields}${banner}ORIGINAL⏎⏎In brass.`, 'In brass.');
    assertReply(`In brass.⏎⏎${fields}Nobody knows this banner.⏎⏎ORIGINAL`, 'In brass.');
    assertReply(`${fields}In brass.⏎⏎ORIGINAL`, 'In brass.');
  });
  it('where it says a line of the original', () => {
    for (const typed of ['Thanks,⏎Ann', 'Do you want them in black or in brass?', 'In brass.⏎⏎Thanks,'])
      assertReply(`${typed}⏎⏎On 5 March 2024 at 14:07, Ann Ex wrote:⏎> ${ORIGINAL.join('⏎> ')}`, typed);
    assertReply('In brass.⏎⏎Thanks,⏎⏎ORIGINAL', 'In brass.⏎⏎Thanks,');
    assertReply(
      'Do you want them in black or in brass?⏎⏎You ask me?',
      'Do you want them in black or in brass?⏎⏎You ask me?',
    );
  });
  it('where it ends in the words with which a line of the original begins', () => {
    assertReply(
      'I wonder about the shed?⏎The small ones⏎⏎ORIGINAL',
      'I wonder about the shed?⏎The small ones',
    );
  });
  it('directly under a marked line that it does not go on from', () => {
    const text =
      'On 5 March 2024, Ann Ex wrote:⏎> which hinges shall I take for the shed? The small ones are sold out already.⏎the big ones then⏎> Do you want them in black or in brass?⏎> Thanks,⏎> Ann';
    assert.match(extractReply(lines(text), KNOWN).reply, /the big ones then/);
  });
  it('where there is nothing but the original', () => {
    assertReply('ORIGINAL', ORIGINAL.join('⏎'));
  });
  it('where the mail says that it sends the original on', () => {
    const known = { ...KNOWN, subjects: ['Fwd: Hinges'] };
    assertReply('See this.⏎⏎ORIGINAL', `See this.⏎⏎${ORIGINAL.join('⏎')}`, known);
  });
  it('where an original says as little as the answer', () => {
    assertReply('Fine.⏎⏎Thanks', 'Fine.⏎⏎Thanks', { sketches: [makeSketch(['Thanks'])] });
    assertReply('Fine.⏎⏎Ann Ex blafte:⏎⏎Thanks', 'Fine.', { ...KNOWN, sketches: [makeSketch(['Thanks'])] });
  });
});
