// Notices and a daemon that is killed: none is lost, and a second copy is known by its Message-ID.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Daemon, type Row, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { NO_SINK } from '../support/intake.ts';
import { fieldsOf, type Mailbox, startMailbox } from '../support/mailbox.ts';
import { testScratch } from '../support/scratch.ts';
import { ALICE, freshAddress } from '../support/site.ts';
import { SmtpSession } from '../support/smtp.ts';

/** A daemon whose sender policy passes alice, and a mailbox for its notices. */
async function startSite(t: TestContext): Promise<{ daemon: Daemon; mailbox: Mailbox }> {
  const scratch = testScratch(t);
  const mailbox = await startMailbox(scratch);
  const daemon = await startDaemon(scratch, {
    sink: NO_SINK,
    settings: {
      sender: { policy: 'strict', authserv_id: 'mx.example.org' },
      notice: { kinds: ['empty'], server: mailbox.server },
    },
  });
  await daemon.addUser(ALICE.user, ALICE.address);
  return { daemon, mailbox };
}

/** Sends an empty reply of alice's. */
async function sendEmpty(daemon: Daemon): Promise<void> {
  const { reply_to: to } = await freshAddress(daemon);
  const session = await SmtpSession.open(daemon.socket);
  await session.say('LHLO mx.example.org');
  await session.say(`MAIL FROM:<${ALICE.address}>`);
  await session.say(`RCPT TO:<${to}>`);
  const lines = [
    'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com',
    'Received: from a by mx.example.org; Sat, 21 Nov 2026 10:00:00 +0000',
    `From: ${ALICE.address}`,
    `To: ${to}`,
    'Message-ID: <empty@example.com>',
    '',
    '> only a quote',
    '',
  ];
  assert.match((await session.content(lines.join('\r\n'))).text, /queued as/);
  session.close();
}

/** The one notice, as soon as it is as wanted. */
async function notice(daemon: Daemon, wanted: (row: Row) => boolean): Promise<Row> {
  const look = async () => (await daemon.ctl('notice', 'list')).find(wanted);
  return await eventually(look, () => daemon.log());
}

describe('a daemon that is killed', () => {
  it('while Postfix is down sends its notices after the next start', async (t) => {
    const { daemon, mailbox } = await startSite(t);
    await mailbox.down();
    await sendEmpty(daemon);
    await notice(daemon, (row) => row.attempts === 1 && row.last_diagnostic !== null);
    await daemon.kill9();
    await mailbox.up();
    await daemon.start();
    await mailbox.nthMail(1);
    await notice(daemon, (row) => row.state === 'sent');
  });

  it('after the end of data, before the reply, sends the same message once more', async (t) => {
    const { daemon, mailbox } = await startSite(t);
    mailbox.dataReply = undefined;
    await sendEmpty(daemon);
    await mailbox.nthMail(1);
    await daemon.kill9();
    mailbox.dataReply = '250 2.0.0 taken';
    await daemon.start();
    await mailbox.nthMail(2);
    await notice(daemon, (row) => row.state === 'sent');
    const [first, second] = mailbox.mails.map((mail) => [
      fieldsOf(mail, 'Message-ID'),
      fieldsOf(mail, 'Date'),
      fieldsOf(mail, 'Subject'),
    ]);
    assert.deepEqual(second, first);
  });

  it('by SIGTERM in the midst of sending ends at once, and sends after the next start', async (t) => {
    const { daemon, mailbox } = await startSite(t);
    mailbox.dataReply = undefined;
    await sendEmpty(daemon);
    await mailbox.nthMail(1);
    assert.equal(await daemon.stop(), 'exit 0');
    mailbox.dataReply = '250 2.0.0 taken';
    await daemon.start();
    await notice(daemon, (row) => row.state === 'sent');
  });
});
