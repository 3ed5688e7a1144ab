// Notifications and a daemon that is killed, or stopped: none is lost, and a second copy is known by its Message-ID.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldsOf } from '../support/mailbox.ts';
import { handOver, notification, startNotifying } from '../support/notifying.ts';
import { testScratch } from '../support/scratch.ts';

describe('a notification', () => {
  it('that was handed over while no daemon ran is sent by the next one', async (t) => {
    const { daemon, mailbox } = await startNotifying(testScratch(t));
    await daemon.stop();
    const [row] = await handOver(daemon, ['t/1']);
    assert.equal(mailbox.mails.length, 0);
    await daemon.start();
    const mail = await mailbox.nthMail(1);
    assert.equal(mail.mailFrom, `<${String(row?.reply_to)}>`);
    assert.deepEqual(
      fieldsOf(mail, 'Message-ID').map((id) => id.trim()),
      [row?.message_id],
    );
    await notification(daemon, row?.id, ({ state }) => state === 'sent');
  });

  it('that was being put off is sent after a kill, and its attempts are counted on', async (t) => {
    const { daemon, mailbox } = await startNotifying(testScratch(t));
    mailbox.rcptReply = '450 4.2.1 later';
    const [row] = await handOver(daemon, ['t/1']);
    const before = await notification(daemon, row?.id, ({ last_diagnostic: said }) =>
      String(said).includes('450'),
    );
    await daemon.kill9();
    mailbox.rcptReply = '250 2.1.5 OK';
    await daemon.start();
    const { attempts } = await notification(daemon, row?.id, ({ state }) => state === 'sent');
    // Another attempt may have been put off before the kill came.
    assert.ok(Number(attempts) > Number(before.attempts), `${String(attempts)} attempts`);
    assert.equal(mailbox.mails.length, 1);
  });

  it('whose daemon is killed after the end of data, before the reply, is the same message once more', async (t) => {
    const { daemon, mailbox } = await startNotifying(testScratch(t));
    mailbox.dataReply = undefined;
    const [row] = await handOver(daemon, ['t/1']);
    await mailbox.nthMail(1);
    await daemon.kill9();
    mailbox.dataReply = '250 2.0.0 taken';
    await daemon.start();
    await notification(daemon, row?.id, ({ state }) => state === 'sent');
    const [first, second] = mailbox.mails;
    assert.deepEqual(second?.raw, first?.raw);
    assert.equal(mailbox.mails.length, 2);
  });

  it('that the server hangs on does not keep the daemon from ending', async (t) => {
    const { daemon, mailbox } = await startNotifying(testScratch(t));
    mailbox.dataReply = undefined;
    await handOver(daemon, ['t/1']);
    await mailbox.nthMail(1);
    assert.equal(await daemon.stop(), 'exit 0');
  });
});
