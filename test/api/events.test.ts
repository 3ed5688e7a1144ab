// The stream of events: what happens, from where a listener left off.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { EventStream } from '../../src/api/event-stream.ts';
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
