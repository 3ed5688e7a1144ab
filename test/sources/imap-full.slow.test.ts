// A mailbox that has filled up while nobody read it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dovecotUnavailable } from '../support/dovecot.ts';
import { fillMailbox } from '../support/full-mailbox.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';

const MESSAGES = roundsOf(20_000, 4000);
const MOST_BYTES = 200e6;

describe('a mailbox with all that came for weeks', { skip: dovecotUnavailable() }, () => {
  it(`is caught up with, ${MESSAGES} messages, within 200 MB of memory`, async (t) => {
    const { catchUp, store, dovecot } = await fillMailbox(testScratch(t), MESSAGES);
    const { takenSeconds, peakBytes } = await catchUp();
    t.diagnostic(
      `${Math.round(MESSAGES / takenSeconds)} messages a second, ${Math.round(peakBytes / 1e6)} MB at most`,
    );
    const { ready, waiting } = (await store.counts()).byState;
    assert.equal(ready + waiting, MESSAGES);
    assert.deepEqual(await store.openMessages('full'), []);
    assert.ok(peakBytes < MOST_BYTES, `${peakBytes} bytes`);
    const client = await dovecot.connect();
    const unseen = await client.ask('STATUS INBOX (MESSAGES UNSEEN)');
    assert.match(unseen, new RegExp(`MESSAGES ${MESSAGES} UNSEEN 0\\b`));
    client.end();
  });
});
