// A reply without a token in a mailbox: the verdict alone tells that something is to become of it in its folder.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { notifiedFor } from '../../src/site/notified.ts';
import { itemsIn, MAX_AGE, message } from '../gate/gate.ts';
import { ADDRESS, MATCHING, PASS } from '../gate/matching.ts';
import { eventually } from '../support/eventually.ts';
import { ImapScript } from '../support/imap-server.ts';
import { testScratch } from '../support/scratch.ts';
import { imapBench, MAILBOX } from './imap.ts';
import { SetPace } from './pace.ts';

describe('a reply without a token in a mailbox', () => {
  it('is marked, although the store fails between its commit and the note that it is to be', async (t) => {
    const script = await ImapScript.start();
    t.after(() => {
      script.stop();
    });
    const passwordFile = testScratch(t).path('password');
    writeFileSync(passwordFile, 'open-sesame\n', { mode: 0o600 });
    const config = { ...MAILBOX, port: script.port, passwordFile, authservId: MATCHING.authservId };
    const bench = await imapBench(t, [{ ...config, recipientHeaders: ['Delivered-To'] }], MATCHING);
    const { alice, clock, store } = bench.test;
    const sent = {
      messageId: '<n1@tracker.example>',
      userNumber: alice.number,
      thread: 'shop/1',
      repliedTo: clock.now,
    };
    await store.rememberNotified([
      notifiedFor({ maxAgeMs: MAX_AGE * 1000 }, { ...sent, subject: 'x' }, clock.now * 1000),
    ]);
    const lines = [
      ...PASS,
      `Delivered-To: ${ADDRESS}`,
      `To: <${ADDRESS}>`,
      'In-Reply-To: <n1@tracker.example>',
    ];
    script.append(message(['To: <somebody@example.org>']));
    script.append(message(lines));
    // As where the daemon dies: what was to be noted beside the commit is not, once.
    let failures = 0;
    const mailboxes = Object.create(store, {
      putOffMessage: {
        value: async (...given: Parameters<typeof store.putOffMessage>): Promise<void> => {
          if (given[0].state === 'courtesy' && failures++ === 0) throw new Error('as if it had died');
          await store.putOffMessage(...given);
        },
      },
    }) as typeof store;
    Object.assign(bench.intake, { mailboxes });
    const pace = new SetPace(clock.now * 1000);
    bench.open({ pace });
    const [other, reply] = script.inbox.messages;
    await eventually(
      () => {
        if (reply?.flags.has('\\Seen') === true) return true;
        pace.leap(20_000);
        return undefined;
      },
      () => `${failures} failures ${JSON.stringify(bench.events.slice(-5))} ${bench.verdicts.join(', ')}`,
    );
    assert.equal(failures, 2, 'it was noted the second time');
    assert.equal((await itemsIn(bench.test)).length, 1);
    assert.equal(other?.flags.has('\\Seen'), false);
  });
});
