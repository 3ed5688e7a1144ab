// Replies as real clients write them, through a real Postfix: what is posted is what was typed, to the character.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { replyMessage, replyWithAttachment } from '../support/message.ts';
import { postfixUnavailable } from '../support/postfix.ts';
import { ALICE, freshAddress, suiteSite } from '../support/site.ts';
import { CLIENT_REPLIES, writeReply } from './client-replies.ts';

const skip = postfixUnavailable();

describe('a reply, as it was typed in', () => {
  const site = suiteSite();

  for (const reply of CLIENT_REPLIES) {
    for (const forms of ['both', 'html'] as const) {
      it(`${reply.client}, ${forms === 'both' ? 'plain text and HTML' : 'HTML alone'}`, {
        skip,
      }, async () => {
        const { postfix, daemon, platform } = site();
        const { reply_to: replyTo, message_id: inReplyTo, thread } = await freshAddress(daemon);
        const data = writeReply(reply, { replyTo, inReplyTo }, forms);
        await postfix.accept({ from: ALICE.address, to: [replyTo], data });
        const post = await platform.post(({ data }) => data.thread === thread);
        const { body, attachments } = post.data;
        assert.equal(body.markdown, forms === 'both' ? reply.typed : reply.rich);
        if (forms === 'both') assert.equal(body.text, reply.typed);
        assert.match(body.quoted, /The build on main is red again\./);
        assert.deepEqual(attachments, []);
        const token = replyTo.slice('reply+'.length, replyTo.indexOf('@'));
        assert.ok(!JSON.stringify(post).includes(token), 'the reply address is posted');
      });
    }
  }
});

describe('a tiny reply', () => {
  const site = suiteSite();

  for (const typed of ['+1', '👍', 'ok']) {
    it(`${typed} is posted`, { skip }, async () => {
      const { postfix, daemon, platform } = site();
      const { reply_to: to, thread } = await freshAddress(daemon);
      const body = `${typed}\n\nOn Fri, 20 Nov 2026 at 10:00, Tracker wrote:\n> Does it work?\n`;
      await postfix.accept({ from: ALICE.address, to: [to], data: replyMessage({ to, body }) });
      const { data } = await platform.post((post) => post.data.thread === thread);
      assert.equal(data.body.markdown, typed);
    });
  }

  it('a single picture is posted', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to: to, thread } = await freshAddress(daemon);
    const picture = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex');
    const data = replyWithAttachment({ to, body: '\n' }, 'shot.png', picture);
    await postfix.accept({ from: ALICE.address, to: [to], data });
    const post = await platform.post(({ data }) => data.thread === thread);
    assert.equal(post.data.body.markdown, '');
    assert.deepEqual(
      post.data.attachments.map(({ filename, content_type: type }) => [filename, type]),
      [['shot.png', 'image/png']],
    );
  });

  it('nothing typed is no post, but a dead letter with a verdict of its own', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to: to, thread } = await freshAddress(daemon);
    const body = '\nOn Fri, 20 Nov 2026 at 10:00, Tracker wrote:\n> Does it work?\n';
    await postfix.accept({ from: ALICE.address, to: [to], data: replyMessage({ to, body }) });
    const failed = await eventually(
      async () =>
        (await daemon.ctl('queue', 'list')).find((row) => row.thread === thread && row.state === 'failed'),
      () => daemon.log(),
      20_000,
    );
    assert.equal(failed.last_diagnostic, 'empty reply: only-quoted');
    assert.match(daemon.log(), /"outcome":"failed","reason":"empty"/);
    assert.ok(platform.posts.every((post) => post.data.thread !== thread));
  });

  it('with a file that is too large is posted, and says so', { skip }, async () => {
    const { postfix, daemon, platform } = site();
    const { reply_to: to, thread } = await freshAddress(daemon);
    const data = replyWithAttachment({ to }, 'trace.bin', Buffer.alloc(11 * 1024 * 1024));
    await postfix.accept({ from: ALICE.address, to: [to], data });
    const post = await platform.post(({ data }) => data.thread === thread, 60_000);
    assert.deepEqual(post.data.attachments, []);
    assert.match(
      post.data.body.markdown,
      /^See the file\.\n\n\*Left out of this post:\*\n\n- trace\.bin \(11 MiB\): larger/,
    );
  });
});
