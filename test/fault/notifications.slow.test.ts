// kill -9 while notifications are sent, and while the mail server is down: none is lost, none goes out under two ids.
//
// The daemon is killed at an arrival of each round, from the first to the last, so some mails are repeated: to the mail
// server they are the same message, with the Message-ID that the hand-over was answered with. By HTTP it is killed with
// the answers: what was answered is on disk, and what was not can be asked for again.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import type { Row } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { fieldsOf } from '../support/mailbox.ts';
import { handOver, type Notifying, startNotifying } from '../support/notifying.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';

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
    await checkAllSent(t, scratch, { daemon, mailbox }, rows);
  });

  it(`${ROUNDS} rounds: every one that was answered 202 arrives, under the Message-ID of that answer`, async (t) => {
    const scratch = testScratch(t);
    const port = await freePort();
    const { daemon, mailbox } = await startNotifying(scratch, { api: { listen: `127.0.0.1:${port}` } });
    const [token] = await daemon.ctl('token', 'create', 'tracker', '--scope', 'send');
    const rows: Row[] = [];
    let unanswered = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const threads = Array.from({ length: BURST }, (_, n) => `t/${round}/${n}`);
      const post = (thread: string) => postOne(port, String(token?.token), thread);
      let answers = 0;
      const under = threads.map(async (thread) => {
        const answer = await post(thread).catch(() => undefined);
        answers += 1;
        if (answers === 1 + (round % BURST)) await daemon.kill9();
        return answer;
      });
      const answered = await Promise.all(under);
      unanswered += answered.filter((answer) => answer === undefined).length;
      await daemon.start();
      const again = await Promise.all(threads.map(post));
      for (const [at, answer] of answered.entries())
        if (answer !== undefined) assert.deepEqual(again[at], answer);
      rows.push(...again);
    }
    t.diagnostic(`${unanswered} requests were cut off`);
    await checkAllSent(t, scratch, { daemon, mailbox }, rows);
  });
});

/** Hands one notification over by HTTP; rejects where the daemon is killed before its answer. */
async function postOne(port: number, token: string, thread: string): Promise<Row> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/notifications`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': thread,
    },
    body: JSON.stringify({ user: ALICE.user, thread, subject: thread, text: `About ${thread}.` }),
  });
  const row = (await answer.json()) as Row;
  assert.equal(answer.status, 202, JSON.stringify(row));
  return row;
}

/** Waits until all are sent; then each arrived under its Message-ID, and copies of it are the same to the octet. */
async function checkAllSent(
  t: TestContext,
  scratch: Scratch,
  { daemon, mailbox }: Notifying,
  rows: readonly Row[],
): Promise<void> {
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
}
