// Every operation of the OpenAPI document, with every answer that it documents: each is given once, and held to it.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { type ApiAnswer, ApiClient, type ApiRequest, type Operation } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { ImapScript } from '../support/imap-server.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { startMailbox } from '../support/mailbox.ts';
import { replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';
import { type ApiHouse, startApi } from './api.ts';

const THREAD = 'acme/site/issue/7';
const ORDER = { user: 'alice', thread: THREAD };
const MOST_BYTES = 256 * 1024;

/** Bodies that pass the schemas, by operation. */
const BODIES: Readonly<Record<string, object>> = {
  mintAddress: ORDER,
  sendNotification: { ...ORDER, subject: 'The logo', text: 'It is too large.' },
  renameThread: { to: 'acme/site/issue/8' },
  putUser: {},
  renameUser: { to: 'bob' },
  rotateSalt: {},
  learnItem: { as: 'spam' },
  changeQueue: { paused: true },
};

/** Answers that come of what no request does: a fault of ours, a store that is away (away.slow.test.ts), a user who is removed just then. */
function isLeftOut(operation: string, status: string): boolean {
  if (status === '503') return !['learnItem', 'classifySpam'].includes(operation);
  return status === '500' || (operation === 'putUser' && status === '404');
}

/** A spamd that learns, finds no spam, and goes away when it is told to. */
async function startSpamd(t: TestContext): Promise<{ readonly place: string; readonly leave: () => void }> {
  const server = createServer((socket) => {
    socket
      .on('error', () => undefined)
      .once('data', (asked: Buffer) => {
        const answer = /^TELL/.test(asked.toString('latin1'))
          ? 'DidSet: local\r\n\r\n'
          : 'Content-length: 11\r\nSpam: False ; 0.3 / 5.0\r\n\r\nALL_TRUSTED';
        socket.end(`SPAMD/1.1 0 EX_OK\r\n${answer}`);
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const leave = (): void => void server.close();
  t.after(leave);
  return { place: `127.0.0.1:${port}`, leave };
}

async function start(t: TestContext) {
  const mailbox = await startMailbox(testScratch(t));
  const spamd = await startSpamd(t);
  const imap = await ImapScript.start();
  t.after(() => {
    imap.stop();
  });
  const password = testScratch(t).path('password');
  writeFileSync(password, 'secret\n', { mode: 0o600 });
  const mailboxTable = `\n[[imap]]\nname = "replies"\nhost = "127.0.0.1"\nport = ${imap.port}\ntls = "off"\nuser = "r"\npassword_file = "${password}"\n`;
  const settings = {
    api: { max_body: '256KiB' },
    outbound: { relay: mailbox.server },
    spam: { source: 'spamd', spamd: spamd.place },
  };
  const house = await startApi(t, settings, { tables: mailboxTable });
  const others = { none: new ApiClient({ port: house.port }), minter: await house.client('mint') };
  return { ...house, ...others, users: await house.client('users'), spamd };
}

/** Has replies of alice taken, and gives the ids of their items, the newest first. */
async function deliver(
  t: TestContext,
  { daemon, all }: ApiHouse,
  to: string,
  count: number,
): Promise<string[]> {
  const lmtp = await LmtpClient.open(t, daemon.socket);
  for (let n = 0; n < count; n++) {
    const [answer] = await lmtp.deliver(replyMessage({ to, body: `Answer ${n}.\n` }), to);
    assert.match(String(answer), /^250 2\.0\.0 queued/);
  }
  const { json } = await all.ask('GET', '/v1/items');
  return (json.items as readonly { id: string }[]).map(({ id }) => id);
}

/** Asks for everything that can be done, and does it. */
async function succeed(t: TestContext, house: ApiHouse): Promise<void> {
  const { all } = house;
  const ask = async (method: string, path: string, body?: unknown): Promise<ApiAnswer> => {
    const answer = await all.ask(method, path, { body });
    assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${answer.bytes.toString()}`);
    return answer;
  };
  for (const body of [{ addresses: ['alice@example.com'] }, { enabled: true }])
    await ask('PUT', '/v1/users/alice', body);
  const { json: address } = await ask('POST', '/v1/addresses', ORDER);
  await ask('POST', '/v1/addresses', { addresses: [ORDER, { ...ORDER, user: 'nobody' }, 7] });
  await ask('GET', `/v1/addresses/${encodeURIComponent(address.reply_to)}`);
  const { json: sent } = await ask('POST', '/v1/notifications', BODIES['sendNotification']);
  await ask('GET', `/v1/notifications/${sent.id}`);
  await ask('PATCH', '/v1/queue', { paused: true });
  const [id, other] = await deliver(t, house, address.reply_to, 2);
  for (const path of ['', '/raw', '/post']) await ask('GET', `/v1/items/${id}${path}`);
  for (const operation of ['hold', 'release', 'retry']) await ask('POST', `/v1/items/${id}/${operation}`);
  await ask('POST', `/v1/items/${id}/learn`, { as: 'ham' });
  await ask('DELETE', `/v1/items/${other}`);
  await ask('GET', `/v1/threads/${THREAD}`);
  for (const path of [
    'queue',
    'stats',
    'verdicts',
    'verdicts/past',
    'sources',
    'users',
    'users/alice',
    'openapi.json',
  ])
    await ask('GET', `/v1/${path}`);
  const message = replyMessage({ to: address.reply_to });
  await ask('POST', `/v1/check?to=${encodeURIComponent(address.reply_to)}`, message);
  await ask('POST', '/v1/spam/classify', message);
  await eventually(
    async () => (await all.ask('POST', '/v1/sources/replies/sync')).status === 202 || undefined,
    () => house.daemon.log(),
  );
  const { json } = await ask('POST', '/v1/events/ticket');
  (await all.open(`/v1/events?ticket=${json.ticket}`)).destroy();
  const path = `/v1/threads/${encodeURIComponent(THREAD)}/rename`;
  await ask('POST', path, { to: 'acme/site/issue/9' });
  await ask('POST', '/v1/users/alice/rotate', { grace: '7d' });
  await ask('POST', '/v1/users/alice/rename', { to: 'alicia' });
  await ask('DELETE', '/v1/users/alicia');
}

/** Has each operation that can conflict do so. */
async function conflict(t: TestContext, house: ApiHouse): Promise<void> {
  const { all } = house;
  const status = async (path: string, body?: object, method = 'POST'): Promise<number> =>
    (await all.ask(method, path, { body })).status;
  for (const user of ['bob', 'carol']) await all.ask('PUT', `/v1/users/${user}`, { body: {} });
  assert.equal(await status('/v1/users/bob/rename', { to: 'carol' }), 409);
  const { json: address } = await all.ask('POST', '/v1/addresses', { body: { user: 'bob', thread: 'a' } });
  await all.ask('POST', '/v1/addresses', { body: { user: 'bob', thread: 'b' } });
  assert.equal(await status('/v1/threads/a/rename', { to: 'b' }), 409);
  assert.equal(await status('/v1/sources/lmtp/sync'), 409);
  const [id = ''] = await deliver(t, house, address.reply_to, 1);
  assert.equal(await status(`/v1/items/${id}/release`), 409);
  assert.equal(await status(`/v1/items/${id}/hold`), 200);
  assert.equal(await status(`/v1/items/${id}/hold`), 409);
  await underWay(house, '/v1/users/bob/rotate', {});
  await underWay(house, '/v1/addresses', { addresses: Array.from({ length: 1000 }, () => ORDER) });
  await underWay(house, `/v1/items/${id}/learn`, { as: 'spam' });
  // One post is never answered, so that its item is being posted from then on.
  house.platform.answerTo = ({ data }) => (data.thread === 'slow' ? 0 : undefined);
  const { json: slow } = await all.ask('POST', '/v1/addresses', { body: { user: 'bob', thread: 'slow' } });
  const [posting = ''] = await deliver(t, house, slow.reply_to, 1);
  await all.ask('PATCH', '/v1/queue', { body: { paused: false } });
  await all.ask('POST', `/v1/items/${id}/release`);
  await house.platform.nthPost(1);
  await eventually(
    async () => (await status(`/v1/items/${id}/retry`)) === 409 || undefined,
    () => house.daemon.log(),
  );
  await eventually(
    () => house.platform.requests.some(({ reply }) => reply.data.thread === 'slow') || undefined,
    () => house.daemon.log(),
  );
  assert.equal(await status(`/v1/items/${posting}`, undefined, 'DELETE'), 409);
}

/** Asks for the same under the same key until one request comes while another is being carried out. */
async function underWay({ all, daemon }: ApiHouse, path: string, body: object): Promise<void> {
  let tries = 0;
  await eventually(
    async () => {
      const headers = { 'idempotency-key': `try ${++tries}` };
      const answers = await Promise.all([1, 2, 3, 4].map(() => all.ask('POST', path, { body, headers })));
      return answers.some(({ status }) => status === 409) || undefined;
    },
    () => daemon.log(),
  );
}

/** Lists the operations with a path that names nothing, and a request that passes the schema. */
async function operationsOf(all: ApiClient) {
  const { paths } = await all.learn();
  return Object.entries(paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const query = operation.operationId === 'checkMessage' ? '?to=x' : '';
      const fill = (name: string): string => `${template.replaceAll(/\{\w+\}/g, name)}${query}`;
      const isMessage = operation.requestBody?.content['message/rfc822'] !== undefined;
      const body = isMessage ? replyMessage({ to: 'x@example.com' }) : BODIES[operation.operationId];
      return { method: method.toUpperCase(), fill, operation, isMessage, body };
    }),
  );
}

type Walked = Awaited<ReturnType<typeof operationsOf>>[number];

/** The request that an operation refuses with a status; undefined where it comes of something else. */
function refusal(
  status: string,
  { method, fill, isMessage, body }: Walked,
): readonly [string, ApiRequest] | undefined {
  const type = { 'content-type': isMessage ? 'message/rfc822' : 'application/json' };
  switch (status) {
    case '400':
      return method === 'GET'
        ? [fill('%zz'), {}]
        : [fill('x'), { body: '{"user":', headers: { 'content-type': 'application/json' } }];
    case '404':
      return [fill('nothing'), { body }];
    case '413':
      return [fill('x'), { body: 'x'.repeat(MOST_BYTES + 1), headers: type }];
    case '415':
      return [fill('x'), { body: 'user=alice', headers: { 'content-type': 'text/plain' } }];
    case '422':
      return [`${fill('x')}${fill('x').includes('?') ? '&' : '?'}colour=red`, { body }];
    default:
      return undefined;
  }
}

const scopeOf = ({ 'x-scope': scope }: Operation): string | undefined => scope;

describe('the operations of the HTTP interface', () => {
  it('give every answer that the document has of them, and each fits it', { timeout: 120_000 }, async (t) => {
    const house = await start(t);
    const { all, none, minter, users, daemon, spamd } = house;
    await succeed(t, house);
    await conflict(t, house);
    const operations = await operationsOf(all);
    for (const walked of operations) {
      const { method, fill, operation, body } = walked;
      for (const status of Object.keys(operation.responses)) {
        const asked = refusal(status, walked);
        if (asked === undefined || isLeftOut(operation.operationId, status)) continue;
        const answer = await all.ask(method, ...asked);
        assert.equal(answer.status, Number(status), `${operation.operationId}: ${answer.bytes.toString()}`);
      }
      if (scopeOf(operation) === undefined) continue;
      assert.equal((await none.ask(method, fill('x'), { body })).status, 401, operation.operationId);
      const stranger = scopeOf(operation) === 'mint' ? users : minter;
      assert.equal((await stranger.ask(method, fill('x'), { body })).status, 403, operation.operationId);
    }
    spamd.leave();
    const { json } = await all.ask('GET', '/v1/items');
    const { id } = json.items[0];
    assert.equal((await all.ask('POST', `/v1/items/${id}/learn`, { body: { as: 'spam' } })).status, 503);
    assert.equal(
      (await all.ask('POST', '/v1/spam/classify', { body: replyMessage({ to: 'x' }) })).status,
      503,
    );
    writeFileSync(
      daemon.config,
      readFileSync(daemon.config, 'utf8').replace('[api]\n', '[api]\nrate = "1/h"\n'),
    );
    await daemon.ctl('reload');
    await all.ask('GET', '/v1/queue');
    for (const { method, fill, operation } of operations.filter(
      (each) => scopeOf(each.operation) !== undefined,
    ))
      assert.equal((await all.ask(method, fill('x'))).status, 429, operation.operationId);
    const exercised = new Set([all, none, minter, users].flatMap((client) => [...client.exercised]));
    const missed = operations.flatMap(({ operation: { operationId, responses } }) =>
      Object.keys(responses)
        .filter((status) => !isLeftOut(operationId, status))
        .map((status) => `${operationId} ${status}`)
        .filter((each) => !exercised.has(each)),
    );
    assert.deepEqual(missed, []);
  });
});
