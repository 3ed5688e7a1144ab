/**
 * What people type stays, alone, with what is known of the original, and above one; what programs add goes.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import type { Known } from '../../src/reply/text/known.ts';
import { makeSketch } from '../../src/reply/text/sketch.ts';
import { DEVICES, HTML_REPLIES, ORIGINALS, REPLIES, SIGNATURES } from './fixtures/added.ts';
import { TYPED, TYPED_ROLES } from './fixtures/typed.ts';

const ANN: Known = { names: ['Ann Ex'], addresses: ['ann@ex.example'], subjects: ['Re: Shed'] };
const ROLES: Known = {
  names: ['Support'],
  addresses: ['notifications@ex.example', 'support@ex.example'],
};
const fold = (text: string): string => text.replace(/\s+/gu, ' ').trim();
const lines = (text: string): string => text.replaceAll('⏎', '\n');

function assertReply(text: string, wanted: string, known?: Known): void {
  assert.equal(fold(extractReply(lines(text), known).reply), fold(lines(wanted)));
}

describe('what was typed', () => {
  for (const [name, text] of Object.entries(TYPED)) {
    for (const [below, original] of Object.entries(ORIGINALS)) {
      it(`stays: ${name}, ${below}`, () => {
        if (original === '') assertReply(text, text);
        assertReply(text + original, text, ANN);
      });
    }
  }
  for (const [name, text] of Object.entries(TYPED_ROLES)) {
    it(`stays: ${name}, of an address that is known`, () => {
      assertReply(text, text, ROLES);
    });
  }
  for (const told of [
    'I told Ben so on 5 March 2024 at 14:07, and he wrote: never mind.',
    'I told Ben so on 5 March 2024 at 14:07.',
    'On 5 March 2024 at 14:07 I called Ben.',
  ]) {
    it(`stays between quotes, where it tells of a day: ${told}`, () => {
      const [asked, also] = ['Which hinges shall I take for the shed?', 'And who has the key of the shed?'];
      const text = `On 6 Mar 2024 14:07, Ann Ex wrote:⏎> ${asked}⏎${told}⏎⏎> ${also}⏎⏎So I did not.`;
      assertReply(text, text, ANN);
      assertReply(text, text, { ...ANN, sketches: [makeSketch([asked, also])] });
    });
  }
  for (const told of [
    'It failed on 5 March 2024 at 14:07 and never again:',
    'Ben wrote me on 5 March 2024.',
    'We spoke with Ann Ex on 5 March 2024.',
    'Ann told me at 14:07 on 5 March 2024!',
  ]) {
    it(`stays between two lines that are known of one original: ${told}`, () => {
      const [asked, also] = ['Which hinges shall I take for the shed?', 'And who has the key of the shed?'];
      const text = `On 6 Mar 2024 14:07, Ann Ex wrote:⏎> ${asked}⏎${told}⏎⏎> ${also}⏎⏎So I did not.`;
      assertReply(text, text, { ...ANN, sketches: [makeSketch([asked, also])] });
    });
  }
  it('stays below the lines of an original that are known', () => {
    const question = 'Which hinges shall I take for the shed?';
    const text = `On 5 Mar 2024 14:07, Ann Ex <ann@ex.example> wrote:⏎⏎${question}⏎⏎The small ones, please.`;
    assertReply(text, 'The small ones, please.', { ...ANN, lines: [question] });
  });
  it('stays where an address that is known has no word before its @', () => {
    const text = 'From: Berlin BER⏎To: Paris CDG⏎Date: 5 March 2024, 14:07⏎Flight: AF 1235⏎⏎Is it fine?';
    assertReply(text, text, { addresses: ['+++@ex.example'] });
  });
  it('stays around lines of the original that the writer repeats', () => {
    const question = 'Which hinges shall I take for the shed?';
    const text = `You asked:⏎${question}⏎⏎The small ones, please.`;
    assertReply(text, text, { ...ANN, lines: [question] });
  });
});

describe('what programs add', () => {
  for (const [below, original] of Object.entries(ORIGINALS)) {
    for (const signature of SIGNATURES) {
      it(`goes: ${fold(lines(signature))}, ${below}`, () => {
        assertReply(`Fine.⏎--⏎${signature}${original}`, 'Fine.');
        assertReply(`Fine.⏎⏎--⏎${signature}${original}`, 'Fine.');
      });
    }
    for (const device of DEVICES) {
      it(`goes: ${device}, ${below}`, () => {
        assertReply(`Fine.⏎⏎${device}${original}`, 'Fine.');
      });
    }
  }
  it('goes: a local part of several words before a verb that no list has', () => {
    const text = 'bob-acme nabazala:⏎> Which?⏎⏎Small.';
    assertReply(text, 'Small.', { addresses: ['bob-acme@ex.example'] });
  });
  for (const [name, [text, reply]] of Object.entries(REPLIES)) {
    it(`goes: ${name}`, () => {
      assertReply(text, reply);
      assertReply(text, reply, ANN);
    });
  }
  for (const [name, [html, reply]] of Object.entries(HTML_REPLIES)) {
    it(`goes: ${name}`, () => {
      assert.equal(fold(htmlToMarkdown(html).reply), reply);
    });
  }
});
