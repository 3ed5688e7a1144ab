// Notices by way of a real Postfix: from the outcome of a reply into the mailbox of the person who wrote it.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Daemon, type Settings, startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/free-port.ts';
import { fieldsOf, type Mailbox, startMailbox, textOf } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { lmtpSocketIn, type Postfix, postfixUnavailable, startPostfix } from '../support/postfix.ts';
import { testScratch } from '../support/scratch.ts';
import { ALICE, freshAddress } from '../support/site.ts';

const skip = postfixUnavailable();

interface NoticeSite {
  readonly daemon: Daemon;
  readonly platform: Platform;
  readonly postfix: Postfix;
  /** Where Postfix delivers all mail that is not for mailgw. */
  readonly mailbox: Mailbox;
}

/** A site that authenticates alice's mail, as its own filter would, and sends notices through its Postfix. */
async function startSite(t: TestContext, settings: Settings = {}): Promise<NoticeSite> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  const mailbox = await startMailbox(scratch);
  const port = await freePort();
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    socket: lmtpSocketIn(scratch),
    settings: {
      ...settings,
      lmtp: { group: 'postfix' },
      sender: { policy: 'strict', authserv_id: 'mx.example.org' },
      notice: { kinds: ['empty', 'undelivered'], server: `127.0.0.1:${port}` },
    },
  });
  await daemon.addUser(ALICE.user, ALICE.address);
  const authenticated = 'PREPEND Authentication-Results: mx.example.org; dmarc=pass header.from=example.com';
  const postfix = await startPostfix(scratch, {
    port,
    settings: {
      default_transport: `smtp:[127.0.0.1]:${mailbox.port}`,
      smtpd_sender_restrictions: 'check_sender_access texthash:$config_directory/filter',
    },
    tables: { filter: `${ALICE.address} ${authenticated}\n` },
  });
  return { daemon, platform, postfix, mailbox };
}

describe('a notice reaches the mailbox of the sender, with the null reverse-path', {
  concurrency: false,
}, () => {
  it('of an empty reply, once a day', { skip }, async (t) => {
    const { daemon, postfix, mailbox, platform } = await startSite(t);
    const { reply_to } = await freshAddress(daemon);
    for (let copy = 0; copy < 3; copy++) {
      const data = replyMessage({ to: reply_to, body: 'On Friday, Tracker wrote:\n> Does it work?\n' });
      await postfix.done(await postfix.accept({ from: ALICE.address, to: [reply_to], data }));
    }
    const mail = await mailbox.nthMail(1);
    assert.match(mail.mailFrom, /^<>/);
    assert.match(mail.recipients.join(), /^<alice@example\.com>/);
    assert.deepEqual(fieldsOf(mail, 'Auto-Submitted'), ['auto-replied']);
    assert.match(textOf(mail), /> > Does it work\?/);
    await postfix.queueEmpty();
    const notices = await daemon.ctl('notice', 'list');
    assert.deepEqual(
      notices.map(({ state, kind, user }) => [state, kind, user]),
      [['sent', 'empty', 'alice']],
    );
    assert.equal(mailbox.mails.length, 1);
    assert.equal(platform.requests.length, 0);
  });

  it('of a dead letter, also when that mailbox takes no mail at first', { skip }, async (t) => {
    const delivery = { retry_first: '100ms', retry_longest: '200ms', max_age: '1s' };
    const { daemon, postfix, mailbox, platform } = await startSite(t, { delivery });
    await platform.down();
    mailbox.rcptReply = '451 4.3.0 not now';
    const { reply_to } = await freshAddress(daemon);
    const data = replyMessage({ to: reply_to, body: 'My own words.\n' });
    await postfix.done(await postfix.accept({ from: ALICE.address, to: [reply_to], data }));
    await postfix.waitForLog(/to=<alice@example\.com>.*status=deferred/);
    mailbox.rcptReply = '250 2.1.5 OK';
    await postfix.flush();
    const mail = await mailbox.nthMail(1);
    assert.match(mail.mailFrom, /^<>/);
    assert.match(textOf(mail), /given up[^]*> My own words\./);
  });
});
