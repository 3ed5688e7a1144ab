// mailgw-ctl verdicts beside the real daemon: what became of mail that was refused or discarded.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Daemon, type Row, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { suiteScratch } from '../support/scratch.ts';

describe('mailgw-ctl verdicts', () => {
  const scratch = suiteScratch();
  let daemon: Daemon;

  before(async () => {
    const platform = await startPlatform(scratch);
    daemon = await startDaemon(scratch, { sink: platform.sink });
    await daemon.addUser('alice');
  });
  after(() => scratch.close());

  /** Waits until the command gives rows. */
  const listed = (...args: string[]): Promise<Row[]> =>
    eventually(
      async () => {
        const rows = await daemon.ctl('verdicts', ...args);
        return rows.length > 0 ? rows : undefined;
      },
      () => daemon.log(),
    );

  it('has what was discarded, whose it was, and why', async (t) => {
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'acme/site/issue/7' });
    const messageId = newMessageId();
    const client = await LmtpClient.open(t, daemon.socket);
    const headers = ['Auto-Submitted: auto-replied', 'Content-Type: text/plain'];
    const message = replyMessage({ to: address, messageId, headers });
    const [reply = ''] = await client.deliver(message, address);
    assert.match(reply, /^250 /);
    const [row, ...others] = await listed('--message-id', `<${messageId.replace(/^<|>$/g, '')}>`);
    assert.equal(others.length, 0);
    const { at, session, detail, ...said } = row!;
    assert.ok(Math.abs(Date.parse(String(at)) - Date.now()) < 60_000);
    assert.ok(daemon.log().includes(`"session":"${String(session)}"`));
    assert.match(String(detail), /Auto-Submitted/);
    assert.deepEqual(said, {
      verdict: 'discarded',
      reason: 'auto-reply',
      cause: null,
      address: 'reply+…@reply.example.org',
      user: 'alice',
      thread: 'acme/site/issue/7',
      from_domain: 'example.com',
      message_id: messageId.replace(/^<|>$/g, ''),
      queue_id: null,
    });
  });

  it('has what was refused at RCPT, without its token', async (t) => {
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'acme/site/issue/8' });
    const forged = address.replace(/.@/, (last) => (last === 'a@' ? 'b@' : 'a@'));
    const client = await LmtpClient.open(t, daemon.socket);
    await client.say('MAIL FROM:<alice@example.com>');
    assert.match(await client.say(`RCPT TO:<${forged}>`), /^550 /);
    const [row] = await listed('--verdict', 'rejected');
    assert.deepEqual(
      [row?.reason, row?.detail, row?.address, row?.user],
      ['no-such-address', 'forged', 'reply+…@reply.example.org', null],
    );
  });

  it('tells the wrong value of an option', async () => {
    const wrong = await daemon.tryCtl('verdicts', '--verdict', 'accepted');
    assert.equal(wrong.code, 65);
    assert.match(wrong.stderr, /--verdict "accepted": is neither "rejected" nor "discarded"/);
  });
});
