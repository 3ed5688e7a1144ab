// What is said of a measured catching up: a floor that is missed is called so.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Catching, mailboxTable, mailboxVerdicts } from './mailbox.ts';

const measured = (takenSeconds: number, peakBytes: number): Catching => {
  return { messages: 20_000, takenSeconds, markedSeconds: 120, plainSeconds: 10, peakBytes };
};

describe('catching up with a mailbox', () => {
  it('meets its floor at 200 messages a second, and its bound at 200 MB', () => {
    const met = (found: Catching): readonly boolean[] => mailboxVerdicts(found).map((each) => each.met);
    assert.deepEqual(met(measured(100, 200e6)), [true, true]);
    assert.deepEqual(met(measured(101, 200e6)), [false, true]);
    assert.deepEqual(met(measured(100, 201e6)), [true, false]);
  });

  it('says in its table which one is missed', () => {
    const words = mailboxTable(measured(101, 100e6)).rows.map((row) => row.at(-1));
    assert.deepEqual(words, ['MISSED', 'met', '', '', '']);
  });
});
