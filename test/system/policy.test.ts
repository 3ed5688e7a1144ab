// Addresses that are not good, refused by real Postfix in the SMTP session because the policy service said so.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Daemon, REPLY_DOMAIN } from '../support/daemon.ts';
import { replyMessage } from '../support/message.ts';
import { type Postfix, postfixUnavailable } from '../support/postfix.ts';
import { run } from '../support/process.ts';
import { ALICE, freshAddress, type Site, suiteSite } from '../support/site.ts';
import { SmtpSession, type SubmissionResult } from '../support/smtp.ts';

const skip = postfixUnavailable();
const DAY_MS = 86_400_000;

/** The same address with another letter at `index` of its token. */
function forge(address: string, index: number): string {
  const at = 'reply+'.length + index;
  return address.slice(0, at) + (address[at] === 'b' ? 'c' : 'b') + address.slice(at + 1);
}

async function expiredAddress(daemon: Daemon): Promise<string> {
  const repliedTo = new Date(Date.now() - 100 * DAY_MS).toISOString();
  return (await freshAddress(daemon, { repliedTo })).reply_to;
}

async function sendTo(postfix: Postfix, to: string): Promise<SubmissionResult> {
  return await postfix.send({ from: ALICE.address, to: [to], data: replyMessage({ to }) });
}

/** Sends to one address that is refused at RCPT; what Postfix said. */
async function refusal(postfix: Postfix, to: string): Promise<string> {
  const { recipients, data } = await sendTo(postfix, to);
  assert.equal(data, undefined, 'nothing was taken');
  return recipients[0]?.text ?? '';
}

describe('with main-policy.cf', { concurrency: false }, () => {
  const site: () => Site = suiteSite({
    postfix: () => ({
      variants: ['main-policy.cf'],
      settings: { virtual_alias_maps: `inline:{ { postmaster@${REPLY_DOMAIN} = person@example.net } }` },
    }),
    settings: { rate: { per_address: '2/d', bad_address_delay: '1ms', bad_address_delay_longest: '1ms' } },
  });

  it('Postfix knows every setting of it, and warns about none', { skip }, async () => {
    const { postfix } = site();
    assert.equal((await run('postconf', ['-c', postfix.configDirectory, '-n'])).stderr, '');
    assert.doesNotMatch(postfix.log(), /warning|error|fatal|panic/);
  });

  it("forged: 550 5.1.1 with mailgw's text, whichever part of the token was changed", { skip }, async () => {
    const { postfix, daemon } = site();
    const sealed = (await freshAddress(daemon)).reply_to;
    const bound = (await freshAddress(daemon, { bound: true })).reply_to;
    for (const forged of [forge(sealed, 8), forge(sealed, 40), forge(bound, 8), forge(bound, 18)]) {
      assert.match(await refusal(postfix, forged), /^550 5\.1\.1 .*no such reply address/);
    }
  });

  it('expired: 550 5.7.1', { skip }, async () => {
    const { postfix, daemon } = site();
    // smtpd(8) makes 5.7.1 of a recipient to 5.1.1 only where the code is its own.
    assert.match(await refusal(postfix, await expiredAddress(daemon)), /^550 5\.7\.1 .*has expired/);
  });

  it('revoked: refused from the next question on, although it was good before', { skip }, async () => {
    const { postfix, daemon } = site();
    await daemon.addUser('mallory');
    const { reply_to } = await freshAddress(daemon, { user: 'mallory' });
    assert.equal((await sendTo(postfix, reply_to)).recipients[0]?.code, 250);
    await postfix.queueEmpty(); // or what was taken would be refused, and bounced
    await daemon.ctl('salt', 'rotate', 'mallory');
    assert.match(await refusal(postfix, reply_to), /^550 5\.1\.1 /);
    const again = (await freshAddress(daemon, { user: 'mallory' })).reply_to;
    await daemon.ctl('user', 'disable', 'mallory');
    assert.match(await refusal(postfix, again), /^550 5\.1\.1 /);
  });

  it('beyond a rate: 450 4.7.1', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    for (let reply = 0; reply < 2; reply++) {
      await postfix.accept({ from: ALICE.address, to: [reply_to], data: replyMessage({ to: reply_to }) });
      await platform.post((post) => post.data.thread === thread);
      await postfix.queueEmpty();
    }
    assert.match(await refusal(postfix, reply_to), /^450 4\.7\.1 .*too many replies/);
  });

  it('a good address is taken, in any case of its letters, and posted', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    for (const written of [(address: string) => address, (address: string) => address.toUpperCase()]) {
      const { reply_to, thread } = await freshAddress(daemon);
      assert.equal((await sendTo(postfix, written(reply_to))).recipients[0]?.code, 250);
      await platform.post((post) => post.data.thread === thread);
    }
  });

  it('SMTPUTF8: a good address is taken, a local part in UTF-8 refused', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const to = [`größe@${REPLY_DOMAIN}`, reply_to];
    const data = replyMessage({ to: reply_to });
    const result = await postfix.send({ from: 'jürgen@example.com', to, data, smtpUtf8: true });
    assert.deepEqual(
      result.recipients.map(({ code }) => code),
      [550, 250],
    );
    await platform.post((post) => post.data.thread === thread);
  });

  it('postmaster of the reply domain, and other domains, are not asked about', { skip }, async () => {
    const { postfix } = site();
    const { recipients } = await sendTo(postfix, `postmaster@${REPLY_DOMAIN}`);
    assert.equal(recipients[0]?.code, 250);
  });

  it('a session of many recipients: each has its own answer', { skip }, async () => {
    const { postfix, daemon } = site();
    const good = (await freshAddress(daemon)).reply_to;
    const session = await SmtpSession.open(postfix.port);
    await session.say('EHLO client.example.com');
    await session.say(`MAIL FROM:<${ALICE.address}>`);
    const answers: number[] = [];
    for (const address of [good, forge(good, 40), good, await expiredAddress(daemon)]) {
      answers.push((await session.say(`RCPT TO:<${address}>`)).code);
    }
    session.close();
    assert.deepEqual(answers, [250, 550, 250, 550]);
  });

  it('while the daemon is stopped: 451 4.3.5 from Postfix, and a good address is taken afterwards', {
    skip,
  }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    await daemon.stop();
    assert.match(await refusal(postfix, reply_to), /^451 4\.3\.5 /);
    await daemon.start();
    assert.equal((await sendTo(postfix, reply_to)).recipients[0]?.code, 250);
    await platform.post((post) => post.data.thread === thread);
  });

  it('every refusal is a line in our log, with no token, and in that of Postfix', { skip }, () => {
    const { postfix, daemon } = site();
    const ours = daemon.log().match(/"event":"policy_refused"/g) ?? [];
    const theirs = postfix.log().match(/reject: RCPT from .*: (?:550|450) /g) ?? [];
    assert.ok(ours.length > 0);
    assert.equal(ours.length, theirs.length);
    assert.doesNotMatch(daemon.log(), /reply\+[a-z2-7]{8}/i);
  });

  it('no bounce was ever made', { skip }, async () => {
    const { postfix } = site();
    await postfix.queueEmpty();
    assert.doesNotMatch(postfix.log(), /status=bounced|non-delivery notification/);
  });
});
