// The dispatcher: order, backoff, giving up, alarms, stopping, and what is asked before a repeat.

import assert from 'node:assert/strict';
import { type ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { createParserPool } from '../../src/reply/parser-pool.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { eventually } from '../support/eventually.ts';
import { openSink, serveHttp } from '../support/loopback.ts';
import { type Dispatching, startDispatching } from './dispatching.ts';

/** The events of these names, in order. */
function events({ log }: Dispatching, ...names: string[]): string[] {
  return log.map(({ event }) => event).filter((event) => names.includes(event));
}

/** Threads of the platform's requests with the answers that they got. */
function answered({ platform }: Dispatching): string[] {
  return platform.requests.map(({ reply, status }) => `${reply.data.thread} ${status}`);
}

/** A sink made of one function. */
function sinkOf(deliver: Sink['deliver'], exists?: Sink['exists']): Sink {
  return { deliver, close: () => Promise.resolve(), ...(exists === undefined ? {} : { exists }) };
}

const POSTED: Outcome = { kind: 'posted', diagnostic: 'taken' };

describe('order', () => {
  it('a deferred reply holds up its own thread and no other (G5)', async (t) => {
    const test = await startDispatching(t);
    test.platform.answerNext(503);
    const first = await test.queue('a', 'first');
    await test.inState(first, 'waiting');
    const second = await test.queue('a', 'second');
    await test.inState(await test.queue('b'), 'posted');
    assert.deepEqual(answered(test), ['a 503', 'b 201']);
    test.pass(1000);
    await test.inState(second, 'posted');
    assert.deepEqual(answered(test), ['a 503', 'b 201', 'a 201', 'a 201']);
    const bodies = test.platform.posts.map(({ data }) => data.body.text.trim());
    assert.deepEqual(
      bodies.filter((text) => /first|second/.test(text)),
      ['first', 'second'],
    );
  });

  it('at most `concurrency` attempts run at a time', async (t) => {
    const held: ServerResponse[] = [];
    let most = 0;
    const url = await serveHttp(t, (request, response) => {
      request.resume();
      held.push(response);
      most = Math.max(most, held.length);
    });
    const test = await startDispatching(t, { concurrency: 3, sink: openSink(t, url, { now: Date.now }) });
    const ids = [];
    for (let n = 0; n < 8; n++) ids.push(await test.queue(`t/${n}`, undefined, `user-${n}`));
    const open = (): true | undefined => (held.length === 3 ? true : undefined);
    await eventually(open, () => `${held.length} requests`);
    for (let answers = 0; answers < ids.length; answers++) {
      const response = await eventually(
        () => held.shift(),
        () => 'another request',
      );
      response.writeHead(201).end();
    }
    for (const id of ids) await test.inState(id, 'posted');
    assert.equal(most, 3);
  });
});

describe('deferral', () => {
  it('waits twice as long each time, up to the longest wait', async (t) => {
    const test = await startDispatching(t);
    test.platform.answerAlways(503);
    const id = await test.queue('a');
    for (const waitMs of [1000, 2000, 4000, 5000, 5000]) {
      const item = await test.inState(id, 'waiting');
      assert.equal(item.dueAt, test.clock.now + waitMs);
      assert.match(item.lastDiagnostic ?? '', /503/);
      const attempts = test.platform.requests.length;
      test.pass(waitMs - 1);
      assert.equal(test.platform.requests.length, attempts);
      test.pass(1);
      await test.platform.nthRequest(attempts + 1);
      await eventually(
        async () => ((await test.store.get(id))?.attempts === attempts + 1 ? true : undefined),
        () => 'the next attempt',
      );
    }
  });

  it('what may be another host’s by now is not posted, and goes back as it was', async (t) => {
    const asked: number[] = [];
    const test = await startDispatching(t, {
      holds: (askedAt, forMs) => {
        assert.ok(askedAt.wall <= Date.now() && askedAt.monotonic <= performance.now());
        return asked.push(forMs) > 1;
      },
    });
    const id = await test.queue('a');
    assert.equal((await test.inState(id, 'posted')).attempts, 1);
    assert.deepEqual(asked, [60_000, 60_000]);
    assert.equal(test.platform.posts.length, 1);
    assert.equal(test.log.filter(({ event }) => event === 'attempt').length, 1);
  });

  it('honours what the platform asks for, up to the longest wait', async (t) => {
    const test = await startDispatching(t);
    for (const [seconds, waitMs] of [
      ['3', 3000],
      ['86400', 5000],
    ] as const) {
      test.platform.answerNext({ status: 429, headers: { 'retry-after': seconds } });
      const id = await test.queue(`after/${seconds}`);
      assert.equal((await test.inState(id, 'waiting')).dueAt, test.clock.now + waitMs);
      // The whole sink is left alone meanwhile: the next item is asked for after that.
      test.pass(waitMs);
      await test.inState(id, 'posted');
    }
  });

  it('ends as a dead letter when the reply is too old, and what waited behind it goes on', async (t) => {
    const test = await startDispatching(t);
    test.platform.answerNext(503, 503);
    const old = await test.queue('a');
    await test.inState(old, 'waiting');
    const next = await test.queue('a');
    test.pass(60_000);
    const failed = await test.inState(old, 'failed');
    assert.match(failed.lastDiagnostic ?? '', /^given up: .*503/);
    await test.inState(next, 'posted');
  });

  it('a refusal that no repeat can change is a dead letter at once', async (t) => {
    const test = await startDispatching(t);
    test.platform.answerNext(422);
    const failed = await test.inState(await test.queue('a'), 'failed');
    assert.match(failed.lastDiagnostic ?? '', /422/);
    assert.equal(test.platform.requests.length, 1);
  });

  it('an error in the sink is one too, and logged as the bug that it is', async (t) => {
    const broken = sinkOf(() => Promise.reject(new TypeError('x is not a function')));
    const test = await startDispatching(t, { sink: broken });
    const item = await test.inState(await test.queue('a'), 'waiting');
    assert.equal(item.lastDiagnostic, 'internal: x is not a function');
    assert.deepEqual(events(test, 'attempt_failed'), ['attempt_failed']);
  });
});

describe('messages that make no post', () => {
  it('an empty reply is a dead letter that never reaches the platform', async (t) => {
    const test = await startDispatching(t);
    const failed = await test.inState(await test.queue('a', '\n'), 'failed');
    assert.match(failed.lastDiagnostic ?? '', /^empty reply: /);
    assert.deepEqual(test.platform.requests, []);
  });

  it('one that kills its worker three times is poison, others flow on (G6)', async (t) => {
    const died = { kind: 'worker-died', reason: 'timeout', diagnostic: 'still parsing' } as const;
    const test = await startDispatching(t, { parser: { parse: () => Promise.resolve(died) } });
    const id = await test.queue('a');
    for (let deaths = 1; deaths < 3; deaths++) {
      await eventually(
        async () => {
          const item = await test.store.get(id);
          return item?.state === 'waiting' && item.attempts === deaths ? true : undefined;
        },
        () => `attempt ${deaths}`,
      );
      test.pass(5000);
    }
    const failed = await test.inState(id, 'failed');
    assert.match(failed.lastDiagnostic ?? '', /^poison: parser timeout: still parsing/);
  });
});

describe('a broken sink', () => {
  it('is logged once when it breaks and once when it recovers', async (t) => {
    const test = await startDispatching(t);
    test.platform.answerNext(401, 403, 503, 404);
    const id = await test.queue('a');
    for (let attempt = 1; attempt <= 4; attempt++) {
      await test.platform.nthRequest(attempt);
      await test.inState(id, 'waiting');
      test.pass(5000);
    }
    await test.inState(id, 'posted');
    assert.deepEqual(events(test, 'sink_broken', 'sink_recovered'), ['sink_broken', 'sink_recovered']);
  });
});

describe('a repeat (G4)', () => {
  it('is delivered under the same id, and a sink that can tell is asked first', async (t) => {
    const asked: string[] = [];
    const delivered: string[] = [];
    const outcomes: Outcome[] = [{ kind: 'deferred', diagnostic: 'the answer was lost' }];
    const sink = sinkOf(
      (post) => {
        delivered.push(post.id);
        return Promise.resolve(outcomes.shift() ?? POSTED);
      },
      (post) => {
        asked.push(post.id);
        return Promise.resolve(true);
      },
    );
    const test = await startDispatching(t, { sink });
    const id = await test.queue('a');
    await test.inState(id, 'waiting');
    assert.deepEqual([asked, delivered], [[], [id]]);
    test.pass(1000);
    await test.inState(id, 'posted');
    assert.deepEqual([asked, delivered], [[id], [id]]);
  });

  it('goes out when the platform does not have the post, or cannot say', async (t) => {
    const answers = [() => Promise.reject(new Error('search is down')), () => Promise.resolve(false)];
    const outcomes: Outcome[] = [{ kind: 'deferred', diagnostic: 'timeout' }];
    const sink = sinkOf(
      () => Promise.resolve(outcomes.shift() ?? POSTED),
      () => answers.shift()!(),
    );
    const test = await startDispatching(t, { sink });
    const id = await test.queue('a');
    await test.inState(id, 'waiting');
    test.pass(1000);
    const unsure = await eventually(
      async () => {
        const item = await test.store.get(id);
        return item?.state === 'waiting' && item.attempts === 2 ? item : undefined;
      },
      () => 'a second attempt',
    );
    assert.equal(unsure.lastDiagnostic, 'internal: search is down');
    test.pass(2000);
    assert.equal((await test.inState(id, 'posted')).attempts, 3);
  });
});

describe('stopping', () => {
  it('lets attempts under way end, writes their outcome and begins no other', async (t) => {
    let answer: (outcome: Outcome) => void = () => undefined;
    let begun = 0;
    const sink = sinkOf(() => {
      begun++;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const test = await startDispatching(t, { sink });
    const underWay = await test.queue('a');
    const waiting = await test.queue('b');
    await eventually(
      () => (begun === 1 ? true : undefined),
      () => 'the first attempt',
    );
    const stopped = test.dispatcher.stop(10_000);
    answer(POSTED);
    await stopped;
    assert.equal((await test.store.get(underWay))?.state, 'posted');
    assert.equal((await test.store.get(waiting))?.state, 'ready');
    assert.equal(begun, 1);
  });

  it('ends in time though the platform never answers; the item is leased until the next start', async (t) => {
    let hasBegun = false;
    const sink = sinkOf(() => {
      hasBegun = true;
      return new Promise(() => undefined);
    });
    const test = await startDispatching(t, { sink });
    const id = await test.queue('a');
    await eventually(
      () => (hasBegun ? true : undefined),
      () => 'the attempt',
    );
    await test.dispatcher.stop(10);
    assert.equal((await test.store.get(id))?.state, 'leased');
  });
});

describe('the queue behind it', () => {
  it('when it fails, that is logged, and the next look finds the work', async (t) => {
    let failures = 1;
    const test = await startDispatching(t, {
      queue: (store) => ({
        nextDueAt: () => store.nextDueAt(),
        lease: (request) =>
          failures-- > 0 ? Promise.reject(new Error('disk I/O error')) : store.lease(request),
        settle: (settles) => store.settle(settles),
        content: (id) => store.content(id),
        reclaim: (now, inFlight) => store.reclaim(now, inFlight),
        retime: (change) => store.retime(change),
        setSinkStatus: (name, status) => store.setSinkStatus(name, status),
      }),
    });
    const id = await test.queue('a');
    await eventually(
      () => (events(test, 'dispatch_failed').length > 0 ? true : undefined),
      () => 'the failure in the log',
    );
    test.pass(0);
    await test.inState(id, 'posted');
  });

  it('every outcome is written, at whatever moment of another write it comes in', async (t) => {
    for (let turns = 0; turns < 12; turns++) {
      const gates: (() => void)[] = [];
      const outcome = new Map<string, (outcome: Outcome) => void>();
      const sink = sinkOf(
        (post) =>
          new Promise((resolve) => {
            outcome.set(post.thread ?? '', resolve);
          }),
      );
      const test = await startDispatching(t, {
        sink,
        concurrency: 2,
        queue: (store) => ({
          nextDueAt: () => store.nextDueAt(),
          lease: (request) => store.lease(request),
          content: (id) => store.content(id),
          reclaim: (now, inFlight) => store.reclaim(now, inFlight),
          retime: (change) => store.retime(change),
          setSinkStatus: (name, status) => store.setSinkStatus(name, status),
          // Answered when the test says so, after the store has answered.
          settle: async (settles) => {
            const isDue = await store.settle(settles);
            await new Promise<void>((resolve) => gates.push(resolve));
            return isDue;
          },
        }),
      });
      const first = await test.queue('first');
      const second = await test.queue('second', undefined, 'bob');
      const begun = (): true | undefined => (outcome.size === 2 ? true : undefined);
      await eventually(begun, () => 'both attempts');
      outcome.get('first')!(POSTED);
      const open = await eventually(
        () => gates.shift(),
        () => 'the first write',
      );
      // The second outcome arrives so many turns of the microtask queue after the first write has ended.
      open();
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      outcome.get('second')!(POSTED);
      await test.inState(first, 'posted');
      await test.inState(second, 'posted');
      for (const gate of gates) gate();
      await test.dispatcher.stop(0);
    }
  });
});

describe('what is known of the sink', () => {
  it('follows its last answer, and is written when that means something else', async (t) => {
    const written: string[] = [];
    const test = await startDispatching(t, {
      queue: (store) => ({
        nextDueAt: () => store.nextDueAt(),
        lease: (request) => store.lease(request),
        settle: (settles) => store.settle(settles),
        content: (id) => store.content(id),
        reclaim: (now, inFlight) => store.reclaim(now, inFlight),
        retime: (change) => store.retime(change),
        setSinkStatus: (name, status) => {
          written.push(`${status?.state} ${status?.diagnostic.slice(0, 3)}`);
          return store.setSinkStatus(name, status);
        },
      }),
    });
    assert.equal((await test.store.counts()).sinks[0], undefined);
    const answers = [500, 401, 404, 503, 422, 201, 201, 413, 500, 413, 201] as const;
    for (const [n, status] of answers.entries()) {
      test.platform.answerNext(status);
      await test.queue(`t/${n}`);
      await test.platform.nthRequest(n + 1);
      await eventually(
        () => (test.log.filter(({ event }) => event === 'attempt').length > n ? true : undefined),
        () => `attempt ${n}`,
      );
    }
    assert.deepEqual(written, [
      'broken 401',
      'broken 404',
      'broken 503',
      'up 422',
      'up 201',
      'up 413',
      'up 201',
    ]);
    assert.deepEqual(events(test, 'sink_broken', 'sink_down', 'sink_recovered'), [
      'sink_broken',
      'sink_recovered',
    ]);
    const [sink] = (await test.store.counts()).sinks;
    assert.deepEqual([sink?.state, sink?.diagnostic.slice(0, 3)], ['up', '201']);
  });

  it('is forgotten with a new configuration, until the new sink answers', async (t) => {
    const test = await startDispatching(t);
    test.platform.answerNext(401);
    await test.inState(await test.queue('a'), 'waiting');
    const sink = openSink(t, test.platform.sink.url, { secrets: [test.platform.secret], now: Date.now });
    const parser = createParserPool({ size: 1 });
    t.after(() => parser.close());
    const retry = { firstMs: 1000, longestMs: 5000, maxAgeMs: 60_000 };
    await test.renew({
      ...{ sink, parser, retry, concurrency: 1, attemptTimeoutMs: 10_000, maxBufferedBytes: 1 },
      mask: (text) => text,
    });
    const forgotten = async (): Promise<true | undefined> =>
      (await test.store.counts()).sinks[0] === undefined ? true : undefined;
    await eventually(forgotten, () => 'the sink forgotten');
    await test.inState(await test.queue('b'), 'posted');
    assert.equal((await test.store.counts()).sinks[0]?.state, 'up');
  });
});
