// Digests from the order of an address to the posts: each answer is a post of its own, in the thread of its post.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import type { Members } from '../support/api.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage, replyWithAttachment } from '../support/message.ts';
import { repositoryRoot } from '../support/process.ts';
import { type ApiHouse, startApi } from './api.ts';

const POSTS = ['site#7', 'site#12', 'Roof leaks', 'docs', 'docs/api'].map((label, index) => ({
  thread: `acme/${index + 1}`,
  replied_to: `2026-11-1${index}T08:00:00Z`,
  label,
}));

const QUOTE = [
  'On Fri, Nov 20, 2026 at 9:00 AM Tracker <reply@reply.example.org> wrote:',
  '> What is new:',
  ...POSTS.flatMap(({ label }) => ['>', `> [${label}] A title`, '> Bob: What do you think?']),
  '',
].join('\n');

interface House extends ApiHouse {
  readonly address: string;
  readonly messageId: string;
  /** Sends a reply to the digest; the item's id. */
  readonly send: (body: string, message?: (body: string) => string) => Promise<string>;
}

/** Starts a daemon, with alice and a digest for her. */
async function startDigest(t: TestContext): Promise<House> {
  const house = await startApi(t, { delivery: { retry_first: '50ms', retry_longest: '200ms' } });
  const { all, daemon } = house;
  await daemon.addUser('alice');
  const { status, json } = await all.ask('POST', '/v1/addresses', { body: { user: 'alice', posts: POSTS } });
  assert.equal(status, 201);
  const address = json.reply_to;
  const messageId = json.message_id;
  const write = (body: string): string => replyMessage({ to: address, inReplyTo: messageId, body });
  return {
    ...house,
    address,
    messageId,
    send: async (body, message = write) => {
      const lmtp = await LmtpClient.open(t, daemon.socket);
      const [reply] = await lmtp.deliver(message(body), address);
      const id = /queued as (\w+)$/.exec(reply ?? '')?.[1];
      assert.ok(id, reply);
      return id;
    },
  };
}

/** The item as the operator sees it, as soon as it is in that state. */
const inState = (house: House, id: string, state: string) =>
  eventually(
    async () => {
      const { json } = await house.all.ask('GET', `/v1/items/${id}`);
      return json.item.state === state ? json : undefined;
    },
    () => `item ${id} ${state}`,
  );

describe('a reply to a digest', () => {
  it('that answers two of five posts makes two posts, each in its thread', async (t) => {
    const house = await startDigest(t);
    const id = await house.send(`>>4\nGone.\n\n>>site#12\nIt works now.\n\n${QUOTE}`);
    await house.platform.nthPost(2);
    const posts = house.platform.posts.map(({ type, data }) => [
      type,
      data.thread,
      data.replied_to,
      data.body.text,
      data.body.markdown,
      data.in_reply_to,
    ]);
    assert.deepEqual(posts.sort(), [
      [
        'reply.created',
        'acme/2',
        '2026-11-11T08:00:00.000Z',
        'It works now.',
        'It works now.',
        house.messageId,
      ],
      ['reply.created', 'acme/4', '2026-11-13T08:00:00.000Z', 'Gone.', 'Gone.', house.messageId],
    ]);
    const ids = house.platform.posts.map(({ data }) => data.id);
    assert.equal(new Set([id, ...ids]).size, 3);
    const parent = await inState(house, id, 'posted');
    assert.equal(parent.item.last_diagnostic, 'split into 2: acme/4, acme/2');
    assert.ok(parent.way.some(({ detail }) => /^split into 2: /.test(detail)));
    assert.equal(house.platform.requests.length, 2, 'the reply itself is not posted');
    assert.match(house.daemon.log(), /"event":"split"/);
  });

  it('that answers one of five between its quotes makes one post, which quotes that one', async (t) => {
    const house = await startDigest(t);
    const [above = '', below = ''] = QUOTE.split('\n>\n> [docs]');
    await house.send(`${above}\n\nThe plumber comes.\n\n> [docs]${below}`);
    const { data } = await house.platform.nthPost(1);
    assert.deepEqual([data.thread, data.body.text], ['acme/3', 'The plumber comes.']);
    assert.equal(data.body.quoted, '> [Roof leaks] A title\n> Bob: What do you think?');
  });

  it('has its files in the first part alone', async (t) => {
    const house = await startDigest(t);
    await house.send('>>2\nSee the file.\n>>1\nNot here.', (body) =>
      replyWithAttachment({ to: house.address, body }, 'log.txt', Buffer.from('a log\n')),
    );
    await house.platform.nthPost(2);
    const files = house.platform.posts.map(({ data }) => [data.thread, data.attachments.length]);
    assert.deepEqual(files.sort(), [
      ['acme/1', 0],
      ['acme/2', 1],
    ]);
  });

  it('waits in the threads of its posts, and each part fails and is tried again for itself', async (t) => {
    const house = await startDigest(t);
    house.platform.answerTo = ({ data }) =>
      data.thread === 'acme/1'
        ? 422
        : data.body.text === 'Before.' && house.platform.requests.length < 3
          ? 503
          : undefined;
    const { reply_to } = await house.daemon.mint({ user: 'alice', thread: 'acme/2' });
    const lmtp = await LmtpClient.open(t, house.daemon.socket);
    await lmtp.deliver(replyMessage({ to: reply_to, body: 'Before.' }), reply_to);
    await house.send('>>1\nRefused.\n>>2\nAfter.');
    await house.platform.nthPost(2);
    assert.deepEqual(
      house.platform.posts.map(({ data }) => data.body.text),
      ['Before.', 'After.'],
    );
    const failed = await eventually(
      async () => (await house.all.ask('GET', '/v1/items?state=failed')).json.items[0],
      () => 'a dead letter',
    );
    assert.equal(failed.thread, 'acme/1');
    const shown = await house.all.ask('GET', `/v1/items/${failed.id}/post`);
    assert.equal(shown.json.data.body.text, 'Refused.');
    house.platform.answerTo = () => undefined;
    await house.all.ask('POST', `/v1/items/${failed.id}/retry`);
    const late = await house.platform.nthPost(3);
    assert.deepEqual([late.data.id, late.data.body.text], [failed.id, 'Refused.']);
  });

  it('brings back the context of the address with each part, and knows the digest without quote marks', async (t) => {
    const house = await startDigest(t);
    const lines = POSTS.map(({ label }) => [
      `[${label}] What somebody asks at length about ${label}`,
      `Bob: What do you think of that, all of you who know of ${label}?`,
      '',
    ]);
    const { json } = await house.all.ask('POST', '/v1/addresses', {
      body: {
        user: 'alice',
        posts: POSTS,
        context: { digest: 17 },
        original: { subject: 'What is new', from: 'Tracker <t@example.org>', text: lines.flat().join('\n') },
      },
    });
    const answered = lines.map((each, index) => (index === 1 ? [...each, 'It works now.', ''] : each)).flat();
    const lmtp = await LmtpClient.open(t, house.daemon.socket);
    await lmtp.deliver(
      replyMessage({ to: json.reply_to, body: `>>5\nWhich ones?\n\n${answered.join('\n')}` }),
      json.reply_to,
    );
    await house.platform.nthPost(2);
    const posts = house.platform.posts.map(({ data }) => {
      const { context } = data as unknown as { context: unknown };
      return [data.thread, data.body.text, context];
    });
    assert.deepEqual(posts.sort(), [
      ['acme/2', 'It works now.', { digest: 17 }],
      ['acme/5', 'Which ones?', { digest: 17 }],
    ]);
  });

  it('is taken once, and is a dead letter where it is not clear', async (t) => {
    const house = await startDigest(t);
    const raw = replyMessage({ to: house.address, body: `I agree.\n\n${QUOTE}` });
    const lmtp = await LmtpClient.open(t, house.daemon.socket);
    const [first] = await lmtp.deliver(raw, house.address);
    const id = /queued as (\w+)$/.exec(first ?? '')?.[1] ?? '';
    const item = await inState(house, id, 'failed');
    assert.match(
      String(item.item.last_diagnostic),
      /^unclear which post it answers: a text stands above the labels/,
    );
    const clear = replyMessage({ to: house.address, body: '>>1\nYes.' });
    const [taken] = await lmtp.deliver(clear, house.address);
    await house.platform.nthPost(1);
    const [again] = await lmtp.deliver(clear, house.address);
    assert.equal(again?.replace('duplicate of', 'queued as'), taken);
    assert.equal(house.platform.posts.length, 1);
  });
});

describe('the address of a digest', () => {
  it('says what it is for, and counts its age from the oldest post', async (t) => {
    const house = await startDigest(t);
    const { json } = await house.all.ask('GET', `/v1/addresses/${encodeURIComponent(house.address)}`);
    assert.deepEqual([json.verdict, json.thread, json.compose], ['valid', null, null]);
    assert.deepEqual(json.posts, POSTS);
    assert.equal(json.replied_to, '2026-11-10T08:00:00Z');
    const shown = await house.daemon.ctl('address', 'explain', house.address);
    assert.deepEqual(shown[0]?.posts, POSTS);
  });

  it('is refused with the field that is wrong', async (t) => {
    const { all, daemon } = await startApi(t);
    await daemon.addUser('alice');
    const [one, two] = [
      { thread: 'a/1', label: 'one' },
      { thread: 'a/2', label: 'two' },
    ];
    const orders = [
      [{ posts: [one] }, '/posts'],
      [{ posts: Array.from({ length: 51 }, (_, n) => ({ ...one, label: `l${n}` })) }, '/posts'],
      [{ posts: [one, { ...two, label: 'ONE' }] }, '/posts/1/label'],
      [{ posts: [one, { ...two, label: ' two' }] }, '/posts/1/label'],
      [{ posts: [one, { ...two, label: 't\two' }] }, '/posts/1/label'],
      [{ posts: [one, { ...two, label: '' }] }, '/posts/1/label'],
      [{ posts: [one, { ...two, label: 'x'.repeat(41) }] }, '/posts/1/label'],
      [{ posts: [one, { ...two, thread: 'mailgw:probe' }] }, '/posts/1/thread'],
      [{ posts: [one, two], thread: 'a/1' }, '/thread'],
      [{ posts: [one, two], bound: true }, '/bound'],
      [{}, '/thread'],
      [{ thread: 'mailgw:digest/abc' }, '/thread'],
    ] as const;
    const { json } = await all.ask('POST', '/v1/addresses', {
      body: { addresses: orders.map(([order]) => ({ user: 'alice', ...order })) },
    });
    const pointers = (json.addresses as readonly Partial<Members>[]).map((each) => each.errors?.[0].pointer);
    assert.deepEqual(
      pointers,
      orders.map(([, pointer]) => pointer),
    );
  });

  it('is minted from JSON lines, with and without a daemon', async (t) => {
    const { daemon } = await startApi(t);
    await daemon.addUser('alice');
    const run = async () => {
      const child = spawn(process.execPath, [
        join(repositoryRoot, 'bin', 'mailgw-ctl'),
        ...['--config', daemon.config, '--json', 'address', 'mint', '-'],
      ]);
      child.stdin.end(JSON.stringify({ user: 'alice', posts: POSTS }));
      return JSON.parse(await text(child.stdout)) as { reply_to: string; posts: string[]; thread: null };
    };
    const asked = await run();
    await daemon.stop();
    const alone = await run();
    for (const row of [asked, alone]) {
      assert.match(row.reply_to, /^reply\+[a-z2-7]{48}@reply\.example\.org$/);
      assert.deepEqual([row.thread, row.posts], [null, POSTS.map(({ label }) => label)]);
    }
    assert.notEqual(asked.reply_to, alone.reply_to);
  });
});

describe('POST /v1/check of a reply to a digest', () => {
  const check = async ({ all, address }: House, body: string) => {
    const query = `to=${encodeURIComponent(address)}&from=alice%40example.com`;
    return (await all.ask('POST', `/v1/check?${query}`, { body })).json;
  };

  it('says what it answers, and shows the first part', async (t) => {
    const house = await startDigest(t);
    const json = await check(house, replyMessage({ to: house.address, body: '>>docs\nGone.\n>>1\nYes.' }));
    const parse = json.steps.find(({ step }) => step === 'parse');
    assert.match(parse?.detail ?? '', /answers docs, site#7/);
    assert.deepEqual([json.post.data.thread, json.post.data.body.text], ['acme/4', 'Gone.']);
  });

  it('shows it of a large one as well, which a parser does not get as a copy', async (t) => {
    const house = await startDigest(t);
    const message = { to: house.address, body: '>>docs\nGone.\n>>1\nYes.' };
    const large = replyWithAttachment(message, 'log.txt', Buffer.alloc(100_000, 'a log\n'));
    const { data } = (await check(house, large)).post;
    assert.deepEqual([data.thread, data.body.text], ['acme/4', 'Gone.']);
  });
});
