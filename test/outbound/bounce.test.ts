// Notifications that come back: the envelope sender is the reply address, by which a bounce is counted for its user.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { bounce } from '../support/bounce.ts';
import { eventually } from '../support/eventually.ts';
import { handOver, startNotifying } from '../support/notifying.ts';
import { testScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';
import { SmtpSession } from '../support/smtp.ts';

it('a bounce to the envelope sender of a notification is counted for the user, and told with its thread', async (t) => {
  const { daemon, mailbox } = await startNotifying(testScratch(t));
  await handOver(daemon, ['acme/site/issue/7']);
  const { mailFrom, header } = await mailbox.nthMail(1);
  const envelopeSender = /^<(.+)>/.exec(mailFrom)?.[1] ?? '';
  const session = await SmtpSession.open(daemon.socket);
  await session.say('LHLO mx.example.org');
  assert.equal((await session.say('MAIL FROM:<>')).code, 250);
  assert.equal((await session.say(`RCPT TO:<${envelopeSender}>`)).code, 250);
  const answer = await session.content(bounce(header.trimEnd().split('\r\n')));
  assert.match(answer.text, /^250 2\.0\.0 queued as/);
  session.close();
  const [user] = await daemon.ctl('user', 'show', ALICE.user);
  assert.equal(user?.hard_bounces, 1);
  const look = async () =>
    (await daemon.ctl('queue', 'list')).find(({ thread }) => thread === 'acme/site/issue/7');
  assert.ok(await eventually(look, () => daemon.log()));
});
