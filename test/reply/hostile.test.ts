import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { describe, it } from 'node:test';
import { neutralise } from '../../src/reply/escape.ts';
import { htmlToMarkdown } from '../../src/reply/html/html.ts';
import { extractReply } from '../../src/reply/text/extract.ts';
import { type Generator, PAGES, TEXTS } from './fixtures/hostile.ts';

const SIZE = 1024 * 1024;
/**
 * Far above what is measured (at most 150 ms for text, 1 s for HTML) and far below what anything quadratic takes on
 * a mebibyte, so that a busy machine does not fail the test and a slow rule does.
 */
const MAX_MS = 5000;

function within(generate: Generator, run: (input: string) => unknown): void {
  const input = generate(SIZE);
  const start = performance.now();
  run(input);
  assert.ok(performance.now() - start < MAX_MS);
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
