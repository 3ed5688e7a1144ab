// The queue over the HTTP interface: what came, where it stands, and what can be done about it.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { type ApiHouse, startApi } from './api.ts';

const THREAD = 'acme/site/issue/7';

/** Has so many replies of alice taken, and gives the messages. */
async function deliver(t: TestContext, { daemon, all }: ApiHouse, count: number): Promise<string[]> {
  const { json } = await all.ask('POST', '/v1/addresses', { body: { user: 'alice', thread: THREAD } });
  const lmtp = await LmtpClient.open(t, daemon.socket);
  const messages = Array.from({ length: count }, (_, n) =>
    replyMessage({ to: json.reply_to, messageId: `reply-${n}@example.com`, body: `Answer ${n}.\n` }),
  );
  for (const message of messages) {
    const [answer] = await lmtp.deliver(message, json.reply_to);
    assert.match(String(answer), /^250 2\.0\.0 queued/);
  }
  return messages;
}

async function paused(t: TestContext): Promise<ApiHouse> {
  const house = await startApi(t);
  await house.daemon.addUser('alice');
  const { json } = await house.all.ask('PATCH', '/v1/queue', { body: { paused: true } });
  assert.equal(json.paused, true);
  return house;
}

describe('the queue over the HTTP interface', () => {
  it('lists items, the newest first, page by page', async (t) => {
    const house = await paused(t);
    await deliver(t, house, 5);
    const ids: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const { json } = await house.all.ask('GET', `/v1/items?limit=2${query}`);
      ids.push(...json.items.map(({ message_id }) => message_id));
      cursor = json.next_cursor;
    }
    const expected = [4, 3, 2, 1, 0].map((n) => `reply-${n}@example.com`);
    assert.deepEqual(
      ids.map((id) => id.replace(/^<|>$/g, '')),
      expected,
    );
    const found = async (query: string): Promise<number> =>
      (await house.all.ask('GET', `/v1/items?${query}`)).json.items.length;
    assert.equal(await found('message_id=%3Creply-3%40example.com%3E'), 1);
    assert.equal(await found('state=ready,waiting&user=alice'), 5);
    assert.equal(await found('state=posted'), 0);
    assert.equal(await found('thread=other'), 0);
    assert.equal(await found('since=1h'), 5);
    assert.equal((await house.all.ask('GET', '/v1/items?state=lost')).status, 422);
    for (const forged of ['x', 'zzz', ids[0] ?? '', "'--"])
      assert.equal(
        (await house.all.ask('GET', `/v1/items?cursor=${encodeURIComponent(forged)}`)).status,
        422,
        forged,
      );
  });

  it('shows an item with its way, its message and its post', async (t) => {
    const house = await paused(t);
    await deliver(t, house, 1);
    const { json: list } = await house.all.ask('GET', '/v1/items');
    const { id } = list.items[0];
    const { json } = await house.all.ask('GET', `/v1/items/${id}`);
    assert.equal(json.item.id, id);
    assert.equal(json.way[0].event, 'received');
    const raw = await house.all.ask('GET', `/v1/items/${id.slice(0, 12)}/raw`);
    assert.equal(raw.headers['content-type'], 'message/rfc822');
    const [kept] = await house.daemon.ctl('queue', 'cat', id);
    assert.equal(raw.bytes.toString('base64'), kept?.content_base64);
    assert.ok(raw.bytes.includes('Answer 0.'));
    const post = await house.all.ask('GET', `/v1/items/${id}/post`);
    assert.equal(post.json.data.body.markdown, 'Answer 0.');
    assert.equal(post.json.data.thread, THREAD);
    await house.all.ask('PATCH', '/v1/queue', { body: { paused: false } });
    const posted = await house.platform.nthPost(1);
    assert.deepEqual(post.json.data, posted.data);
    assert.equal((await house.all.ask('GET', '/v1/items/0000000000')).status, 404);
  });

  it('holds, releases and drops items, and refuses what does not apply', async (t) => {
    const house = await paused(t);
    await deliver(t, house, 2);
    const { json: list } = await house.all.ask('GET', '/v1/items');
    const [second, first] = list.items;
    const held = await house.all.ask('POST', `/v1/items/${first.id}/hold`);
    assert.equal(held.json.item.state, 'held');
    const twice = await house.all.ask('POST', `/v1/items/${first.id}/hold`);
    assert.equal(twice.status, 409);
    assert.match(twice.json.detail, /is held/);
    assert.equal((await house.all.ask('POST', `/v1/items/${first.id}/release`)).json.item.state, 'ready');
    assert.equal((await house.all.ask('POST', `/v1/items/${first.id}/retry`)).status, 200);
    assert.equal((await house.all.ask('DELETE', `/v1/items/${second.id}`)).status, 204);
    assert.equal((await house.all.ask('GET', `/v1/items/${second.id}`)).status, 404);
    const { json } = await house.all.ask('GET', '/v1/queue');
    assert.equal(json.items.ready, 1);
    const learn = await house.all.ask('POST', `/v1/items/${first.id}/learn`, { body: { as: 'spam' } });
    assert.equal(learn.status, 503);
  });

  it('counts verdicts, tries a message out, and lists the sources', async (t) => {
    const house = await paused(t);
    const [message = ''] = await deliver(t, house, 1);
    const lmtp = await LmtpClient.open(t, house.daemon.socket);
    await lmtp.say('MAIL FROM:<x@example.com>');
    await lmtp.say('RCPT TO:<nobody@reply.example.org>');
    const stats = await eventually(
      async () => {
        const { json } = await house.all.ask('GET', '/v1/stats');
        return json.verdicts.length === 2 ? json : undefined;
      },
      () => 'two verdicts',
    );
    assert.equal(stats.items.ready, 1);
    const { json: verdicts } = await house.all.ask('GET', '/v1/verdicts?since=1h');
    assert.deepEqual(verdicts.items, stats.verdicts);
    const one = await house.all.ask('GET', '/v1/verdicts?limit=1');
    const other = await house.all.ask('GET', `/v1/verdicts?limit=1&cursor=${one.json.next_cursor}`);
    assert.deepEqual([...one.json.items, ...other.json.items], stats.verdicts);
    assert.equal(other.json.next_cursor, null);
    const { json: past } = await house.all.ask('GET', '/v1/verdicts/past?reason=no-such-address&limit=1');
    assert.deepEqual(
      past.items.map((each: Record<string, unknown>) => [each.verdict, each.detail, each.address]),
      [['rejected', 'no-token', 'nobody@reply.example.org']],
    );
    assert.equal(past.next_cursor, null);
    const before = await house.all.ask('GET', '/v1/verdicts/past?cursor=1');
    assert.deepEqual(before.json.items, []);
    const beyond = await house.all.ask('GET', `/v1/sources?cursor=${Buffer.from('m').toString('base64url')}`);
    assert.deepEqual(beyond.json.items, []);
    const { json: address } = await house.all.ask('POST', '/v1/addresses', {
      body: { user: 'alice', thread: 'other' },
    });
    const to = encodeURIComponent(address.reply_to);
    const check = await house.all.ask('POST', `/v1/check?to=${to}&from=alice@example.com`, { body: message });
    assert.equal(check.json.post.data.thread, 'other');
    const none = await house.all.ask('POST', '/v1/check?to=nobody@reply.example.org', { body: message });
    assert.equal(none.json.post, null);
    assert.equal((await house.all.ask('POST', '/v1/spam/classify', { body: message })).status, 503);
    const { json: sources } = await house.all.ask('GET', '/v1/sources');
    assert.deepEqual(sources.items, [{ name: 'lmtp', kind: 'lmtp', state: 'serving', reason: null }]);
    assert.equal((await house.all.ask('POST', '/v1/sources/lmtp/sync')).status, 409);
    assert.equal((await house.all.ask('POST', '/v1/sources/imap/sync')).status, 404);
  });
});

describe('users over the HTTP interface', () => {
  it('are put, listed, shown, rotated and removed', async (t) => {
    const { all } = await startApi(t);
    const put = (name: string, body: object) =>
      all.ask('PUT', `/v1/users/${encodeURIComponent(name)}`, { body });
    assert.equal((await put('alice', { addresses: ['alice@example.com'] })).status, 201);
    assert.equal((await put('alice', { addresses: ['alice@example.com'] })).status, 200);
    assert.equal((await put('jörg/x', { addresses: [], enabled: false })).json.enabled, false);
    const changed = await put('alice', { addresses: ['alice@home.example'], enabled: false });
    assert.deepEqual([changed.json.enabled, changed.json.addresses], [false, ['alice@home.example']]);
    const bad = await put('bob', { addresses: ['no address'] });
    assert.equal(bad.status, 422);
    assert.equal(bad.json.errors[0].pointer, '/addresses');
    const page = await all.ask('GET', '/v1/users?limit=1');
    assert.deepEqual(
      page.json.items.map(({ user }) => user),
      ['jörg/x'],
    );
    const next = await all.ask('GET', `/v1/users?limit=1&cursor=${page.json.next_cursor}`);
    assert.deepEqual([next.json.items[0].user, next.json.next_cursor], ['alice', null]);
    assert.equal((await all.ask('GET', '/v1/users/alice')).json.hard_bounces, 0);
    const renamed = await all.ask('POST', '/v1/users/alice/rename', { body: { to: 'alicia' } });
    assert.deepEqual([renamed.status, renamed.json.user], [200, 'alicia']);
    const taken = await all.ask('POST', '/v1/users/alicia/rename', { body: { to: 'jörg/x' } });
    assert.equal(taken.status, 409);
    assert.equal((await all.ask('POST', '/v1/users/alice/rename', { body: { to: 'x' } })).status, 404);
    await all.ask('POST', '/v1/users/alicia/rename', { body: { to: 'alice' } });
    const rotated = await all.ask('POST', '/v1/users/alice/rotate', { body: { grace: '7d' } });
    assert.ok(Date.parse(rotated.json.grace_ends_at) > Date.now());
    assert.equal((await all.ask('DELETE', '/v1/users/alice')).status, 204);
    assert.equal((await all.ask('GET', '/v1/users/alice')).status, 404);
    assert.equal((await all.ask('DELETE', '/v1/users/alice')).status, 404);
    assert.equal((await all.ask('GET', '/v1/users?cursor=x')).status, 422);
  });
});
