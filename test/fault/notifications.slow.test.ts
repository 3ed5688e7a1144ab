// kill -9 while notifications are sent, and while the mail server is down: none is lost, none goes out under two ids.
//
// The daemon is killed at an arrival of each round, from the first to the last, so some mails are repeated: to the mail
// server they are the same message, with the Message-ID that the hand-over was answered with.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import type { Row } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { fieldsOf } from '../support/mailbox.ts';
import { handOver, startNotifying } from '../support/notifying.ts';
import { testScratch } from '../support/scratch.ts';

const ROUNDS = 20;

/** Notifications of one round. */
const BURST = 12;

describe('kill -9 while notifications are sent', () => {
  it(`${ROUNDS} rounds: every one arrives, under its one Message-ID`, async (t) => {
    const scratch = testScratch(t);
    const { daemon, mailbox } = await startNotifying(scratch);
    const rows: Row[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 5 === 4) await mailbox.down();
      const before = mailbox.mails.length;
      const threads = Array.from({ length: BURST }, (_, n) => `t/${round}/${n}`);
      const [answered] = await Promise.all([
        handOver(daemon, threads),
        round % 5 === 4 ? undefined : mailbox.nthMail(before + 1 + (round % BURST)),
      ]);
      rows.push(...answered);
      await daemon.kill9();
      // The same lines again, as by a platform that never saw the answer.
      const again = await handOver(daemon, threads);
      assert.deepEqual(
        again,
        answered.map((row) => ({ ...row, repeated: true })),
      );
      if (round % 5 === 4) await mailbox.up();
      await daemon.start();
    }
    const store = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
    scratch.defer(() => {
      store.close();
    });
    const states = store.prepare('SELECT state, count(*) AS count FROM notification GROUP BY state');
    const total = ROUNDS * BURST;
    await eventually(
      () =>
        JSON.stringify(states.all()) === JSON.stringify([{ state: 'sent', count: total }]) ? true : undefined,
      () => JSON.stringify(states.all()),
      60_000,
    );
    assert.equal(await daemon.stop(), 'exit 0');

    const copies = new Map<string, Buffer>();
    for (const mail of mailbox.mails) {
      const id = fieldsOf(mail, 'Message-ID').join().trim();
      const first = copies.get(id);
      if (first === undefined) copies.set(id, mail.raw);
      else assert.deepEqual(mail.raw, first, `two mails under ${id}`);
    }
    assert.deepEqual([...copies.keys()].toSorted(), rows.map((row) => String(row.message_id)).toSorted());
    assert.equal(store.pragma('integrity_check', { simple: true }), 'ok');
    t.diagnostic(`${mailbox.mails.length} mails for ${total} notifications`);
  });
});
