// What every sink promises (src/sinks/sink.ts), against a real platform on the loopback, well-behaved and not.
//
// Contract: the test of a sink calls `sinkContract` once. What is about a platform's answers is asked of sinks that make
// HTTP requests; there the diagnostics are those of src/sinks/answer.ts.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { BounceEvent } from '../../src/sinks/bounce-event.ts';
import { MAX_ANSWER_BYTES } from '../../src/sinks/http-exchange.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import {
  assertDeferred,
  deliver,
  NOW,
  samplePost,
  serveAnswer,
  serveHttp,
  serveRaw,
} from '../support/loopback.ts';

/** A sink under contract, by the clock of the tests. */
export interface SinkUnderContract {
  /** Opens it for a platform at this HTTP origin; it closes with the test. A sink that makes no request passes over the origin. */
  readonly open: (t: TestContext, origin: string) => Sink | Promise<Sink>;
  /** Reads from a request the key by which the platform dedupes; undefined where the sink makes no request. */
  readonly keyOf?: (request: IncomingMessage) => unknown;
}

/** Holds a sink to its promises. */
export function sinkContract(name: string, under: SinkUnderContract): void {
  describe(`${name} as a sink`, () => {
    promisesOfAll(under);
  });
  const { keyOf } = under;
  if (keyOf === undefined) return;
  describe(`${name} as a sink of an HTTP platform`, () => {
    keyTests(under, keyOf);
    answerTests(under);
    reachTests(under);
    bodyTests(under);
    endTests(under);
  });
}

const BOUNCE: BounceEvent = {
  id: '01J9Z8XK3M-0002',
  user: 'alice',
  thread: 'go-gitea/gitea/issue/2351',
  receivedAt: NOW,
  kind: 'hard',
  recipient: 'alice@example.com',
  registered: true,
  action: 'failed',
  status: '5.1.1',
  diagnostic: 'no such user',
  reportingMta: 'mx.example.com',
};

/** A platform that answers every request alike. */
function answering(t: TestContext, status: number, headers: Record<string, string> = {}): Promise<string> {
  return serveHttp(t, (request, response) => {
    request.resume();
    response.writeHead(status, headers).end('because');
  });
}

const noSignal = (): AbortSignal => new AbortController().signal;

/** Asserts that an outcome is one, with a diagnostic for one line of the log. */
function assertOutcome({ kind, diagnostic }: Outcome): void {
  assert.ok(['posted', 'deferred', 'failed'].includes(kind), kind);
  assert.doesNotMatch(diagnostic, /\p{C}/u);
}

function promisesOfAll({ open, keyOf }: SinkUnderContract): void {
  it('posts, and says so in a line', async (t) => {
    const sink = await open(t, await answering(t, 204));
    sink.warm?.();
    const outcome = await deliver(sink);
    assertOutcome(outcome);
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
  });

  it('knows a post that is there already, unless the platform does by its key', async (t) => {
    const sink = await open(t, await answering(t, 204));
    assert.ok(keyOf !== undefined || 'exists' in sink, 'neither a key nor exists()');
    const post = samplePost({ id: 'one' });
    assert.notEqual(await sink.exists?.(post, noSignal()), true);
    await deliver(sink, post);
    assert.notEqual(await sink.exists?.(post, noSignal()), false);
    assert.notEqual(await sink.exists?.(samplePost({ id: 'another' }), noSignal()), true);
  });

  it('gives an outcome for an attempt that is over before it begins', async (t) => {
    const sink = await open(t, await answering(t, 204));
    assertOutcome(await sink.deliver(samplePost(), AbortSignal.abort()));
  });

  it('is examined, closed and closed again without an error, and defers what comes later', async (t) => {
    const sink = await open(t, await answering(t, 204));
    const examined = await sink.examine?.(noSignal());
    if (examined !== undefined) {
      assert.ok(examined.status === undefined || Number.isInteger(examined.status));
      assert.notEqual(examined.postsAs, '');
    }
    await sink.close();
    await sink.close();
    const outcome = await deliver(sink);
    assertOutcome(outcome);
    assert.equal(outcome.kind, 'deferred');
  });
}

function keyTests({ open }: SinkUnderContract, keyOf: (request: IncomingMessage) => unknown): void {
  const platform = async (t: TestContext): Promise<{ origin: string; requests: IncomingMessage[] }> => {
    const requests: IncomingMessage[] = [];
    const origin = await serveHttp(t, (request, response) => {
      requests.push(request.resume());
      response.writeHead(204).end();
    });
    return { origin, requests };
  };

  it('repeats a post under its key, and another under another', async (t) => {
    const { origin, requests } = await platform(t);
    const sink = await open(t, origin);
    for (const id of ['one', 'one', 'two']) await deliver(sink, samplePost({ id }));
    const [first, again, another] = requests.map(keyOf);
    assert.ok(typeof first === 'string' && first !== '');
    assert.equal(again, first);
    assert.notEqual(another, first);
  });

  it('repeats a bounce under its key', async (t) => {
    const { origin, requests } = await platform(t);
    const sink = await open(t, origin);
    for (let round = 0; round < 2; round++) await sink.bounced?.(BOUNCE, noSignal());
    assert.equal(requests.length, sink.bounced === undefined ? 0 : 2);
    assert.equal(new Set(requests.map(keyOf)).size, sink.bounced === undefined ? 0 : 1);
  });

  it('posts nothing when it is examined', async (t) => {
    const { origin, requests } = await platform(t);
    const examined = await (await open(t, origin)).examine?.(noSignal());
    assert.equal(examined?.status, examined && 204);
    assert.deepEqual(
      requests.filter(({ method }) => !['OPTIONS', 'HEAD', 'GET'].includes(method ?? '')),
      [],
    );
  });
}

const ROWS: readonly [Outcome['kind'], boolean, number[]][] = [
  ['posted', false, [200, 201, 202, 204, 299]],
  ['deferred', false, [408, 425, 429, 500, 502, 503, 504, 599]],
  ['deferred', true, [300, 301, 302, 303, 304, 307, 308, 401, 403, 404]],
  ['failed', false, [400, 402, 405, 409, 410, 413, 415, 418, 422, 451]],
];

function answerTests({ open }: SinkUnderContract): void {
  for (const [kind, broken, statuses] of ROWS) {
    it(`takes a post for ${kind}${broken ? ' with an alarm' : ''} after ${statuses.join(', ')}, and a bounce alike`, async (t) => {
      for (const status of statuses) {
        const sink = await open(t, await answering(t, status));
        for (const outcome of [await deliver(sink), await sink.bounced?.(BOUNCE, noSignal())]) {
          if (outcome === undefined) continue;
          assert.equal(outcome.kind, kind, String(status));
          assert.equal(outcome.kind === 'deferred' && outcome.broken === true, broken, String(status));
          assert.ok(outcome.diagnostic.startsWith(String(status)), outcome.diagnostic);
          assert.equal(outcome.status, status);
        }
      }
    });
  }

  it('leaves a platform alone as long as Retry-After asks, in seconds or until a date, within a day', async (t) => {
    const asks: [string, number | undefined][] = [
      ['120', 120_000],
      [new Date(NOW + 90_000).toUTCString(), 90_000],
      ['99999999999', 86_400_000],
      ['whenever', undefined],
    ];
    for (const [value, ms] of asks) {
      const outcome = await deliver(await open(t, await answering(t, 429, { 'retry-after': value })));
      assert.equal(outcome.kind === 'deferred' ? outcome.retryAfterMs : 'no', ms, value);
    }
  });

  it('never goes where a redirect points', async (t) => {
    let visits = 0;
    const elsewhere = await serveHttp(t, (_, response) => {
      visits++;
      response.end();
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const outcome = await deliver(await open(t, await answering(t, status, { location: `${elsewhere}/` })));
      assert.ok(outcome.diagnostic.includes(elsewhere), outcome.diagnostic);
    }
    assert.equal(visits, 0);
  });
}

function reachTests({ open }: SinkUnderContract): void {
  it('defers when nobody listens, and is examined all the same', async (t) => {
    const origin = await serveRaw(t, () => undefined);
    const sink = await open(t, origin.replace(/\d+$/, '1'));
    assertDeferred(await deliver(sink), /^no answer: connect ECONNREFUSED/);
    const examined = await sink.examine?.(noSignal());
    assert.equal(examined?.status, undefined);
    assert.match(examined?.diagnostic ?? 'ECONNREFUSED', /ECONNREFUSED/);
  });

  it('defers when the connection is dropped, at once or after the request', async (t) => {
    const atOnce = await serveRaw(t, (socket) => socket.destroy());
    assertDeferred(await deliver(await open(t, atOnce)), /^no answer: /);
    const after = await serveRaw(t, (socket) => socket.once('data', () => socket.resetAndDestroy()));
    assertDeferred(await deliver(await open(t, after)), /^no answer: /);
  });

  it('reaches the platform again by the next attempt', async (t) => {
    let connections = 0;
    const origin = await serveRaw(t, (socket) => {
      if (++connections === 1) socket.destroy();
      else socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    });
    const sink = await open(t, origin);
    assert.equal((await deliver(sink)).kind, 'deferred');
    assert.equal((await deliver(sink)).kind, 'posted');
  });
}

/** Answers whose body goes wrong: the status line has decided. */
function bodyTests({ open }: SinkUnderContract): void {
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
    it(`goes by the status line when the body of an answer ${name}`, async (t) => {
      for (const [status, kind] of statuses) {
        const origin = await serveAnswer(t, `HTTP/1.1 ${status}\r\n${rest}`, finish);
        const outcome = await deliver(await open(t, origin));
        // A reset may overtake the status line, and then nothing was answered.
        const overtaken = name === 'is reset' && outcome.diagnostic.startsWith('no answer');
        assert.equal(outcome.kind, overtaken ? 'deferred' : kind, outcome.diagnostic);
      }
    });
  }

  it('reads 64 KiB of an answer without end and then drops the connection', async (t) => {
    const closed: Promise<unknown>[] = [];
    const flood = createFlood();
    const origin = await serveHttp(t, (request, response) => {
      request.resume();
      closed.push(once(response, 'close'));
      response.writeHead(200, { 'content-length': 1024 ** 3 });
      flood.into(response);
    });
    const outcome = await deliver(await open(t, origin));
    assert.equal(outcome.kind, 'posted');
    await Promise.all(closed);
    assert.equal(closed.length, 1);
    // What is beyond the cap sat in socket buffers.
    assert.ok(flood.written() < MAX_ANSWER_BYTES + 16 * 1024 ** 2, `${flood.written()} bytes written`);
  });
}

/** Writes into an answer for as long as it is read, a gibibyte at most. */
function createFlood(): { into: (response: ServerResponse) => void; written: () => number } {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  const into = (response: ServerResponse): void => {
    while (!response.destroyed && written < 1024 ** 3) {
      written += chunk.length;
      if (!response.write(chunk))
        return void response.once('drain', () => {
          into(response);
        });
    }
  };
  return { into, written: () => written };
}

function endTests({ open }: SinkUnderContract): void {
  it('defers when the attempt is over before the headers of an answer came', async (t) => {
    const attempt = new AbortController();
    const origin = await serveRaw(t, (socket) => {
      socket.once('data', () => {
        attempt.abort(new DOMException('attempt of 30000 ms is over', 'TimeoutError'));
      });
    });
    const outcome = await (await open(t, origin)).deliver(samplePost(), attempt.signal);
    assertDeferred(outcome, /^timeout: TimeoutError: attempt of 30000 ms is over$/);
  });

  it('asks nobody when the attempt is over already', async (t) => {
    let connections = 0;
    const origin = await serveRaw(t, () => connections++);
    const outcome = await (await open(t, origin)).deliver(samplePost(), AbortSignal.abort());
    assertDeferred(outcome, /^no answer: AbortError/);
    assert.equal(connections, 0);
  });

  it('ends its connections when it is closed, and defers what comes later', async (t) => {
    const closed: Promise<unknown>[] = [];
    const origin = await serveHttp(t, (request, response) => {
      request.resume();
      closed.push(once(request.socket, 'close'));
      response.writeHead(200).end();
    });
    const sink = await open(t, origin);
    assert.equal((await deliver(sink)).kind, 'posted');
    await sink.close();
    await Promise.all(closed);
    assertDeferred(await deliver(sink), /^no answer: /);
    assert.equal(closed.length, 1);
  });

  it('defers what is under way when it is closed', async (t) => {
    const asked = new EventEmitter();
    const origin = await serveRaw(t, (socket) => socket.once('data', () => asked.emit('request')));
    for (const hasBegun of [false, true]) {
      const sink = await open(t, origin);
      const pending = deliver(sink);
      if (hasBegun) await once(asked, 'request');
      await sink.close();
      assertDeferred(await pending, /^no answer: /);
    }
  });
}
