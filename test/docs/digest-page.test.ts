// The whole mails of docs/http-interface.md: what the page says of them is what the parser makes of them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { toPost } from '../../src/delivery/attempt.ts';
import { ATTACHMENT_LIMITS } from '../../src/mail/attachment-limits.ts';
import { composeLocator } from '../../src/mail/reserved.ts';
import { parseMessage } from '../../src/reply/parse.ts';
import type { DigestWish } from '../../src/reply/post.ts';
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
