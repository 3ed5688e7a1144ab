// The stream of events: what happens, from where a listener left off.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { EventStream, MOST_KEPT, PING_MS } from '../../src/api/event-stream.ts';
import { ApiClient } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { serveHttp } from '../support/loopback.ts';
import { replyMessage } from '../support/message.ts';
import { type ApiHouse, startApi } from './api.ts';

interface Told {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Reads a stream as it comes; what has come so far. */
function listen(t: TestContext, response: IncomingMessage): () => Told[] {
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  response.on('error', () => undefined);
  t.after(() => response.destroy());
  return () =>
    text
      .split('\n\n')
      .slice(0, -1)
      .flatMap((block) => {
        const field = (name: string): string | undefined =>
          block
            .split('\n')
            .find((line) => line.startsWith(`${name}: `))
            ?.slice(name.length + 2);
        const event = field('event');
        return event === undefined
          ? []
          : [{ id: field('id'), event, data: JSON.parse(field('data') ?? '{}') as Told['data'] }];
      });
}

async function reply(t: TestContext, { daemon, all }: ApiHouse, id: string): Promise<void> {
  const { json } = await all.ask('POST', '/v1/addresses', { body: { user: 'alice', thread: 'acme/7' } });
  const lmtp = await LmtpClient.open(t, daemon.socket);
  await lmtp.deliver(
    replyMessage({ to: json.reply_to, messageId: id, body: `Says ${id}.\n` }),
    json.reply_to,
  );
}

const until = (told: () => Told[], event: string, count = 1): Promise<Told[]> =>
  eventually(
    () => {
      const found = told().filter((each) => each.event === event);
      return found.length >= count ? found : undefined;
    },
    () => `${count} ${event} in ${JSON.stringify(told())}`,
  );

describe('GET /v1/events', () => {
  it('tells verdicts and attempts, and goes on behind the id that was seen last', async (t) => {
    const house = await startApi(t);
    await house.daemon.addUser('alice');
    const stream = await house.all.open('/v1/events');
    assert.match(String(stream.headers['content-type']), /^text\/event-stream/);
    const told = listen(t, stream);
    await reply(t, house, 'one@example.com');
    const [verdict] = await until(told, 'verdict');
    assert.equal(verdict?.data.verdict, 'accepted');
    const [attempt] = await until(told, 'attempt');
    assert.equal(attempt?.data.outcome, 'posted');
    stream.destroy();
    await reply(t, house, 'two@example.com');
    await house.platform.nthPost(2);
    const again = listen(t, await house.all.open('/v1/events', { 'last-event-id': String(attempt.id) }));
    const [next] = await until(again, 'verdict');
    assert.equal(again()[0]?.id, next?.id);
    assert.ok(!JSON.stringify(again()).includes(String(verdict.id)));
  });

  it('says that events are missing where they are no longer known', async (t) => {
    const house = await startApi(t);
    const told = listen(t, await house.all.open('/v1/events', { 'last-event-id': '00000000-5' }));
    const [gap] = await until(told, 'gap');
    assert.equal(gap?.id, undefined);
  });

  it('shows no token of a reply address', async (t) => {
    const house = await startApi(t);
    await house.daemon.addUser('alice');
    const told = listen(t, await house.all.open('/v1/events'));
    const { json } = await house.all.ask('POST', '/v1/addresses', { body: { user: 'alice', thread: 't' } });
    const token = json.reply_to.slice(6, 54);
    const lmtp = await LmtpClient.open(t, house.daemon.socket);
    await lmtp.deliver(replyMessage({ to: json.reply_to, messageId: `${token}@example.com` }), json.reply_to);
    await until(told, 'attempt');
    assert.ok(!JSON.stringify(told()).includes(token));
  });

  it('opens once with a ticket, and is closed to those who may not follow it', async (t) => {
    const house = await startApi(t);
    const { json } = await house.all.ask('POST', '/v1/events/ticket');
    assert.ok(Date.parse(json.expires_at) <= Date.now() + 60_000);
    const browser = new ApiClient({ port: house.port });
    const first = await browser.open(`/v1/events?ticket=${json.ticket}`);
    assert.equal(first.statusCode, 200);
    first.destroy();
    const second = await browser.open(`/v1/events?ticket=${json.ticket}`);
    assert.equal(second.statusCode, 401);
    second.destroy();
    const reader = await house.client('read');
    const refused = await reader.open('/v1/events');
    assert.equal(refused.statusCode, 403);
    refused.destroy();
  });

  it('does not keep the daemon from stopping', async (t) => {
    const house = await startApi(t);
    const stream = await house.all.open('/v1/events');
    stream.on('error', () => undefined).resume();
    assert.equal(await house.daemon.stop(), 'exit 0');
  });

  it('ends when its token is revoked, and a ticket of that token opens none', async (t) => {
    const house = await startApi(t);
    const { json } = await house.all.ask('POST', '/v1/events/ticket');
    await house.daemon.ctl('token', 'revoke', 'client-1');
    const late = await new ApiClient({ port: house.port }).open(`/v1/events?ticket=${json.ticket}`);
    assert.equal(late.statusCode, 401);
    late.destroy();
  });

  it('tells of a reply that waits for a sink, and of nothing but mail', async (t) => {
    const stream = new EventStream();
    t.after(() => {
      stream.close();
    });
    const origin = await serveHttp(t, (_request, response) => {
      stream.follow(response, undefined);
    });
    const [response] = (await once(get(origin), 'response')) as [IncomingMessage];
    const told = listen(t, response);
    stream.hear('listening', { service: 'lmtp' });
    stream.hear('sink_missing', { id: 'i1', thread: 'wiki/7' });
    await until(told, 'sink_missing');
    assert.deepEqual(
      told().map(({ event, data }) => [event, data['thread']]),
      [['sink_missing', 'wiki/7']],
    );
  });
});

/** A stream, how to follow it and how to let time pass; `written` is the response on the stream's side. */
async function follow(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const stream = new EventStream();
  t.after(() => {
    stream.close();
  });
  const token = { isGood: true };
  let written: ServerResponse | undefined;
  const origin = await serveHttp(t, ({ headers }, response) => {
    written = response;
    const lastId = headers['last-event-id'];
    stream.follow(response, lastId?.toString(), () => Promise.resolve(token.isGood));
  });
  const open = async (headers = {}) => {
    const [response] = (await once(get(origin, { headers }), 'response')) as [IncomingMessage];
    t.after(() => response.destroy());
    response.on('error', () => undefined);
    return { response, written: written ?? assert.fail('nobody follows') };
  };
  const pass = (ms: number): void => {
    t.mock.timers.tick(ms);
  };
  return { stream, open, pass, token, ...(await open()) };
}

/** Has a stream hear so many events, each of so many octets. */
function hear(stream: EventStream, count: number, from = 0, octets = 1000): void {
  for (let n = from; n < from + count; n++)
    stream.hear('attempt', { id: `i${n}`, reason: '-'.repeat(octets) });
}

/** Waits until a response is closed. */
const closed = (response: IncomingMessage | ServerResponse): Promise<unknown> =>
  eventually(
    () => response.destroyed || undefined,
    () => 'the connection is open',
  );

describe('a listener of the stream', () => {
  it('gets a ping every 15 seconds', async (t) => {
    const { response, pass } = await follow(t);
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    const pings = (count: number) =>
      eventually(
        () => text.split(': ping\n\n').length === count + 1 || undefined,
        () => text,
      );
    assert.equal(PING_MS, 15_000);
    pass(14_999);
    await pings(0);
    pass(1);
    await pings(1);
    pass(30_000);
    await pings(3);
    assert.match(text, /^retry: 2000\n\n(: ping\n\n){3}$/);
  });

  it('gets all that it missed, however much it is, and what happens meanwhile, in order', async (t) => {
    const { stream, response: before, open } = await follow(t);
    const seen = listen(t, before);
    hear(stream, 1);
    const [{ id: lastId } = assert.fail()] = await until(seen, 'attempt');
    before.destroy();
    hear(stream, 3000, 1, 4000);
    const { response } = await open({ 'last-event-id': lastId });
    hear(stream, 500, 3001);
    const told = listen(t, response);
    const all = await until(told, 'attempt', 3500);
    assert.deepEqual(
      all.map(({ data }) => data['id']),
      Array.from({ length: 3500 }, (_, n) => `i${n + 1}`),
    );
  });

  it('that does not read takes no memory, and is cut off at the second ping', async (t) => {
    const { stream, response, written, pass } = await follow(t);
    response.pause();
    hear(stream, MOST_KEPT);
    assert.ok(written.writableNeedDrain, 'the connection is full');
    assert.ok(written.writableLength < 64 * 1024, `${written.writableLength} octets wait`);
    pass(PING_MS);
    assert.equal(written.destroyed, false);
    pass(PING_MS);
    assert.equal(written.destroyed, true);
  });

  it('that reads slowly is not cut off by pings, and by events only where its next one is not kept', async (t) => {
    const { stream, response, written, pass } = await follow(t);
    response.pause();
    hear(stream, MOST_KEPT);
    pass(PING_MS);
    const drained = once(written, 'drain');
    response.resume();
    await drained;
    response.pause();
    pass(PING_MS);
    assert.equal(written.destroyed, false);
    hear(stream, 3 * MOST_KEPT, MOST_KEPT);
    response.resume();
    await closed(written);
  });

  it('is ended at the next ping when its token was revoked', async (t) => {
    const { response, written, pass, token } = await follow(t);
    response.resume();
    pass(PING_MS);
    assert.equal(written.writableEnded, false);
    token.isGood = false;
    pass(PING_MS);
    await closed(written);
  });
});
