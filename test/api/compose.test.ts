// Addresses that start threads: off unless the site wants them, and then each mail is a thread of its own.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { type ApiHouse, startApi } from './api.ts';

/** Starts a daemon that lets mail start threads, with alice. */
async function startCompose(t: TestContext): Promise<ApiHouse> {
  const house = await startApi(t, {
    reply: { compose: true },
    delivery: { retry_first: '50ms', retry_longest: '200ms' },
  });
  await house.daemon.addUser('alice');
  return house;
}

describe('mail to an address that starts threads', () => {
  it('is posted as thread.created, with its container, its title and no thread', async (t) => {
    const { daemon, platform } = await startCompose(t);
    const [row] = await daemon.ctl('address', 'mint', '--user', 'alice', '--compose', 'acme/site');
    const address = String(row?.reply_to);
    assert.deepEqual([row?.thread, row?.compose], [null, 'acme/site']);
    const lmtp = await LmtpClient.open(t, daemon.socket);
    await lmtp.deliver(
      replyMessage({ to: address, subject: 'Re: AW: Fwd: Bug: it rains in', body: 'On the third floor.\n' }),
      address,
    );
    const { type, data } = await platform.nthPost(1);
    assert.equal(type, 'thread.created');
    const { thread, user, subject, body, ...rest } = data;
    assert.deepEqual([thread, user, body.text], [null, 'alice', 'On the third floor.']);
    assert.equal(subject, 'Re: AW: Fwd: Bug: it rains in');
    const { container, title } = rest as unknown as { container: string; title: string };
    assert.deepEqual([container, title], ['acme/site', 'Bug: it rains in']);
    assert.equal('replied_to' in data, false);
  });

  it('is a thread for each mail: none waits for another, and only a copy is a duplicate', async (t) => {
    const { all, daemon, platform } = await startCompose(t);
    const { status, json } = await all.ask('POST', '/v1/addresses', {
      body: { user: 'alice', compose: 'acme/site' },
    });
    assert.equal(status, 201);
    const to = String(json.reply_to);
    const isFirst = (subject: string): boolean => subject === 'First';
    // The platform takes the first only once the second is there.
    platform.answerTo = ({ data }) =>
      isFirst(data.subject) && !platform.posts.some((post) => !isFirst(post.data.subject)) ? 503 : undefined;
    const lmtp = await LmtpClient.open(t, daemon.socket);
    const messageId = newMessageId();
    await lmtp.deliver(replyMessage({ to, subject: 'First', body: 'Same.' }), to);
    await lmtp.deliver(replyMessage({ to, subject: 'Second', body: 'Same.', messageId }), to);
    const [copy] = await lmtp.deliver(replyMessage({ to, subject: 'Second', body: 'Same.', messageId }), to);
    assert.match(copy ?? '', /duplicate of/);
    await platform.nthPost(2);
    assert.deepEqual(
      platform.posts.map(({ data }) => data.subject),
      ['Second', 'First'],
    );
    await eventually(
      async () => {
        const words = ['queue', 'list', '--state', 'posted', '--thread', 'mailgw:compose/acme/site'];
        return (await daemon.ctl(...words)).length === 2 || undefined;
      },
      () => 'two posted items',
    );
  });
});

describe('an address that starts threads', () => {
  it('says so', async (t) => {
    const { all, daemon } = await startCompose(t);
    const { json } = await all.ask('POST', '/v1/addresses', {
      body: { user: 'alice', compose: 'acme/site' },
    });
    const explained = await all.ask('GET', `/v1/addresses/${encodeURIComponent(json.reply_to)}`);
    assert.deepEqual(
      [explained.json.verdict, explained.json.thread, explained.json.compose, explained.json.posts],
      ['valid', null, 'acme/site', null],
    );
    const [row] = await daemon.ctl('address', 'explain', json.reply_to);
    assert.equal(row?.compose, 'acme/site');
  });

  it('counts its age from when it was made, and nothing else', async (t) => {
    const { all } = await startCompose(t);
    const order = { user: 'alice', compose: 'acme/site' };
    const before = Math.floor(Date.now() / 1000) * 1000;
    const { json } = await all.ask('POST', '/v1/addresses', { body: order });
    assert.ok(Date.parse(json.replied_to) >= before);
    const dated = await all.ask('POST', '/v1/addresses', {
      body: { ...order, replied_to: '2026-11-19T17:02:11Z' },
    });
    assert.equal(dated.json.errors[0].pointer, '/replied_to');
    const nameless = await all.ask('POST', '/v1/addresses', { body: { ...order, compose: '' } });
    assert.equal(nameless.json.errors[0].pointer, '/compose');
    const long = await all.ask('POST', '/v1/addresses', { body: { ...order, compose: 'ä'.repeat(500) } });
    assert.match(long.json.detail, /^compose "ä+…": makes a Message-ID of/);
  });

  it('is not minted where reply.compose is off, and refused as unknown from then on', async (t) => {
    const { all, daemon } = await startCompose(t);
    const order = { user: 'alice', compose: 'acme/site' };
    const { json } = await all.ask('POST', '/v1/addresses', { body: order });
    const toml = readFileSync(daemon.config, 'utf8');
    writeFileSync(daemon.config, toml.replace('compose = true', 'compose = false'));
    await daemon.ctl('reload');
    const refused = await all.ask('POST', '/v1/addresses', { body: order });
    assert.equal(refused.status, 422);
    assert.match(refused.json.detail, /reply\.compose is off.*compose = true in \[reply\]/);
    const lmtp = await LmtpClient.open(t, daemon.socket);
    const replies = await lmtp.deliver(replyMessage({ to: json.reply_to }), json.reply_to).catch(String);
    assert.match(String(replies), /550 5\.1\.1/);
    const explained = await all.ask('GET', `/v1/addresses/${encodeURIComponent(json.reply_to)}`);
    assert.equal(explained.json.verdict, 'compose-off');
  });
});
