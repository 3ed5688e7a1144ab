// postfix-examples/ themselves: Postfix takes every line of them without a word, and what their comments say is so.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { replyMessage } from '../support/message.ts';
import { postfixUnavailable, readExample } from '../support/postfix.ts';
import { run } from '../support/process.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';

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
