// Notifications over the HTTP interface: what is handed over arrives, is answered, and is handed over once.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { fieldsOf, startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';
import { startApi } from './api.ts';

const THREAD = 'acme/site/issue/7';
const ORDER = {
  user: 'alice',
  thread: THREAD,
  replied_to: new Date(Date.now() - 60_000).toISOString(),
  subject: '[acme/site] Größe der Wortmarke (#7)',
  text: 'Bob wrote: it is too large.',
  html: '<p>Bob wrote: it is too large.</p>',
  from: { name: 'Böb via Tracker' },
  headers: { 'X-Tracker-Issue': '7' },
  list: { id: 'issue-7.tracker.example.org', unsubscribe: 'https://tracker.example.org/u/1' },
};

async function start(t: TestContext) {
  const mailbox = await startMailbox(testScratch(t));
  const house = await startApi(t, { outbound: { relay: mailbox.server } });
  await house.daemon.addUser('alice');
  return { ...house, mailbox };
}

describe('POST /v1/notifications', () => {
  it('sends a mail whose answer is posted to the thread', async (t) => {
    const { all, mailbox, daemon, platform } = await start(t);
    const { status, json } = await all.ask('POST', '/v1/notifications', { body: ORDER });
    assert.equal(status, 202);
    const mail = await mailbox.nthMail(1);
    const field = (name: string): string => fieldsOf(mail, name)[0]?.trim() ?? '';
    assert.equal(field('Reply-To'), json.reply_to);
    assert.equal(field('Message-ID'), json.message_id);
    assert.equal(field('References'), `<${THREAD}@reply.example.org>`);
    assert.equal(field('List-Unsubscribe-Post'), 'List-Unsubscribe=One-Click');
    assert.equal(field('X-Tracker-Issue'), '7');
    const sent = await eventually(
      async () => {
        const found = await all.ask('GET', `/v1/notifications/${json.id}`);
        return found.json.state === 'sent' ? found.json : undefined;
      },
      () => daemon.log(),
    );
    assert.equal(sent.message_id, json.message_id);
    const lmtp = await LmtpClient.open(t, daemon.socket);
    await lmtp.deliver(replyMessage({ to: json.reply_to, inReplyTo: json.message_id }), json.reply_to);
    const post = await platform.nthPost(1);
    assert.equal(post.data.thread, THREAD);
    const { json: thread } = await all.ask('GET', `/v1/threads/${THREAD}`);
    assert.deepEqual(
      [thread.notifications, thread.replies].map((list) => (list as { id: string }[]).map(({ id }) => id)),
      [[json.id], [post.data.id]],
    );
    const encoded = await all.ask('GET', `/v1/threads/${encodeURIComponent(THREAD)}`);
    assert.equal(encoded.json.thread, thread.thread);
    assert.equal((encoded.json.replies as unknown[]).length, 1);
  });

  it('sends one mail for a key, however often it is asked, and at the same time', async (t) => {
    const { all, mailbox, daemon } = await start(t);
    const headers = { 'idempotency-key': 'comment 17' };
    const answers = await Promise.all(
      [1, 2, 3].map(() => all.ask('POST', '/v1/notifications', { body: ORDER, headers })),
    );
    assert.equal(new Set(answers.map(({ json }) => json.id)).size, 1);
    await mailbox.nthMail(1);
    await daemon.restart();
    const again = await all.ask('POST', '/v1/notifications', { body: ORDER, headers });
    assert.deepEqual([again.json.id, again.headers['idempotency-replayed']], [answers[0]?.json.id, 'true']);
    assert.equal(again.json.reply_to, answers[0]?.json.reply_to);
    const other = { ...ORDER, text: 'Another one.' };
    assert.equal((await all.ask('POST', '/v1/notifications', { body: other, headers })).status, 422);
    const last = await all.ask('POST', '/v1/notifications', { body: other });
    await mailbox.nthMail(2);
    const { json } = await all.ask('GET', `/v1/threads/${THREAD}`);
    assert.deepEqual(
      (json.notifications as { id: string }[]).map(({ id }) => id),
      [last.json.id, again.json.id],
    );
  });

  it('sends a digest, whose answers are posted each to its thread', async (t) => {
    const { all, mailbox, daemon, platform } = await start(t);
    const posts = ['site#7', 'site#12', 'docs'].map((label, n) => ({
      thread: `acme/${n + 1}`,
      replied_to: `${ORDER.replied_to.slice(0, -5)}Z`,
      label,
    }));
    const { user, subject, from } = ORDER;
    const text = posts.map(({ label }) => `[${label}] A title\nBob: What do you think?`).join('\n\n');
    const body = { user, subject, from, text, posts };
    const headers = { 'idempotency-key': 'digest of today' };
    const { status, json } = await all.ask('POST', '/v1/notifications', { body, headers });
    assert.equal(status, 202);
    const again = await all.ask('POST', '/v1/notifications', { body, headers });
    assert.deepEqual([again.json, again.headers['idempotency-replayed']], [json, 'true']);
    const mail = await mailbox.nthMail(1);
    assert.equal(fieldsOf(mail, 'Reply-To')[0]?.trim(), json.reply_to);
    const shown = await all.ask('GET', `/v1/notifications/${json.id}`);
    assert.equal(shown.json.thread, null);
    const lmtp = await LmtpClient.open(t, daemon.socket);
    const quoted = text.split('\n').map((line) => `> ${line}`.trimEnd());
    const [first = '', second = ''] = quoted.join('\n').split('\n> [docs]');
    const answer = `>>2\nSince yesterday.\n\nBob wrote:\n${first}\n> [docs]${second}\n\nMended.\n`;
    const to = json.reply_to.replace(/[<>]/g, '');
    const sent = replyMessage({ to, inReplyTo: json.message_id, body: answer });
    assert.match(String((await lmtp.deliver(sent, to))[0]), /^250 /);
    await platform.nthPost(2);
    assert.deepEqual(platform.posts.map(({ data }) => [data.thread, data.body.text]).sort(), [
      ['acme/2', 'Since yesterday.'],
      ['acme/3', 'Mended.'],
    ]);
    assert.equal(mailbox.mails.length, 1, 'one mail went out');
  });

  it('is told in its thread with the replies, page by page, the newest of both first', async (t) => {
    const { all, daemon, platform } = await start(t);
    const told: string[] = [];
    const lmtp = await LmtpClient.open(t, daemon.socket);
    for (const n of [1, 2]) {
      const { json } = await all.ask('POST', '/v1/notifications', { body: ORDER });
      told.unshift(json.id);
      const to = json.reply_to.replace(/[<>]/g, '');
      const token = to.slice(6, 54);
      const messageId = `${token}@example.com`;
      const body = `Answer ${n}.\n`;
      await lmtp.deliver(replyMessage({ to, inReplyTo: json.message_id, messageId, body }), to);
      told.unshift((await platform.nthPost(n)).data.id);
    }
    const seen: string[] = [];
    let cursor = '';
    do {
      const { json } = await all.ask('GET', `/v1/threads/${THREAD}?limit=1${cursor}`);
      const { notifications, replies } = json as unknown as Record<string, readonly { id: string }[]>;
      seen.push(...[...(notifications ?? []), ...(replies ?? [])].map(({ id }) => id));
      assert.doesNotMatch(JSON.stringify(json), /[a-z2-7]{48}@/, 'no token is told');
      cursor = json.next_cursor === null ? '' : `&cursor=${json.next_cursor}`;
    } while (cursor !== '');
    assert.deepEqual(seen, told);
    const { json: whole } = await all.ask('GET', `/v1/threads/${THREAD}`);
    assert.equal(whole.next_cursor, null);
    for (const forged of ['x', '~', '0', "' OR 1", 'Z'.repeat(24), ''])
      assert.equal(
        (await all.ask('GET', `/v1/threads/${THREAD}?cursor=${encodeURIComponent(forged)}`)).status,
        422,
        forged,
      );
  });

  it('refuses what could inject a field, or reach nobody, and names the member', async (t) => {
    const { all } = await start(t);
    const refused = async (change: object): Promise<readonly [number, string | undefined]> => {
      const { status, json } = await all.ask('POST', '/v1/notifications', { body: { ...ORDER, ...change } });
      return [status, json.errors[0].pointer];
    };
    assert.deepEqual(await refused({ headers: { 'X-A': 'b\r\nBcc: eve@example.com' } }), [
      422,
      '/headers/X-A',
    ]);
    assert.deepEqual(await refused({ headers: { Bcc: 'eve@example.com' } }), [422, '/headers/Bcc']);
    assert.deepEqual(await refused({ list: { unsubscribe: 'http://x.example/' } }), [
      422,
      '/list/unsubscribe',
    ]);
    assert.deepEqual(await refused({ user: 'nobody' }), [422, '/user']);
    assert.deepEqual(await refused({ to: 'eve@example.com' }), [422, '/to']);
    assert.deepEqual(await refused({ replied_to: '2020-01-01T00:00:00Z' }), [422, '/replied_to']);
    assert.deepEqual(await refused({ subject: undefined }), [422, '/subject']);
    assert.deepEqual(await refused({ bcc: 'eve@example.com' }), [422, '/bcc']);
    const posts = [
      { thread: 'a/1', label: 'one' },
      { thread: 'a/2', label: 'ONE' },
    ];
    assert.deepEqual(await refused({ posts }), [422, '/thread']);
    assert.deepEqual(await refused({ thread: undefined }), [422, '/thread']);
    assert.deepEqual(await refused({ posts, thread: undefined }), [422, '/posts/1/label']);
    assert.deepEqual(await refused({ posts: posts.slice(1), thread: undefined }), [422, '/posts']);
    assert.deepEqual(await refused({ posts: [{ label: 'x' }, posts[0]], thread: undefined }), [
      422,
      '/posts/0/thread',
    ]);
    assert.equal((await all.ask('GET', '/v1/notifications/none')).status, 404);
  });
});
