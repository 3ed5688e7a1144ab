// What happens to replies while a part is down: Postfix keeps what the daemon has not taken, the daemon keeps what the
// platform has not taken, and each reply is posted once.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { newMessageId, replyMessage } from '../support/message.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { ALICE, freshAddress, type Site, suiteSite } from '../support/site.ts';

const skip = postfixUnavailable();

const SENDERS = 4;
const ROUNDS = 3;

/** Several senders submit one reply after the other until `disturb` has ended; returns the Message-IDs. */
async function sendWhile(site: Site, disturb: () => Promise<void>): Promise<string[]> {
  // Before: the daemon mints them, and what is asked of one that ends is answered by nobody.
  const addresses: string[] = [];
  while (addresses.length < SENDERS) addresses.push((await freshAddress(site.daemon)).reply_to);
  const sent: string[] = [];
  let ended = false;
  const send = async (to: string): Promise<void> => {
    do {
      const messageId = newMessageId();
      const data = replyMessage({ to, messageId });
      await site.postfix.accept({ from: ALICE.address, to: [to], data });
      sent.push(`<${messageId}>`);
    } while (!ended);
  };
  const disturbed = disturb().finally(() => {
    ended = true;
  });
  // All have come to an end, also where one fails: what goes on would disturb the next test.
  const ends = await Promise.allSettled([disturbed, ...addresses.map(send)]);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return sent;
}

/** Ends the daemon with `end` while replies flow, starts it when Postfix has met its absence; several times. */
async function interrupt({ daemon, postfix }: Site, end: () => Promise<unknown>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    await postfix.waitForLog(/status=sent/, postfix.log().length);
    const since = postfix.log().length;
    await end();
    await postfix.waitForLog(/status=deferred/, since);
    await daemon.start();
  }
}

/** Every one of the messages has exactly one post, and Postfix has nothing left and returned nothing. */
async function assertPostedOnce({ postfix, platform }: Site, messageIds: string[]): Promise<void> {
  await postfix.queueEmpty(60_000);
  for (const id of messageIds) await platform.post((post) => post.data.message_id === id, 30_000);
  const posted = platform.posts.map((post) => post.data.message_id ?? 'none');
  assert.deepEqual(posted.filter((id) => messageIds.includes(id)).sort(), [...messageIds].sort());
  assert.doesNotMatch(postfix.log(), /status=(bounced|expired)|status=sent \(221/);
}

describe('the daemon goes and comes back', { concurrency: false }, () => {
  const site = suiteSite();

  it('a reply sent while it is stopped waits in Postfix and is posted once it runs', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    assert.equal(await daemon.stop(), 'exit 0');
    const data = replyMessage({ to: reply_to });
    const queueId = await postfix.accept({ from: ALICE.address, to: [reply_to], data });
    await postfix.waitForLog(new RegExp(`${queueId}: .*dsn=4\\.4\\.1, status=deferred`));
    await daemon.start();
    assert.match((await postfix.done(queueId)).join('\n'), /status=sent \(250 2\.0\.0 queued as/);
    await platform.post((post) => post.data.thread === thread);
  });

  it('nothing is lost or doubled when it is stopped and started under way', { skip }, async (t) => {
    const running = site();
    const messageIds = await sendWhile(running, () => interrupt(running, () => running.daemon.stop()));
    t.diagnostic(`${messageIds.length} replies over ${ROUNDS} interruptions`);
    await assertPostedOnce(running, messageIds);
  });

  it('nothing is lost or doubled when it is killed under way', { skip }, async (t) => {
    const running = site();
    const messageIds = await sendWhile(running, () => interrupt(running, () => running.daemon.kill9()));
    t.diagnostic(`${messageIds.length} replies over ${ROUNDS} interruptions`);
    await assertPostedOnce(running, messageIds);
  });
});

describe('the platform goes and comes back', { concurrency: false }, () => {
  const site = suiteSite();

  it('a reply is taken while the platform is down, and posted when it is back', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    await platform.down();
    const data = replyMessage({ to: reply_to });
    const queueId = await postfix.accept({ from: ALICE.address, to: [reply_to], data });
    assert.match((await postfix.done(queueId)).join('\n'), /status=sent \(250 2\.0\.0 queued as/);
    const item = (await daemon.ctl('queue', 'list')).find((row) => row.thread === thread);
    assert.match(String(item?.state), /^(ready|leased|waiting)$/);
    await platform.up();
    await platform.post((post) => post.data.thread === thread);
  });

  it('a restart of the daemon in the meantime changes nothing', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    await platform.down();
    const data = replyMessage({ to: reply_to });
    await postfix.done(await postfix.accept({ from: ALICE.address, to: [reply_to], data }));
    await daemon.restart();
    await platform.up();
    await platform.post((post) => post.data.thread === thread);
  });

  it('an answer of 503 or 401 is tried again under the same Idempotency-Key', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    platform.answerNext(503, 401);
    const data = replyMessage({ to: reply_to });
    await postfix.accept({ from: ALICE.address, to: [reply_to], data });
    await platform.post((post) => post.data.thread === thread);
    const attempts = platform.requests.filter(({ reply }) => reply.data.thread === thread);
    assert.deepEqual(
      attempts.map(({ status }) => status),
      [503, 401, 201],
    );
    assert.equal(new Set(attempts.map(({ idempotencyKey }) => idempotencyKey)).size, 1);
  });
});
