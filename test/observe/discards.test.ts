// What is said of dropped replies, and of the daemon as a whole, by the facts that it is made of.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type StatusFacts, statusLine } from '../../src/daemon/status-line.ts';
import { discardsIn, discardsInWords } from '../../src/observe/discards.ts';
import type { VerdictCount } from '../../src/observe/figures.ts';
import { MOST_COUNTED } from '../../src/store/figures.ts';

const counted = (verdict: string, reason: string, count: number, cause?: string): VerdictCount => ({
  ...{ verdict, reason, count, lastAt: 0 },
  ...(cause === undefined ? {} : { cause }),
});

describe('the replies that were dropped', () => {
  it('are counted among those of people, with the cause of most', () => {
    const discards = discardsIn([
      counted('accepted', 'queued', 1),
      counted('accepted', 'held', 90),
      counted('rejected', 'forged', 90),
      counted('discarded', 'auto-reply', 90),
      counted('discarded', 'spoofed', 30, 'no-results'),
      counted('discarded', 'spoofed', 2, 'failed'),
      counted('discarded', 'malformed', 1),
    ]);
    assert.deepEqual(discards, {
      ...{ replies: 34, discarded: 33, cause: 'no-results', isMost: true, isOfTheSite: true },
    });
    const words = '33 of 34 replies since yesterday were discarded: no Authentication-Results';
    assert.equal(discardsInWords(discards), words);
  });

  it("are a sender's own matter where the filter says no, and none where nothing came", () => {
    const forged = discardsIn([
      counted('discarded', 'spoofed', 3, 'failed'),
      counted('accepted', 'queued', 3),
    ]);
    assert.deepEqual([forged.isMost, forged.isOfTheSite], [false, false]);
    const none = discardsIn([]);
    assert.deepEqual([none.isMost, none.isOfTheSite], [false, false]);
    assert.equal(discardsInWords(none), '0 of 0 replies since yesterday were discarded');
  });
});

describe('the status line', () => {
  const usual: StatusFacts = {
    ...{ domain: 'reply.example.org', open: 0, isPaused: false, sinks: [{ name: 'webhook', state: 'up' }] },
    ...{ trouble: undefined, isSpaceLow: false, discards: undefined },
  };
  const lost = discardsIn([counted('discarded', 'spoofed', 41, 'no-results')]);
  const cases: readonly (readonly [string, Partial<StatusFacts>, string])[] = [
    ['all is well', {}, 'serving reply.example.org; 0 to be posted; sink up'],
    [
      'nothing is known of the sink yet',
      { sinks: [{ name: 'webhook', state: undefined }] },
      'serving reply.example.org; 0 to be posted; sink not known yet',
    ],
    [
      'the queue is paused',
      { isPaused: true, open: MOST_COUNTED },
      `serving reply.example.org; ${MOST_COUNTED} or more to be posted (paused); sink up`,
    ],
    [
      'the sink is broken',
      { sinks: [{ name: 'webhook', state: 'broken' }] },
      'serving reply.example.org; 0 to be posted; sink broken',
    ],
    [
      'one of several sinks is broken',
      {
        sinks: [
          { name: 'forum', state: 'up' },
          { name: 'tracker', state: 'broken' },
          { name: 'wiki', state: undefined },
        ],
      },
      'serving reply.example.org; 0 to be posted; sink tracker broken, sink wiki not known yet, 1 up',
    ],
    [
      'the disk is full',
      { isSpaceLow: true },
      'all mail is put off (452): less space is free than store.low_water; 0 to be posted; sink up',
    ],
    [
      'mail is put off',
      { isSpaceLow: true, trouble: 'another pepper' },
      'all mail is put off (451): another pepper; 0 to be posted; sink up',
    ],
    [
      'replies are dropped',
      { discards: lost },
      'serving reply.example.org; 0 to be posted; sink up; 41 of 41 replies since yesterday were discarded: no Authentication-Results',
    ],
  ];
  for (const [name, facts, line] of cases)
    it(`says that ${name}`, () => {
      assert.equal(statusLine({ ...usual, ...facts }), line);
    });
});
