// Reply addresses over the HTTP interface: a reply to what it minted is posted, and repetitions are the same answer.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import type { Members } from '../support/api.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { repositoryRoot } from '../support/process.ts';
import { startApi } from './api.ts';

const THREAD = 'acme/site/issue/7';

describe('POST /v1/addresses', () => {
  it('mints an address whose reply is posted, with all that the notification needs', async (t) => {
    const { all, daemon, platform } = await startApi(t);
    await daemon.addUser('alice');
    const { status, json } = await all.ask('POST', '/v1/addresses', {
      body: { user: 'alice', thread: THREAD },
    });
    assert.equal(status, 201);
    assert.match(json.message_id, /^<acme\/site\/issue\/7\/\d+\.[a-z2-7]{8}@reply\.example\.org>$/);
    assert.equal(json.root_id, `<${THREAD}@reply.example.org>`);
    assert.equal(json.envelope_from, json.reply_to);
    assert.deepEqual(json.headers, {
      'Reply-To': `<${json.reply_to}>`,
      'Message-ID': json.message_id,
      'In-Reply-To': json.root_id,
      References: json.root_id,
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'OOF, AutoReply',
    });
    const lmtp = await LmtpClient.open(t, daemon.socket);
    await lmtp.deliver(replyMessage({ to: json.reply_to, inReplyTo: json.message_id }), json.reply_to);
    const post = await platform.nthPost(1);
    assert.equal(post.data.thread, THREAD);
    assert.equal(post.data.in_reply_to, json.message_id);
  });

  it('gives the context back with the reply, and tells it from what the notification said', async (t) => {
    const { all, daemon, platform } = await startApi(t);
    await daemon.addUser('alice');
    const order = {
      user: 'alice',
      thread: THREAD,
      context: { comment: 1138, tags: ['logo'] },
      original: {
        subject: '[acme] The logo',
        from: 'Bob Builder <bob@example.org>',
        text: 'The logo in the header of every page is blurred.\nOn the big screen in the hall it is sharp.',
      },
    };
    const { json } = await all.ask('POST', '/v1/addresses', { body: order });
    // A mail program that quotes without a mark, under a line in no language that anybody knows.
    const body = `Mine too.\n\nBob Builder skribis:\n${order.original.text}\n`;
    const lmtp = await LmtpClient.open(t, daemon.socket);
    const message = replyMessage({ to: json.reply_to, inReplyTo: json.message_id, body });
    await lmtp.deliver(message, json.reply_to);
    const { data } = await platform.nthPost(1);
    assert.deepEqual((data as unknown as { context: unknown }).context, order.context);
    assert.equal(data.body.markdown, 'Mine too.');
    const large = await all.ask('POST', '/v1/addresses', { body: { ...order, context: 'x'.repeat(16_384) } });
    assert.deepEqual([large.status, large.json.errors[0].pointer], [422, '/context']);
  });

  it('gives each order of a batch its address or its problem, in order', async (t) => {
    const { all, daemon } = await startApi(t);
    await daemon.addUser('alice');
    await daemon.addUser('bob');
    await daemon.ctl('user', 'disable', 'bob');
    const { status, json } = await all.ask('POST', '/v1/addresses', {
      body: {
        addresses: [
          { user: 'alice', thread: THREAD, replied_to: '2026-11-19T17:02:11Z' },
          { user: 'nobody', thread: THREAD },
          { user: 'bob', thread: THREAD },
          { user: 'alice', thread: '' },
          { user: 'alice' },
          7,
          { user: 'alice', thread: THREAD, replied_to: 'yesterday' },
          { user: 'alice', thread: THREAD, bound: true },
        ],
      },
    });
    assert.equal(status, 200);
    const pointers = json.addresses.map((each: Partial<Members>) => each.errors?.[0].pointer);
    assert.deepEqual(pointers, [
      undefined,
      '/user',
      '/user',
      '/thread',
      '/thread',
      '',
      '/replied_to',
      undefined,
    ]);
    assert.equal(json.addresses[0].expires_at, '2027-02-17T17:02:11Z');
    const explained = await all.ask('GET', `/v1/addresses/${encodeURIComponent(json.addresses[0].reply_to)}`);
    assert.equal(explained.json.verdict, 'valid');
    assert.equal(explained.json.thread, THREAD);
    const bound = json.addresses[7] ?? assert.fail();
    const path = `/v1/addresses/${encodeURIComponent(bound.reply_to)}`;
    assert.equal((await all.ask('GET', path)).json.verdict, 'needs-in-reply-to');
    const proven = `${path}?in_reply_to=${encodeURIComponent(bound.message_id)}`;
    assert.equal((await all.ask('GET', proven)).json.verdict, 'valid');
  });

  it('stays good when its user and its thread have other names', async (t) => {
    const { all, daemon, platform } = await startApi(t);
    await daemon.addUser('alice');
    const { json } = await all.ask('POST', '/v1/addresses', { body: { user: 'alice', thread: THREAD } });
    await all.ask('POST', '/v1/users/alice/rename', { body: { to: 'alicia' } });
    const path = `/v1/threads/${encodeURIComponent(THREAD)}/rename`;
    const renamed = await all.ask('POST', path, { body: { to: 'acme/website/issue/7' } });
    assert.equal(renamed.status, 200);
    const lmtp = await LmtpClient.open(t, daemon.socket);
    await lmtp.deliver(replyMessage({ to: json.reply_to, inReplyTo: json.message_id }), json.reply_to);
    const { data } = await platform.nthPost(1);
    assert.deepEqual([data.user, data.thread], ['alicia', 'acme/website/issue/7']);
    await all.ask('POST', '/v1/addresses', { body: { user: 'alicia', thread: 'other' } });
    assert.equal((await all.ask('POST', path, { body: { to: 'other' } })).status, 409);
  });

  it('takes 1,000 orders at once and refuses one more, and none', async (t) => {
    const { all, daemon } = await startApi(t);
    await daemon.addUser('alice');
    const orders = (count: number) => ({
      addresses: Array.from({ length: count }, (_, n) => ({ user: 'alice', thread: `t/${n}` })),
    });
    const { json } = await all.ask('POST', '/v1/addresses', { body: orders(1000) });
    assert.equal(new Set(json.addresses.map(({ reply_to }) => reply_to)).size, 1000);
    for (const count of [0, 1001])
      assert.equal((await all.ask('POST', '/v1/addresses', { body: orders(count) })).status, 422);
  });

  it('answers a repetition under the same Idempotency-Key as before, also after a restart', async (t) => {
    const { all, daemon, client } = await startApi(t);
    await daemon.addUser('alice');
    const body = { user: 'alice', thread: THREAD };
    const headers = { 'idempotency-key': 'comment-17' };
    const first = await all.ask('POST', '/v1/addresses', { body, headers });
    const again = await all.ask('POST', '/v1/addresses', { body, headers });
    assert.deepEqual(again.json, first.json);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    await daemon.restart();
    assert.deepEqual((await all.ask('POST', '/v1/addresses', { body, headers })).json, first.json);
    const other = await all.ask('POST', '/v1/addresses', { body: { ...body, thread: 'other' }, headers });
    assert.equal(other.status, 422);
    const stranger = await client('mint');
    const own = await stranger.ask('POST', '/v1/addresses', { body, headers });
    assert.notEqual(own.json.message_id, first.json.message_id);
    const long = await all.ask('POST', '/v1/addresses', {
      body,
      headers: { 'idempotency-key': 'x'.repeat(256) },
    });
    assert.equal(long.status, 422);
  });
});

describe('mailgw-ctl address mint -', () => {
  it('mints for each line, names bad ones, and says the same with and without a daemon', async (t) => {
    const { daemon } = await startApi(t);
    await daemon.addUser('alice');
    const lines = [
      JSON.stringify({ user: 'alice', thread: THREAD }),
      '',
      '{"user": "alice"',
      JSON.stringify({ user: 'nobody', thread: THREAD }),
      JSON.stringify({ user: 'alice', thread: '' }),
      ...Array.from({ length: 2000 }, (_, n) => JSON.stringify({ user: 'alice', thread: `t/${n}` })),
    ];
    const run = async () => {
      const child = spawn(process.execPath, [
        join(repositoryRoot, 'bin', 'mailgw-ctl'),
        ...['--config', daemon.config, '--json', 'address', 'mint', '-'],
      ]);
      child.stdin.end(lines.join('\n'));
      const exit = new Promise((resolve) => child.on('exit', resolve));
      const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return { code: await exit, rows: out.trim().split('\n'), err };
    };
    const asked = await run();
    await daemon.stop();
    const alone = await run();
    for (const { code, rows, err } of [asked, alone]) {
      assert.equal(code, 65);
      assert.equal(rows.length, 2001);
      assert.match(
        err,
        /^mailgw-ctl: line 3: is no JSON: .*\n.*line 4: user "nobody": there is no such user.*\n.*line 5: --thread "": expected.*\n.*3 of 2005 lines/,
      );
    }
    assert.equal(asked.err, alone.err);
  });
});
