import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { testScratch } from '../support/scratch.ts';
import { README, RECORDING, record, shapeOf } from './recording.ts';
import { fenced, readSection } from './sections.ts';

describe('the recording in README.md', () => {
  it('is what npm run demo and mailgw-ctl print, but for ids and times (npm run docs writes it)', async (t) => {
    const made = fenced('text', await record(testScratch(t)));
    assert.equal(shapeOf(readSection(readFileSync(README, 'utf8'), RECORDING)), shapeOf(made));
  });
});
