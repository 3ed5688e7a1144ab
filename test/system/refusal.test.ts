// Addresses that are not good: what the sender sees, with and without recipient verification in the SMTP session.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Daemon, REPLY_DOMAIN } from '../support/daemon.ts';
import { replyMessage } from '../support/message.ts';
import { type Postfix, postfixUnavailable } from '../support/postfix.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';
import type { SubmissionResult } from '../support/smtp.ts';

const skip = postfixUnavailable();
const DAY_MS = 86_400_000;

/** The same address with another letter at `index` of its token. */
function forge(address: string, index: number): string {
  const at = 'reply+'.length + index;
  const letter = address[at] === 'b' ? 'c' : 'b';
  return address.slice(0, at) + letter + address.slice(at + 1);
}

/** An address of alice's whose post is 100 days old; replies are taken for 90. */
async function expiredAddress(daemon: Daemon): Promise<string> {
  const repliedTo = new Date(Date.now() - 100 * DAY_MS).toISOString();
  return (await freshAddress(daemon, { repliedTo })).reply_to;
}

async function sendTo(postfix: Postfix, to: string): Promise<SubmissionResult> {
  return await postfix.send({ from: ALICE.address, to: [to], data: replyMessage({ to }) });
}

describe('a bad address, with main-verify.cf, is refused in the SMTP session', { concurrency: false }, () => {
  const site = suiteSite({ postfix: () => ({ variants: ['main-verify.cf'] }) });

  it('forged: 550 5.1.1, whichever part of the token was changed', { skip }, async () => {
    const { postfix, daemon } = site();
    const sealed = (await freshAddress(daemon)).reply_to;
    const bound = (await freshAddress(daemon, { bound: true })).reply_to;
    // User number and MAC; of a bound token, whose RCPT check covers less, the user number and the check itself.
    for (const forged of [forge(sealed, 8), forge(sealed, 40), forge(bound, 8), forge(bound, 18)]) {
      const { recipients, data } = await sendTo(postfix, forged);
      assert.equal(recipients[0]?.code, 550, recipients[0]?.text);
      assert.match(recipients[0].text, /^550 5\.1\.1 .*said: 550 5\.1\.1 /);
      assert.equal(data, undefined);
    }
  });

  // Postfix puts 5.1.1 in front: it takes 5.7.1 for the sender's fault, and the recipient is refused (smtpd_dsn_fix(3)).
  it("expired: 550, with mailgw's own 5.7.1 in the text", { skip }, async () => {
    const { postfix, daemon } = site();
    const { recipients } = await sendTo(postfix, await expiredAddress(daemon));
    assert.match(recipients[0]?.text ?? '', /^550 5\.1\.1 .*said: 550 5\.7\.1 /);
  });

  it('no token at all, and a token of a disabled user: 550 5.1.1', { skip }, async () => {
    const { postfix, daemon } = site();
    await daemon.addUser('mallory');
    const { reply_to } = await freshAddress(daemon, { user: 'mallory' });
    await daemon.ctl('user', 'disable', 'mallory');
    for (const address of [reply_to, `someone@${REPLY_DOMAIN}`]) {
      const { recipients } = await sendTo(postfix, address);
      assert.match(recipients[0]?.text ?? '', /^550 5\.1\.1 /);
    }
  });

  it('a good address is taken, and the probe leaves nothing behind', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const { queueId } = await sendTo(postfix, reply_to);
    assert.ok(queueId !== undefined);
    await platform.post((post) => post.data.thread === thread);
    await postfix.queueEmpty();
    assert.equal(platform.requests.length, 1);
    assert.match(postfix.log(), new RegExp(`to=<${escaped(reply_to)}>.*status=deliverable`));
  });

  it('while the daemon is stopped the answer is 450, and a good address is taken afterwards', {
    skip,
  }, async () => {
    const { postfix, daemon } = site();
    const { reply_to } = await freshAddress(daemon);
    await daemon.stop();
    const { recipients } = await sendTo(postfix, reply_to);
    assert.equal(recipients[0]?.code, 450, recipients[0]?.text);
    await daemon.start();
  });

  it('not one bounce was written', { skip }, () => {
    assert.doesNotMatch(site().postfix.log(), /status=bounced|non-delivery notification/);
  });
});

describe('a bad address, without verification, is refused by mailgw and returned by Postfix', () => {
  const site = suiteSite();

  it('forged: bounced with 5.1.1, and not posted', { skip }, async () => {
    const { postfix, daemon } = site();
    const { queueId } = await sendTo(postfix, forge((await freshAddress(daemon)).reply_to, 40));
    const lines = await postfix.done(queueId ?? '');
    assert.match(
      lines.join('\n'),
      /dsn=5\.1\.1, status=bounced .* 550 5\.1\.1 .*in reply to RCPT TO command/,
    );
  });

  it('expired: bounced with 5.7.1, and not posted', { skip }, async () => {
    const { postfix, daemon } = site();
    const { queueId } = await sendTo(postfix, await expiredAddress(daemon));
    const lines = await postfix.done(queueId ?? '');
    assert.match(
      lines.join('\n'),
      /dsn=5\.7\.1, status=bounced .* 550 5\.7\.1 .*in reply to RCPT TO command/,
    );
  });

  it('forged after RCPT, where a bound token can only be judged by In-Reply-To: taken and dropped', {
    skip,
  }, async () => {
    const { postfix, daemon } = site();
    const { reply_to } = await freshAddress(daemon, { bound: true });
    const other = await freshAddress(daemon, { bound: true });
    const data = replyMessage({ to: reply_to, inReplyTo: other.message_id });
    const queueId = await postfix.accept({ from: ALICE.address, to: [reply_to], data });
    assert.match((await postfix.done(queueId)).join('\n'), /status=sent \(250 2\.0\.0 discarded/);
  });

  it('an out-of-office message is taken and dropped, never returned', { skip }, async () => {
    const { postfix, daemon } = site();
    const { reply_to } = await freshAddress(daemon);
    const data = `Auto-Submitted: auto-replied\r\n${replyMessage({ to: reply_to })}`;
    const queueId = await postfix.accept({ from: '', to: [reply_to], data });
    assert.match((await postfix.done(queueId)).join('\n'), /status=sent \(250 2\.0\.0 discarded/);
  });

  it('none of this reached the platform or the queue', { skip }, async () => {
    const { platform, daemon } = site();
    assert.equal(platform.requests.length, 0);
    assert.deepEqual(await daemon.ctl('queue', 'list'), []);
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.+]/g, '\\$&');
}
