import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { MAX_ANSWER_BYTES } from '../../src/sinks/http-exchange.ts';
import type { Outcome } from '../../src/sinks/sink.ts';
import {
  assertDeferred,
  deliver,
  NOW,
  openSink,
  SECRETS,
  samplePost,
  serveAnswer,
  serveHttp,
  serveRaw,
} from '../support/loopback.ts';

/** Short enough for a test that waits one of them out, long enough for a loopback answer. */
const SHORT = { connectMs: 300, headersMs: 300, answerMs: 300 };

function answering(t: TestContext, status: number, headers: Record<string, string> = {}): Promise<string> {
  return serveHttp(t, (request, response) => {
    request.resume();
    response.writeHead(status, headers).end('because');
  });
}

describe('what the platform answers', () => {
  const rows: [Outcome['kind'], boolean, number[]][] = [
    ['posted', false, [200, 201, 202, 204, 299]],
    ['deferred', false, [408, 425, 429, 500, 502, 503, 504, 599]],
    ['deferred', true, [300, 301, 302, 303, 304, 307, 308, 401, 403, 404]],
    ['failed', false, [400, 402, 405, 409, 410, 413, 415, 418, 422, 451]],
  ];
  for (const [kind, broken, statuses] of rows) {
    it(`is ${kind}${broken ? ' with an alarm' : ''} after ${statuses.join(', ')}`, async (t) => {
      for (const status of statuses) {
        const outcome = await deliver(openSink(t, await answering(t, status)));
        assert.equal(outcome.kind, kind, String(status));
        assert.equal(outcome.kind === 'deferred' && outcome.broken === true, broken, String(status));
        assert.ok(outcome.diagnostic.startsWith(String(status)), outcome.diagnostic);
      }
    });
  }

  it('is left alone as long as Retry-After asks, in seconds or until a date, within a day', async (t) => {
    const asks: [string, number | undefined][] = [
      ['120', 120_000],
      [new Date(NOW + 90_000).toUTCString(), 90_000],
      ['99999999999', 86_400_000],
      ['whenever', undefined],
    ];
    for (const [value, ms] of asks) {
      const outcome = await deliver(openSink(t, await answering(t, 429, { 'retry-after': value })));
      assert.equal(outcome.kind === 'deferred' ? outcome.retryAfterMs : 'no', ms, value);
    }
  });

  it('is never followed to where a redirect points', async (t) => {
    let visits = 0;
    const elsewhere = await serveHttp(t, (_, response) => {
      visits++;
      response.end();
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const outcome = await deliver(openSink(t, await answering(t, status, { location: `${elsewhere}/` })));
      assert.ok(outcome.diagnostic.includes(elsewhere), outcome.diagnostic);
    }
    assert.equal(visits, 0);
  });

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
  it('is deferred when nobody listens', async (t) => {
    const origin = await serveRaw(t, () => undefined);
    const gone = origin.replace(/\d+$/, '1');
    assertDeferred(await deliver(openSink(t, gone)), /^no answer: connect ECONNREFUSED/);
  });

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

  it('is deferred when it drops the connection, at once or after the request', async (t) => {
    const atOnce = await serveRaw(t, (socket) => socket.destroy());
    assertDeferred(await deliver(openSink(t, atOnce)), /^no answer: /);
    const after = await serveRaw(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    assertDeferred(await deliver(openSink(t, after)), /^no answer: /);
  });

  it('is deferred when the sink is closed', async (t) => {
    const sink = openSink(t, await answering(t, 200));
    await sink.close();
    assertDeferred(await deliver(sink), /^no answer: /);
  });

  it('is reached again by the next attempt', async (t) => {
    let connections = 0;
    const origin = await serveRaw(t, (socket) => {
      if (++connections === 1) socket.destroy();
      else socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    });
    const sink = openSink(t, origin);
    assert.equal((await deliver(sink)).kind, 'deferred');
    assert.equal((await deliver(sink)).kind, 'posted');
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

describe('an answer whose body goes wrong: the status line has decided', () => {
  const cases: [string, string, (socket: Socket) => void][] = [
    ['breaks off', 'Content-Length: 1000\r\n\r\npartial', (socket) => socket.end()],
    [
      'breaks its chunks',
      'Transfer-Encoding: chunked\r\n\r\n5\r\nparti\r\nZZZ\r\n',
      (socket) => socket.end(),
    ],
    ['is reset', 'Content-Length: 1000\r\n\r\npartial', (socket) => socket.resetAndDestroy()],
  ];
  const statuses = [
    ['200 OK', 'posted'],
    ['503 Busy', 'deferred'],
    ['422 No', 'failed'],
  ] as const;
  for (const [name, rest, finish] of cases) {
    it(`is posted, deferred or failed all the same when it ${name}`, async (t) => {
      for (const [status, kind] of statuses) {
        const origin = await serveAnswer(t, `HTTP/1.1 ${status}\r\n${rest}`, finish);
        const outcome = await deliver(openSink(t, origin));
        // A reset may overtake the status line, and then nothing was answered.
        const overtaken = name === 'is reset' && outcome.diagnostic.startsWith('no answer');
        assert.equal(outcome.kind, overtaken ? 'deferred' : kind, outcome.diagnostic);
      }
    });
  }

  it('reads 64 KiB of an answer without end and then drops the connection', async (t) => {
    let written = 0;
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const closed: Promise<unknown>[] = [];
    const flood = (response: ServerResponse) => {
      while (!response.destroyed && written < 1024 ** 3) {
        written += chunk.length;
        if (!response.write(chunk))
          return void response.once('drain', () => {
            flood(response);
          });
      }
    };
    const origin = await serveHttp(t, (request, response) => {
      request.resume();
      closed.push(once(response, 'close'));
      response.writeHead(200, { 'content-length': 1024 ** 3 });
      flood(response);
    });
    const outcome = await deliver(openSink(t, origin));
    assert.equal(outcome.kind, 'posted');
    await Promise.all(closed);
    assert.equal(closed.length, 1);
    // What is beyond the cap sat in socket buffers.
    assert.ok(written < MAX_ANSWER_BYTES + 16 * 1024 ** 2, `${written} bytes written`);
  });
});

describe('a platform that takes its time', () => {
  it('is deferred when the attempt is over before its headers came', async (t) => {
    const attempt = new AbortController();
    const origin = await serveRaw(t, (socket) => {
      socket.once('data', () => {
        attempt.abort(new DOMException('attempt of 30000 ms is over', 'TimeoutError'));
      });
    });
    const outcome = await openSink(t, origin).deliver(samplePost(), attempt.signal);
    assertDeferred(outcome, /^timeout: TimeoutError: attempt of 30000 ms is over$/);
  });

  it('is not even asked when the attempt is over already', async (t) => {
    let connections = 0;
    const origin = await serveRaw(t, () => connections++);
    const outcome = await openSink(t, origin).deliver(samplePost(), AbortSignal.abort());
    assertDeferred(outcome, /^no answer: AbortError/);
    assert.equal(connections, 0);
  });

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

  it('leaves nothing behind that would keep the sink from closing', async (t) => {
    const origin = await serveRaw(t, () => undefined);
    const sink = openSink(t, origin);
    const pending = deliver(sink);
    await sink.close();
    assertDeferred(await pending, /^no answer: /);
  });
});
