// The platform's page: every thread with its posts, for a browser.
//
// Contract: what came by mail is shown as text and nothing else: every character that HTML gives a meaning is
// escaped, attachments are only ever downloaded, and the content security policy allows no script but ours.
// The page looks every second whether a post has come, and then loads itself anew.

import type { RequestListener, ServerResponse } from 'node:http';
import type { Platform, PostedReply } from '../support/platform.ts';
import { THREAD } from './messages.ts';
import { SCRIPT, STYLE } from './page-files.ts';

type Data = PostedReply['data'];

/** Answers for the page, what it loads, and the attachments; `openedAt` is when the first post was made. */
export function threadPage(posts: Platform['posts'], openedAt: Date): RequestListener {
  return (request, response) => {
    if (request.method !== 'GET') {
      send(response, 405, 'text/plain', 'only GET and POST\n');
      return;
    }
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const attachment = /^\/attachments\/([^/]+)\/(\d+)$/.exec(path);
    if (attachment !== null) sendAttachment(response, posts, attachment[1] ?? '', Number(attachment[2]));
    else if (path === '/') send(response, 200, 'text/html', pageHtml(posts, openedAt));
    else if (path === '/page.css') send(response, 200, 'text/css', STYLE);
    else if (path === '/page.js') send(response, 200, 'text/javascript', SCRIPT);
    else if (path === '/count') send(response, 200, 'text/plain', String(posts.length));
    else send(response, 404, 'text/plain', 'no such page\n');
  };
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-security-policy':
      "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  });
  response.end(body);
}

function sendAttachment(response: ServerResponse, posts: Platform['posts'], id: string, index: number): void {
  const attachment = posts.find(({ data }) => data.id === id)?.data.attachments[index];
  if (attachment === undefined) {
    send(response, 404, 'text/plain', 'no such attachment\n');
    return;
  }
  response.writeHead(200, {
    // Never the declared type: a browser must not show on our origin what a stranger sent.
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename*=UTF-8''${headerText(attachment.filename)}`,
    'content-security-policy': "default-src 'none'; sandbox",
    'x-content-type-options': 'nosniff',
  });
  response.end(Buffer.from(attachment.content, 'base64'));
}

/** RFC 8187 §3.2.1. */
function headerText(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

// ---- HTML -------------------------------------------------------------------------------------------------------

/** Makes any text safe between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function pageHtml(posts: Platform['posts'], openedAt: Date): string {
  const threads = new Set([THREAD.locator, ...posts.map(({ data }) => data.thread)]);
  const sections = [...threads].map((thread) => {
    const replies = posts.map(({ data }) => data).filter((data) => data.thread === thread);
    return threadHtml(thread, replies, openedAt);
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Acme Tracker</title>
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body data-posts="${posts.length}">
<header>Acme Tracker <small>a stand-in for your platform; new replies appear by themselves</small></header>
<main>
${sections.join('\n')}
</main>
</body>
</html>
`;
}

function threadHtml(thread: string, replies: readonly Data[], openedAt: Date): string {
  const isOurs = thread === THREAD.locator;
  const opening = isOurs
    ? [postHtml(THREAD.author, 'on the site', openedAt.toISOString(), textHtml(THREAD.text))]
    : [];
  const title = isOurs ? THREAD.title : (replies[0]?.subject ?? thread);
  return `<section>
<h1 dir="auto">${escapeHtml(title)}</h1>
<p class="locator">${escapeHtml(thread)}</p>
${[...opening, ...replies.map(replyHtml)].join('\n')}
</section>`;
}

function replyHtml(data: Data): string {
  const { body, from } = data;
  const parts = [
    textHtml(body.markdown),
    folded('signature', body.signature),
    folded('quoted text', body.quoted),
    attachmentsHtml(data),
  ];
  return postHtml(data.user, `by mail from ${from.address}`, data.received_at, parts.join(''));
}

function postHtml(who: string, how: string, when: string, content: string): string {
  const time = `<time datetime="${escapeHtml(when)}">${escapeHtml(when.slice(0, 16).replace('T', ' '))} UTC</time>`;
  return `<article>
<p class="who"><b dir="auto">${escapeHtml(who)}</b> <span dir="auto">${escapeHtml(how)}</span> ${time}</p>
${content}
</article>`;
}

function textHtml(text: string): string {
  return `<div class="text" dir="auto">${escapeHtml(text)}</div>`;
}

function folded(title: string, text: string): string {
  return text === '' ? '' : `<details><summary>${title}</summary>${textHtml(text)}</details>`;
}

function attachmentsHtml({ id, attachments }: Data): string {
  const items = attachments.map(
    ({ filename, content_type, bytes, sha256 }, index) =>
      `<li><a href="/attachments/${encodeURIComponent(id)}/${index}" download>${escapeHtml(filename)}</a> ` +
      `${escapeHtml(content_type)}, ${bytes} bytes <code title="SHA-256">${escapeHtml(sha256)}</code></li>`,
  );
  return items.length === 0 ? '' : `<ul>${items.join('')}</ul>`;
}
