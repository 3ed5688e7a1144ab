// The whole mails of docs/http-interface.md: what the page says of them is what the parser makes of them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { toPost } from '../../src/delivery/attempt.ts';
import { ATTACHMENT_LIMITS } from '../../src/mail/attachment-limits.ts';
import { composeLocator } from '../../src/mail/reserved.ts';
import { parseMessage } from '../../src/reply/parse.ts';
import type { DigestWish } from '../../src/reply/post.ts';
import { startApi } from '../api/api.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { EXAMPLE_POST, EXAMPLE_THREAD, HTTP_PAGE } from './http-examples.ts';

const page = readFileSync(HTTP_PAGE, 'utf8');

/** What stands below a heading of the page. */
function below(heading: string): string {
  return new RegExp(`\\n## ${heading}\\n([^]*?)(?=\\n## )`).exec(page)?.[1] ?? assert.fail(heading);
}

/** The whole mails below a heading, in their order. */
const mailsBelow = (heading: string): Buffer[] =>
  [...below(heading).matchAll(/```text\n(From: [^]*?)```/g)].map(([, mail = '']) =>
    Buffer.from(mail.replaceAll('\n', '\r\n')),
  );

const parse = (mail: Buffer, digest?: DigestWish) =>
  parseMessage(mail, ATTACHMENT_LIMITS, undefined, undefined, digest);

describe('the context of docs/http-interface.md', () => {
  const [order = {}, shown = {}] = [...below('Context').matchAll(/```json\n([^]*?)```/g)].map(
    ([, json = '']) => JSON.parse(json) as Record<string, unknown>,
  );
  const [notification, reply] = mailsBelow('Context').map(String);
  const idOf = (mail = ''): string => /^Message-ID: (<.*>)/m.exec(mail)?.[1] ?? assert.fail('no Message-ID');

  it('comes back with the reply that the page shows, to the notification that it shows', async (t) => {
    const { all, daemon, platform } = await startApi(t);
    await daemon.addUser('alice', 'alice@example.com');
    // What stands on the page gets too old one day.
    const body = { ...order, replied_to: new Date().toISOString() };
    const { status, json } = await all.ask('POST', '/v1/addresses', { body });
    assert.equal(status, 201);
    const onPage = new RegExp(`reply\\+[a-z2-7]{48}@reply\\.example\\.org`, 'g');
    const [asMinted, answer] = [notification, reply].map((mail = '') =>
      mail.replaceAll(onPage, json.reply_to).replaceAll(idOf(notification), json.message_id),
    );
    for (const [name, value] of Object.entries(json.headers as Record<string, unknown>))
      assert.ok(
        asMinted?.includes(`\r\n${name}: ${String(value)}\r\n`),
        `${name}: ${String(value)}\n${asMinted}`,
      );
    const lmtp = await LmtpClient.open(t, daemon.socket);
    await lmtp.deliver(answer ?? '', json.reply_to);
    const { data } = await platform.nthPost(1);
    const given = Object.keys(shown).map((key) => [key, (data as unknown as Record<string, unknown>)[key]]);
    assert.deepEqual(Object.fromEntries(given), shown);
    assert.deepEqual(shown.context, order.context);
    assert.equal(data.body.text, 'Found it: the header gives no width.');
  });

  it('is that which was given last', async (t) => {
    const { all, daemon, platform } = await startApi(t);
    await daemon.addUser('alice', 'alice@example.com');
    const body = { ...order, replied_to: new Date().toISOString() };
    const { json } = await all.ask('POST', '/v1/addresses', { body });
    await all.ask('POST', '/v1/addresses', { body: { ...body, context: 'another' } });
    const lmtp = await LmtpClient.open(t, daemon.socket);
    await lmtp.deliver(replyMessage({ to: json.reply_to, inReplyTo: json.message_id }), json.reply_to);
    const data: unknown = (await platform.nthPost(1)).data;
    assert.equal((data as Record<string, unknown>).context, 'another');
  });
});

describe('the digest of docs/http-interface.md', () => {
  interface Order {
    readonly posts: readonly { readonly thread: string; readonly label: string }[];
  }
  const order = JSON.parse(/```json\n([^]*?)```/.exec(below('Digests'))?.[1] ?? '') as Order;
  const labels = order.posts.map(({ label }) => label);
  const [notification, reply] = mailsBelow('Digests');

  it('shows every label at the beginning of its post', () => {
    for (const label of labels) assert.match(String(notification), new RegExp(`^\\[${label}\\] `, 'm'));
  });

  it('is answered as the page says', async () => {
    assert.ok(reply);
    const whole = await parse(reply, { labels });
    assert.ok(whole.kind === 'parsed');
    const posted = await Promise.all(
      (whole.answered ?? []).map(async (post) => {
        const part = await parse(reply, { labels, post });
        return [order.posts[post - 1]?.thread, part.kind === 'parsed' ? part.reply.body.text : part.kind];
      }),
    );
    const rows = below('Digests')
      .split('\n')
      .filter((line) => line.startsWith('| `acme'))
      .map((line) =>
        line
          .split('|')
          .slice(1, 3)
          .map((cell) => cell.trim().replaceAll('`', '')),
      );
    assert.deepEqual(posted, rows);
  });
});

describe('the mail of docs/http-interface.md that starts a thread', () => {
  it('gives the event that the page shows', async () => {
    const [mail] = mailsBelow('Mail that starts threads');
    assert.ok(mail);
    const parsed = await parse(mail);
    assert.ok(parsed.kind === 'parsed');
    const item = { ...EXAMPLE_POST, thread: composeLocator('acme/website') };
    const { subject, newThread, thread, body } = toPost(item, parsed, (text) => text);
    const { subject: shownSubject, newThread: shown, thread: none, body: shownBody } = EXAMPLE_THREAD;
    assert.deepEqual([subject, newThread, thread], [shownSubject, shown, none]);
    assert.deepEqual([body.text, body.signature], [shownBody.text, shownBody.signature]);
  });
});
