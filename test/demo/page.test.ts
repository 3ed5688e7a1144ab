// The platform's page: what came by mail stays text.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { PostedReply } from '../support/platform.ts';
import { THREAD } from './messages.ts';
import { threadPage } from './page.ts';

const OPENED_AT = new Date('2026-11-20T09:00:00Z');
const EVIL = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>&lt;`;

/** A post in which every text is `text`. */
function post(text: string): PostedReply {
  const attachment = { filename: text, content_type: text, bytes: 3, sha256: text, content: 'YWJj' };
  return {
    type: 'reply.created',
    timestamp: '2026-11-20T09:14:03.120Z',
    data: {
      id: '06gvqsyfk6g6oqs0pn46e1b1',
      user: text,
      thread: text,
      replied_to: '2026-11-20T09:00:00Z',
      message_id: text,
      in_reply_to: text,
      subject: text,
      received_at: text,
      from: { address: text, name: text },
      body: { markdown: text, text, quoted: text, signature: text },
      attachments: [attachment],
    },
  };
}

/** Serves the page for these posts; its origin. */
async function serve(t: TestContext, posts: PostedReply[]): Promise<string> {
  const server = createServer(threadPage(posts, OPENED_AT)).listen(0, '127.0.0.1');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("the platform's page", () => {
  it('shows the first post before any reply came', async (t) => {
    const answer = await fetch(await serve(t, []));
    assert.match(
      await answer.text(),
      new RegExp(`<h1[^>]*>${THREAD.title}</h1>[^]*<b[^>]*>${THREAD.author}</b>`),
    );
    assert.match(answer.headers.get('content-security-policy') ?? '', /^default-src 'none';/);
  });

  it('lets nothing that came by mail become markup', async (t) => {
    const html = await (await fetch(await serve(t, [post(EVIL)]))).text();
    const withoutOurs = html.replaceAll('<script src="/page.js" defer></script>', '');
    assert.doesNotMatch(withoutOurs, /<script|<img/i);
    assert.ok(html.includes('&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#62;'), html);
  });

  it('gives attachments away as downloads only, under their own name', async (t) => {
    const origin = await serve(t, [post(EVIL)]);
    const path = /href="(\/attachments\/[^"]+)"/.exec(await (await fetch(origin)).text())?.[1] ?? '';
    const answer = await fetch(origin + path);
    assert.equal(await answer.text(), 'abc');
    assert.equal(answer.headers.get('content-type'), 'application/octet-stream');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    const name = /^attachment; filename\*=UTF-8''([\w.~%!-]+)$/.exec(
      answer.headers.get('content-disposition') ?? '',
    );
    assert.equal(decodeURIComponent(name?.[1] ?? ''), EVIL);
  });

  it('says how many posts there are, so that a browser knows when to look again', async (t) => {
    const posts = [post('one')];
    const origin = await serve(t, posts);
    assert.equal(await (await fetch(`${origin}/count`)).text(), '1');
    posts.push(post('two'));
    assert.equal(await (await fetch(`${origin}/count`)).text(), '2');
  });

  it('answers 404 for what there is not, and 405 for a method that it does not know', async (t) => {
    const origin = await serve(t, []);
    for (const path of ['/nothing', '/attachments/none/0', '/attachments/../../etc/passwd']) {
      assert.equal((await fetch(origin + path)).status, 404, path);
    }
    assert.equal((await fetch(origin, { method: 'DELETE' })).status, 405);
  });
});
