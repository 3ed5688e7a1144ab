import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { neutralise } from '../../src/reply/escape.ts';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import { shortestMs } from '../support/elapsed.ts';
import { type Generator, PAGES, TEXTS } from './fixtures/hostile.ts';

const SIZE = 1024 * 1024;
/**
 * Far above what is measured (at most 150 ms for text, 1 s for HTML) and far below what anything quadratic takes on
 * a mebibyte, so that a busy machine does not fail the test and a slow rule does.
 */
const MAX_MS = 5000;

function within(generate: Generator, run: (input: string) => unknown): void {
  const input = generate(SIZE);
  const tookMs = shortestMs(MAX_MS, () => run(input));
  assert.ok(tookMs < MAX_MS, `${tookMs} ms`);
}

describe('one mebibyte of hostile text', () => {
  for (const [name, generate] of Object.entries(TEXTS)) {
    it(name, () => {
      within(generate, extractReply);
    });
  }
});

describe('one mebibyte of hostile HTML', () => {
  for (const [name, generate] of Object.entries(PAGES)) {
    it(name, () => {
      within(generate, htmlToMarkdown);
    });
  }
});

describe('one mebibyte to neutralise', () => {
  const policy = { mentions: true, references: true, commands: true, closing: true };
  for (const piece of [
    '@',
    '#1',
    '`',
    '`a',
    '``',
    'fixes ',
    'fixes a/',
    '> ',
    'https://',
    '/x\n',
    'x\n',
    '```\n',
    ' ',
  ]) {
    it(JSON.stringify(piece), () => {
      within(
        (size) => piece.repeat(size / piece.length),
        (input) => neutralise(input, policy),
      );
    });
  }
});
