// Notifications by way of a real Postfix: out to the user's mailbox, back as an answer, and back as a bounce.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { fieldsOf, type Mailbox, startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { handOver, notification } from '../support/notifying.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { lmtpSocketIn, type Postfix, postfixUnavailable, startPostfix } from '../support/postfix.ts';
import { testScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';

const skip = postfixUnavailable();

const THREAD = 'acme/site/issue/7';

interface Circle {
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly postfix: Postfix;
  /** Where Postfix delivers all mail that is not for mailgw. */
  readonly mailbox: Mailbox;
}

/** A site that sends by its Postfix, which delivers to one mailbox. */
async function startCircle(t: TestContext): Promise<Circle> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  const mailbox = await startMailbox(scratch);
  const port = await freePort();
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    socket: lmtpSocketIn(scratch),
    settings: { lmtp: { group: 'postfix' }, outbound: { relay: `127.0.0.1:${port}` } },
  });
  await daemon.addUser(ALICE.user, ALICE.address);
  const settings = { default_transport: `smtp:[127.0.0.1]:${mailbox.port}` };
  const postfix = await startPostfix(scratch, { port, settings });
  return { daemon, platform, postfix, mailbox };
}

describe('a notification by a real Postfix', { concurrency: false }, () => {
  it('reaches the user, whose answer to what its header says is posted to the thread', {
    skip,
  }, async (t) => {
    const { daemon, platform, postfix, mailbox } = await startCircle(t);
    const [row] = await handOver(daemon, [THREAD]);
    const mail = await mailbox.nthMail(1);
    await notification(daemon, row?.id, ({ state }) => state === 'sent');
    const [messageId = ''] = fieldsOf(mail, 'Message-ID').map((id) => id.trim());
    const [replyTo = ''] = fieldsOf(mail, 'Reply-To').map((address) => address.trim());
    assert.deepEqual([messageId, replyTo], [row?.message_id, row?.reply_to]);
    const inReplyTo = messageId.slice(1, -1);
    const data = replyMessage({ to: replyTo, inReplyTo, body: 'I mend it tomorrow.\n' });
    await postfix.done(await postfix.accept({ from: ALICE.address, to: [replyTo], data }));
    const post = await platform.nthPost(1);
    assert.deepEqual([post.data.thread, post.data.user], [THREAD, ALICE.user]);
    assert.match(post.data.body.text, /^I mend it tomorrow\./);
  });

  it('that bounces is counted for its user', { skip }, async (t) => {
    const { daemon, postfix, mailbox } = await startCircle(t);
    mailbox.rcptReply = '550 5.1.1 no such user';
    await handOver(daemon, [THREAD]);
    await postfix.waitForLog(/to=<alice@example\.com>.*status=bounced/);
    const counted = await eventually(
      async () => (await daemon.ctl('user', 'show', ALICE.user)).find(({ hard_bounces: hard }) => hard === 1),
      () => daemon.log(),
    );
    assert.equal(counted.user, ALICE.user);
    const [event] = await daemon.ctl('queue', 'list');
    assert.equal(event?.thread, THREAD);
  });
});
