// postfix-examples/ themselves: Postfix takes every line of them without a word, and what their comments say is so.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { REPLY_DOMAIN, startDaemon } from '../support/daemon.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { type Postfix, postfixUnavailable, readExample } from '../support/postfix.ts';
import { run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { ALICE, freshAddress, type Site, suiteSite } from '../support/site.ts';

const skip = postfixUnavailable();

describe('postfix-examples: main.cf, master.cf, main-verify.cf', () => {
  const site = suiteSite({ postfix: () => ({ variants: ['main-verify.cf'] }) });

  it('hold no setting that Postfix does not know, and nothing it warns about', { skip }, async () => {
    const { postfix } = site();
    for (const args of [['-n'], ['-M']]) {
      const result = await run('postconf', ['-c', postfix.configDirectory, ...args]);
      assert.equal(result.stderr, '');
    }
    assert.doesNotMatch(postfix.log(), /warning|error|fatal|panic/);
  });

  it('name the log lines of the transport, so that they can be told from other LMTP', { skip }, async () => {
    const { postfix, daemon } = site();
    const { reply_to } = await freshAddress(daemon);
    const data = replyMessage({ to: reply_to });
    const queueId = await postfix.accept({ from: ALICE.address, to: [reply_to], data });
    const [line] = (await postfix.done(queueId)).filter((each) => each.includes('status='));
    assert.match(line ?? '', / postfix\/mailgw\/lmtp\[\d+\]: .*relay=mx\.example\.org\[mailgw\/lmtp\.sock\]/);
  });

  it('have a message that is too large refused in the SMTP session, not bounced', { skip }, async () => {
    const { postfix, daemon } = site();
    const { reply_to } = await freshAddress(daemon);
    const data = replyMessage({ to: reply_to, body: `${'x'.repeat(78)}\n`.repeat(330_000) });
    const result = await postfix.send({ from: ALICE.address, to: [reply_to], data });
    assert.match(result.data?.text ?? '', /^552 5\.3\.4 /);
  });

  it('let a message just below that limit through mailgw, headers added by Postfix included', {
    skip,
  }, async () => {
    const { postfix, daemon } = site();
    const { reply_to } = await freshAddress(daemon);
    const data = replyMessage({ to: reply_to, body: `${'x'.repeat(78)}\n`.repeat(312_400) });
    const queueId = await postfix.accept({ from: ALICE.address, to: [reply_to], data });
    const lines = await postfix.done(queueId, 60_000);
    assert.match(lines.join('\n'), /status=sent \(250 2\.0\.0 queued as/);
  });
});

describe('postfix-examples: main-transport-maps.cf, transport', () => {
  const site = suiteSite({
    postfix: () => ({
      variants: ['main-transport-maps.cf'],
      tables: { transport: readExample('transport', '') },
      settings: { relay_transport: 'discard:partner' },
    }),
  });

  it('hand the reply domain to mailgw and leave the other relay domains alone', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to, thread } = await freshAddress(daemon);
    const queueId = await postfix.accept({
      from: ALICE.address,
      to: [reply_to, 'someone@partner.example.net'],
      data: replyMessage({ to: reply_to }),
    });
    await platform.post((post) => post.data.thread === thread);
    const lines = await postfix.done(queueId);
    assert.match(lines.join('\n'), /to=<someone@partner\.example\.net>, .*status=sent \(partner\)/);
  });
});

/** Sends a reply of alice's and waits for its post; what Postfix logged of it. */
async function replyArrives({ postfix, daemon, platform }: Site): Promise<string> {
  const { reply_to, thread } = await freshAddress(daemon);
  const data = replyMessage({ to: reply_to });
  const queueId = await postfix.accept({ from: ALICE.address, to: [reply_to], data });
  await platform.post((post) => post.data.thread === thread);
  return (await postfix.done(queueId)).join('\n');
}

/** What Postfix says to RCPT for each address. */
async function answersTo(postfix: Postfix, ...to: string[]): Promise<string[]> {
  const data = replyMessage({ to: to[0] ?? '' });
  const { recipients } = await postfix.send({ from: 'somebody@example.com', to, data });
  return recipients.map(({ text }) => text);
}

/** Postfix has nothing to say about its settings. */
async function isQuiet({ configDirectory }: Postfix): Promise<void> {
  assert.equal((await run('postconf', ['-c', configDirectory, '-n'])).stderr, '');
}

describe('postfix-examples: main-own-host.cf', () => {
  const site = suiteSite({
    postfix: () => ({
      variants: ['main-own-host.cf', 'main-policy.cf'],
      // The tests' client is a stranger.
      settings: { mynetworks: '192.0.2.0/24' },
    }),
  });

  it('takes replies and nothing for any other domain; postmaster is read by people', { skip }, async () => {
    const { postfix } = site();
    await isQuiet(postfix);
    assert.match(await replyArrives(site()), /status=sent \(250 2\.0\.0 queued as/);
    const [relayed, forged, postmaster] = await answersTo(
      postfix,
      'someone@example.net',
      `reply+nobody@${REPLY_DOMAIN}`,
      `postmaster@${REPLY_DOMAIN}`,
    );
    assert.match(relayed ?? '', /^[45]54 [45]\.7\.1 .*Relay access denied/);
    assert.match(forged ?? '', /^550 5\.1\.1 /);
    assert.match(postmaster ?? '', /^250 /);
    await postfix.waitForLog(/to=<postmaster@example\.org>, orig_to=<postmaster@reply/);
  });
});

describe('postfix-examples: main-beside-local.cf', () => {
  const site = suiteSite({
    postfix: () => ({
      variants: ['main-beside-local.cf'],
      tables: { transport: readExample('transport', '') },
      settings: { local_transport: 'discard:mailbox', local_recipient_maps: '' },
    }),
  });

  it('brings one message to a mailbox and to mailgw', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    await isQuiet(postfix);
    const { reply_to, thread } = await freshAddress(daemon);
    const to = ['bob@example.org', reply_to];
    const queueId = await postfix.accept({ from: ALICE.address, to, data: replyMessage({ to: reply_to }) });
    await platform.post((post) => post.data.thread === thread);
    const log = (await postfix.done(queueId)).join('\n');
    assert.match(log, /to=<bob@example\.org>, .*status=sent \(mailbox\)/);
    assert.match(log, /postfix\/mailgw\/lmtp\[\d+\]: .*status=sent \(250 2\.0\.0 queued as/);
  });
});

describe('postfix-examples: main-catch-all.cf', () => {
  const site = suiteSite({
    postfix: () => ({ variants: ['main-catch-all.cf', 'main-policy.cf'] }),
    settings: { reply: { prefix: '' } },
  });

  it('takes a bare token, refuses other names, and brings abuse@ to people', { skip }, async () => {
    const { postfix, daemon } = site();
    await isQuiet(postfix);
    assert.match((await freshAddress(daemon)).reply_to, /^[a-z2-7]{48}@/);
    assert.match(await replyArrives(site()), /to=<[a-z2-7]{48}@reply\.example\.org>, .*status=sent/);
    const [info, postmaster] = await answersTo(postfix, `info@${REPLY_DOMAIN}`, `postmaster@${REPLY_DOMAIN}`);
    assert.match(info ?? '', /^550 5\.1\.1 .*no such reply address/);
    assert.match(postmaster ?? '', /^250 /);
    await postfix.waitForLog(/to=<postmaster@example\.org>/);
  });
});

describe('postfix-examples: main-milter.cf', () => {
  const site = suiteSite({
    postfix: () => ({
      variants: ['main-milter.cf'],
      tables: { header_checks: readExample('header_checks', '') },
    }),
  });

  // With the filter up: spam.test.ts, by a real spamass-milter.
  it('has mail wait while the filter is down', { skip }, async () => {
    const { postfix, daemon } = site();
    await isQuiet(postfix);
    const { reply_to } = await freshAddress(daemon);
    const data = replyMessage({ to: reply_to });
    const result = await postfix.send({ from: ALICE.address, to: [reply_to], data });
    const texts = [result.mail, ...result.recipients].map(({ text }) => text);
    assert.match(texts.join('\n'), /^451 4\.7\.1 Service unavailable - try again later/m);
    assert.match(postfix.log(), /warning: connect to Milter service unix:spamass\/spamass\.sock/);
  });
});

describe('postfix-examples: main-smarthost.cf', () => {
  const site = suiteSite({ postfix: () => ({ variants: ['main-smarthost.cf', 'main-policy.cf'] }) });

  it('takes mail from the gateway; bad addresses are refused to its face', { skip }, async () => {
    const { postfix } = site();
    await isQuiet(postfix);
    assert.match(await replyArrives(site()), /status=sent/);
    assert.match((await answersTo(postfix, `reply+x@${REPLY_DOMAIN}`))[0] ?? '', /^550 5\.1\.1 /);
  });
});

describe('postfix-examples: main-smarthost.cf, for anybody else', () => {
  const site = suiteSite({
    postfix: () => ({
      variants: ['main-smarthost.cf', 'main-policy.cf'],
      settings: { mailgw_gateways: 'inline:{ { 192.0.2.10 = OK } }' },
    }),
  });

  it('refuses mail that passes the gateway by', { skip }, async () => {
    const { postfix, daemon } = site();
    const { reply_to } = await freshAddress(daemon);
    const [answer] = await answersTo(postfix, reply_to);
    assert.match(answer ?? '', /^554 5\.7\.1 .*mail for this domain comes by its MX/);
  });
});

describe('postfix-examples: main-instances.cf, transport-instances', () => {
  const site = suiteSite({
    postfix: () => ({
      variants: ['main-instances.cf'],
      tables: { 'transport-instances': readExample('transport-instances', '') },
    }),
  });

  it('bring each domain to its own mailgw, and one that is stopped holds up no other', {
    skip,
  }, async (t) => {
    const { postfix, scratch } = site();
    await isQuiet(postfix);
    const place = testScratch(t);
    const platform = await startPlatform(place);
    const forum = await startDaemon(place, {
      sink: platform.sink,
      socket: scratch.path('queue', 'mailgw-forum', 'lmtp.sock'),
      settings: { lmtp: { group: 'postfix' }, reply: { domain: 'reply.forum.example' } },
    });
    await forum.addUser(ALICE.user, ALICE.address);
    const { reply_to } = await freshAddress(forum);
    const data = replyMessage({ to: reply_to });
    const submission = { from: ALICE.address, to: [reply_to], data };
    const first = (await postfix.done(await postfix.accept(submission))).join('\n');
    assert.match(first, /relay=mx\.example\.org\[mailgw-forum\/lmtp\.sock\], .*status=sent/);
    await forum.stop();
    const later = { ...submission, data: replyMessage({ to: reply_to }) };
    const waiting = await postfix.accept(later);
    await postfix.waitForLog(new RegExp(` ${waiting}: .*status=deferred \\(connect to `));
    assert.match(await replyArrives(site()), /\[mailgw\/lmtp\.sock\], .*status=sent/);
    await forum.start();
    await postfix.done(waiting);
  });
});
