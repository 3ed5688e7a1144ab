import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, it } from 'node:test';
import {
  assertDeferred,
  deliver,
  openSink,
  SECRETS,
  samplePost,
  serveAnswer,
  serveHttp,
  serveRaw,
} from '../support/loopback.ts';
import { sinkContract } from './contract.ts';

/** Short enough for a test that waits one of them out, long enough for a loopback answer. */
const SHORT = { connectMs: 300, headersMs: 300, answerMs: 300 };

sinkContract('the webhook', {
  open: openSink,
  keyOf: ({ headers }) => headers['idempotency-key'],
});

describe('what the platform answers', () => {
  it('may begin with interim answers (RFC 9110 §15.2)', async (t) => {
    const interim = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n';
    const origin = await serveAnswer(t, `${interim}HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n`);
    assert.equal((await deliver(openSink(t, origin))).kind, 'posted');
  });

  it('explains itself in one printable line of a bounded length, without the secret', async (t) => {
    const echo = `\u001b[2J\r\nSet-Cookie: x\0 ${SECRETS[0]!} ${'long '.repeat(2000)}`;
    const origin = await serveHttp(t, (request, response) => {
      request.resume();
      response.writeHead(400).end(echo);
    });
    const { diagnostic } = await deliver(openSink(t, origin));
    assert.doesNotMatch(diagnostic, /\p{C}/u);
    assert.ok(diagnostic.length < 240, String(diagnostic.length));
    assert.ok(!diagnostic.includes(SECRETS[0]!.slice(6, 30)), diagnostic);
    assert.match(diagnostic, /^400 Bad Request: \[2J Set-Cookie: x whsec_\[secret\]/);
  });
});

describe('a platform that cannot be reached', () => {
  it('is deferred when its name does not exist, its socket file neither', async (t) => {
    assertDeferred(
      await deliver(openSink(t, 'http://mailgw-test.invalid/')),
      /^no answer: .*mailgw-test\.invalid/,
    );
    assertDeferred(
      await deliver(openSink(t, 'unix:/nonexistent/hook.sock:/x')),
      /^no answer: connect ENOENT/,
    );
  });
});

describe('a platform that does not speak HTTP', () => {
  const garbage: [string, string][] = [
    ['another protocol', '220 mx.example.org ESMTP\r\n'],
    ['binary', '\u0016\u0003\u0001\0\0'],
    ['a status that is none', 'HTTP/1.1 banana OK\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'an upgrade nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    ],
    ['headers without end', `HTTP/1.1 200 OK\r\n${'X-Filler: abcdefghij\r\n'.repeat(5000)}`],
    ['nothing but a beginning', 'HTTP/1.1 20'],
  ];
  for (const [name, answer] of garbage) {
    it(`is deferred: ${name}`, async (t) => {
      const origin = await serveAnswer(t, answer, (socket) => socket.end());
      assertDeferred(await deliver(openSink(t, origin)), /^no answer: /);
    });
  }
});

describe('a platform that takes its time', () => {
  it('is deferred by the deadline for headers, be they late or sent a byte at a time', async (t) => {
    const silent = await serveRaw(t, () => undefined);
    assertDeferred(await deliver(openSink(t, silent, { deadlines: SHORT })), /^timeout: /);
    const trickling = await serveRaw(t, (socket) => {
      const text = `HTTP/1.1 200 OK\r\n${'X-Slow: y\r\n'.repeat(1000)}`;
      let sent = 0;
      const timer = setInterval(() => socket.write(text.charAt(sent++)), 20);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });
    assertDeferred(await deliver(openSink(t, trickling, { deadlines: SHORT })), /^timeout: /);
  });

  it('has posted when only the body of its answer is late, or comes a byte at a time', async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n';
    const stalled = await serveAnswer(t, `${head}begun`);
    assert.deepEqual(await deliver(openSink(t, stalled, { deadlines: SHORT })), {
      kind: 'posted',
      status: 200,
      diagnostic: '200 OK: begun',
    });
    const trickling = await serveAnswer(t, head, (socket) => {
      const timer = setInterval(() => socket.write('x'), 20);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });
    assert.equal((await deliver(openSink(t, trickling, { deadlines: SHORT }))).kind, 'posted');
  });

  it('has posted when the attempt ends while the body of its answer is read', async (t) => {
    const attempt = new AbortController();
    const origin = await serveAnswer(t, 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc');
    const sink = openSink(t, origin);
    const outcome = sink.deliver(samplePost(), attempt.signal);
    // undici says so when the status line is there; the sink has seen it one turn later.
    const seen = () => {
      unsubscribe('undici:request:headers', seen);
      setImmediate(() => {
        attempt.abort();
      });
    };
    subscribe('undici:request:headers', seen);
    assert.equal((await outcome).kind, 'posted');
    assert.ok(attempt.signal.aborted);
  });
});
