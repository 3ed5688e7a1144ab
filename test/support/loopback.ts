// Real servers on the loopback for the sinks' tests, well-behaved and not, and a post to send them.
//
// Contract: every server listens on a free port (or the Unix socket asked for) and is gone, connections and all,
// when the test ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createRawServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Post } from '../../src/reply/post.ts';
import type { HttpDeadlines } from '../../src/sinks/http-exchange.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { readWebhookOptions } from '../../src/sinks/webhook/options.ts';
import { createWebhookSink } from '../../src/sinks/webhook/webhook.ts';

/** The time by every test's clock: 2026-11-20T09:15:00Z. */
export const NOW = Date.UTC(2026, 10, 20, 9, 15, 0);

/** The secrets of the test sinks, as the platform spells them. */
export const SECRETS = [
  `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  `whsec_${Buffer.alloc(24, 9).toString('base64')}`,
];

/** A post with every field filled. */
export function samplePost(change: Partial<Post> = {}): Post {
  return {
    id: '01J9Z8XK3M-0001',
    user: 'alice',
    thread: 'go-gitea/gitea/issue/2351',
    repliedToAt: Date.UTC(2026, 10, 19, 17, 2, 11),
    messageId: '<reply-1@mail.example.com>',
    inReplyTo: '<go-gitea/gitea/issue/2351/1795194131@reply.example.org>',
    subject: 'Re: übersicht',
    date: '2026-11-20T09:14:00.000Z',
    receivedAt: Date.UTC(2026, 10, 20, 9, 14, 3, 120),
    from: { address: 'alice@example.com', name: 'Alice Äther' },
    authentication: { policy: 'strict', result: 'pass' },
    spam: { score: 0.3, flagged: false },
    body: {
      markdown: 'Fine by me 👍',
      text: 'Fine by me 👍',
      quoted: '> is it?',
      signature: '-- \nA.',
      cuts: [{ what: 'quote', signs: ['quote-marks', 'last'] }],
    },
    attachments: [],
    dropped: [],
    ...change,
  };
}

/** An HTTP server; its origin. */
export function serveHttp(t: TestContext, listener: RequestListener): Promise<string> {
  return listen(t, createServer(listener), 'http');
}

/** An HTTPS server; its origin. */
export function serveHttps(
  t: TestContext,
  tls: { key: string; cert: string },
  listener: RequestListener,
): Promise<string> {
  return listen(t, createTlsServer(tls, listener), 'https');
}

async function listen(t: TestContext, server: Server, scheme: string): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that speaks whatever `talk` writes; its HTTP origin. Errors of its sockets are expected. */
export async function serveRaw(t: TestContext, talk: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createRawServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    talk(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A server that answers the first bytes of every connection with `answer`, as it stands. */
export function serveAnswer(
  t: TestContext,
  answer: string,
  then?: (socket: Socket) => void,
): Promise<string> {
  return serveRaw(t, (socket) => {
    socket.once('data', () => {
      socket.write(answer, () => then?.(socket));
    });
  });
}

/** What a test may choose about its sink. */
export interface SinkChoice {
  readonly secrets?: readonly string[];
  readonly caFile?: string;
  readonly now?: () => number;
  readonly deadlines?: HttpDeadlines;
}

/** A webhook sink for a URL; it closes with the test. */
export function openSink(t: TestContext, url: string, choice: SinkChoice = {}): Sink {
  const secrets = choice.secrets ?? SECRETS.slice(0, 1);
  const read = readWebhookOptions(
    {
      url,
      secret_file: secrets.map((_, index) => `/secret/${index}`),
      ...(choice.caFile === undefined ? {} : { ca_file: choice.caFile }),
    },
    (_key, file) => {
      const secret = secrets[Number(file.slice('/secret/'.length))] ?? '';
      return { ok: true, bytes: Buffer.from(secret.replace('whsec_', ''), 'base64') };
    },
  );
  if (!read.ok) throw new Error(read.problems.join('; '));
  const sink = createWebhookSink(read.options, {
    now: choice.now ?? (() => NOW),
    ...(choice.deadlines === undefined ? {} : { deadlines: choice.deadlines }),
  });
  t.after(() => sink.close());
  return sink;
}

/** Delivers the sample post with nothing but the sink's own deadlines. */
export function deliver(sink: Sink, post: Post = samplePost()): Promise<Outcome> {
  return sink.deliver(post, new AbortController().signal);
}

/** A directory that goes with the test. */
export function testDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'mailgw-sink-'));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}

/** Asserts that an attempt is to be repeated for a fault on the way, which is no misconfiguration of the sink. */
export function assertDeferred(outcome: Outcome, diagnostic: RegExp): void {
  assert.equal(outcome.kind, 'deferred', outcome.diagnostic);
  assert.match(outcome.diagnostic, diagnostic);
  assert.ok(!('broken' in outcome), 'a fault on the way is no misconfiguration');
}
