import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { Webhook } from 'standardwebhooks';
import {
  deliver,
  NOW,
  openSink,
  SECRETS,
  samplePost,
  serveHttp,
  testDirectory,
} from '../support/loopback.ts';

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A platform that answers 204 and keeps what it got. */
async function platform(
  t: TestContext,
): Promise<{ origin: string; received: Received[]; ports: Set<number> }> {
  const received: Received[] = [];
  const ports = new Set<number>();
  const origin = await serveHttp(t, (request, response) => {
    ports.add(request.socket.remotePort ?? 0);
    void buffer(request).then((body) => {
      received.push({ method: request.method, url: request.url, headers: request.headers, body });
      response.writeHead(204).end();
    });
  });
  return { origin, received, ports };
}

function signed(request: Received): Record<string, string> {
  return {
    'webhook-id': String(request.headers['webhook-id']),
    'webhook-timestamp': String(request.headers['webhook-timestamp']),
    'webhook-signature': String(request.headers['webhook-signature']),
  };
}

describe('the request of the webhook sink', () => {
  it('is a POST of exactly the documented JSON', async (t) => {
    const { origin, received } = await platform(t);
    const content = Buffer.from('attached \0 bytes \xff', 'latin1');
    // A view into a larger buffer, as the parser hands over: only the attachment's own bytes may go out.
    const view = Buffer.concat([Buffer.from('before'), content, Buffer.from('after')]).subarray(
      6,
      6 + content.length,
    );
    const sha256 = createHash('sha256').update(content).digest('hex');
    const post = samplePost({
      attachments: [
        {
          filename: 'größe.bin',
          contentType: 'application/octet-stream',
          declaredType: 'application/octet-stream',
          bytes: content.length,
          sha256,
          inline: false,
          contentId: 'x@y',
          content: view,
        },
      ],
    });
    await deliver(openSink(t, `${origin}/hooks/mail?form=1`), post);
    const [request] = received;
    assert.equal(request?.method, 'POST');
    assert.equal(request.url, '/hooks/mail?form=1');
    assert.equal(request.headers['content-type'], 'application/json');
    assert.equal(request.headers['content-length'], String(request.body.length));
    assert.deepEqual(JSON.parse(request.body.toString()), {
      type: 'reply.created',
      timestamp: '2026-11-20T09:14:03.120Z',
      data: {
        id: '01J9Z8XK3M-0001',
        user: 'alice',
        thread: 'go-gitea/gitea/issue/2351',
        replied_to: '2026-11-19T17:02:11.000Z',
        message_id: '<reply-1@mail.example.com>',
        in_reply_to: '<go-gitea/gitea/issue/2351/1795194131@reply.example.org>',
        subject: 'Re: übersicht',
        date: '2026-11-20T09:14:00.000Z',
        received_at: '2026-11-20T09:14:03.120Z',
        from: { address: 'alice@example.com', name: 'Alice Äther' },
        authentication: { policy: 'strict', result: 'pass' },
        spam: { score: 0.3, flagged: false },
        context: null,
        smime_signature: null,
        body: {
          markdown: 'Fine by me 👍',
          text: 'Fine by me 👍',
          quoted: '> is it?',
          signature: '-- \nA.',
          cuts: [{ what: 'quote', signs: ['quote-marks', 'last'] }],
        },
        attachments: [
          {
            filename: 'größe.bin',
            content_type: 'application/octet-stream',
            bytes: content.length,
            sha256,
            inline: false,
            content: content.toString('base64'),
          },
        ],
      },
    });
  });

  it('keeps every key and says null for what is not known', async (t) => {
    const { origin, received } = await platform(t);
    const sink = openSink(t, origin);
    await deliver(
      sink,
      samplePost({ messageId: undefined, inReplyTo: undefined, date: undefined, spam: undefined }),
    );
    await deliver(sink, samplePost({ spam: { score: undefined, flagged: true } }));
    const [unknown, verdictOnly] = received.map(
      ({ body }) => (JSON.parse(body.toString()) as { data: Record<string, unknown> }).data,
    );
    for (const key of ['message_id', 'in_reply_to', 'date', 'spam']) assert.equal(unknown?.[key], null, key);
    assert.deepEqual(verdictOnly?.spam, { score: null, flagged: true });
  });

  it('spells a Message-ID with brackets whichever way it was stored', async (t) => {
    const { origin, received } = await platform(t);
    await deliver(openSink(t, origin), samplePost({ messageId: 'bare@example.com' }));
    const { data } = JSON.parse(String(received[0]?.body)) as { data: { message_id: string } };
    assert.equal(data.message_id, '<bare@example.com>');
  });

  it('repeats body, Idempotency-Key and webhook-id to the byte on a later attempt, signed anew', async (t) => {
    const { origin, received } = await platform(t);
    let now = NOW;
    const sink = openSink(t, origin, { now: () => now });
    await deliver(sink);
    now += 3_600_000;
    await deliver(sink);
    const [one, two] = received;
    assert.ok(one && two);
    assert.deepEqual(one.body, two.body);
    assert.equal(one.headers['idempotency-key'], samplePost().id);
    assert.equal(one.headers['webhook-id'], samplePost().id);
    assert.equal(two.headers['idempotency-key'], samplePost().id);
    assert.equal(one.headers['webhook-timestamp'], String(NOW / 1000));
    assert.equal(two.headers['webhook-timestamp'], String(NOW / 1000 + 3600));
    assert.notEqual(one.headers['webhook-signature'], two.headers['webhook-signature']);
  });

  it('keeps its connections for the next posts', async (t) => {
    const { origin, received, ports } = await platform(t);
    const sink = openSink(t, origin);
    for (let round = 0; round < 20; round++) await deliver(sink);
    assert.equal(received.length, 20);
    // A second one may open while the first is still being made ready again.
    assert.ok(ports.size <= 2, `${ports.size} connections`);
  });

  it('opens at most 16 connections however many posts wait', async (t) => {
    const waiting: (() => void)[] = [];
    let most = 0;
    const origin = await serveHttp(t, (request, response) => {
      request.resume();
      waiting.push(() => response.writeHead(201).end());
      most = Math.max(most, waiting.length);
      if (waiting.length === 16) for (const answer of waiting.splice(0)) answer();
    });
    const sink = openSink(t, origin);
    const outcomes = await Promise.all(Array.from({ length: 48 }, () => deliver(sink)));
    assert.ok(outcomes.every(({ kind }) => kind === 'posted'));
    assert.equal(most, 16);
  });

  it('goes over a Unix socket to the path that the URL names', async (t) => {
    const socket = `${testDirectory(t)}/hook.sock`;
    const server = createServer((request, response) => {
      request.resume();
      response.end(`${String(request.method)} ${String(request.url)} ${String(request.headers.host)}`);
    });
    server.listen(socket);
    await once(server, 'listening');
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
    const outcome = await deliver(openSink(t, `unix:${socket}:/hooks/mail?a=b`));
    assert.deepEqual(outcome, {
      kind: 'posted',
      diagnostic: '200 OK: POST /hooks/mail?a=b localhost',
      status: 200,
    });
  });
});

describe('the signature (Standard Webhooks), checked by the reference library', () => {
  it('verifies with the secret and fails with another or a changed body', async (t) => {
    const { origin, received } = await platform(t);
    const now = Date.now();
    await deliver(openSink(t, origin, { now: () => now }));
    const [request] = received;
    assert.ok(request);
    const verifier = new Webhook(SECRETS[0]!);
    assert.deepEqual(verifier.verify(request.body, signed(request)), JSON.parse(request.body.toString()));
    assert.throws(() => new Webhook(SECRETS[1]!).verify(request.body, signed(request)));
    assert.throws(() => verifier.verify(Buffer.concat([request.body, Buffer.from(' ')]), signed(request)));
    assert.throws(() => verifier.verify(request.body, { ...signed(request), 'webhook-id': 'other' }));
  });

  it('stands once per secret, so that a platform can rotate: either verifies', async (t) => {
    const { origin, received } = await platform(t);
    const now = Date.now();
    await deliver(openSink(t, origin, { now: () => now, secrets: SECRETS }));
    const [request] = received;
    assert.ok(request);
    for (const secret of SECRETS) new Webhook(secret).verify(request.body, signed(request));
    assert.match(signed(request)['webhook-signature']!, /^v1,[A-Za-z0-9+/]{43}= v1,[A-Za-z0-9+/]{43}=$/);
  });
});
