// mailgw-ctl notify: notifications from JSON lines to the store, each once under its key, and what became of them.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import type { LeasedNotification } from '../../src/store/notifications.ts';
import { TOOL } from '../support/command.ts';
import { type RunResult, run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, parseRows, type Row, type Tool } from './tool.ts';

const THREAD = 'acme/site/issue/7';
const POSTS = [
  { thread: 't/1', replied_to: new Date(Date.now() - 7_200_000).toISOString(), label: 'a' },
  { thread: 't/2', label: 'b' },
];
const DIGEST = { user: 'alice', posts: POSTS, subject: 'Two posts', text: '[a] One\n[b] Two' };
const LINE = { user: 'alice', thread: THREAD, subject: 'The roof leaks', text: 'Again.' };

/** A site with the user alice, who has two addresses. */
async function site(t: TestContext): Promise<Tool> {
  const tool = await initialise(testScratch(t));
  await tool.text('user', 'add', 'alice', '--address', 'alice@example.com', '--address', 'zoe@Example.org');
  return tool;
}

/** Hands lines over; a text stands as it is. */
async function handOver(tool: Tool, ...lines: readonly (object | string)[]): Promise<RunResult> {
  const input = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n');
  return await run(process.execPath, [TOOL, '--config', tool.config, '--json', 'notify'], input);
}

/** Hands over what must be taken; the rows. */
async function taken(tool: Tool, ...lines: readonly object[]): Promise<readonly Row[]> {
  const { code, stdout, stderr } = await handOver(tool, ...lines);
  assert.deepEqual([code, stderr], [0, '']);
  return parseRows(stdout);
}

/** What waits in the store, as the daemon claims it. */
async function waiting(tool: Tool): Promise<readonly LeasedNotification[]> {
  const store = await tool.open('tool');
  try {
    const request = { now: Date.now() + 1000, leaseMs: 1000, longestMs: 3_600_000, limit: 100 };
    return await store.leaseNotifications(request);
  } finally {
    await store.close();
  }
}

describe('mailgw-ctl notify', () => {
  it('commits a mail with its reply address, and answers with both ids', async (t) => {
    const tool = await site(t);
    const content = { html: '<p>Again.</p>', from: { name: 'Bob via Tracker' }, headers: { 'X-Issue': '7' } };
    const list = { id: 'site.example.org', unsubscribe: 'https://tracker.example.org/u' };
    const [row] = await taken(tool, { ...LINE, ...content, list, replied_to: '1h' });
    const [notification] = await waiting(tool);
    const { mail, user, thread } = notification ?? assert.fail('nothing waits');
    assert.deepEqual([user, thread], ['alice', THREAD]);
    assert.deepEqual(row, {
      id: notification?.id,
      message_id: `<${mail.messageId}>`,
      reply_to: mail.replyTo,
      repeated: false,
    });
    assert.deepEqual(mail.envelope, { from: mail.replyTo, to: 'alice@example.com' });
    assert.deepEqual(mail.from, { name: 'Bob via Tracker', address: 'noreply@reply.example.org' });
    assert.equal(mail.inReplyTo, `${THREAD}@reply.example.org`);
    assert.match(mail.messageId, /^acme\/site\/issue\/7\/\d{10}\.[a-z2-7]{8}@reply\.example\.org$/);
    const explained = await tool.row('address', 'explain', mail.replyTo ?? '');
    assert.deepEqual([explained.user, explained.thread, explained.verdict], ['alice', THREAD, 'valid']);
    assert.deepEqual(mail.fields.slice(-1), [['X-Issue', '7']]);
    assert.deepEqual([mail.text, mail.html], ['Again.\n', '<p>Again.</p>\n']);
  });

  it('writes to the one address that is wanted, as it is registered', async (t) => {
    const tool = await site(t);
    await taken(tool, { ...LINE, to: 'ZOE@example.org' });
    assert.equal((await waiting(tool))[0]?.mail.envelope.to, 'zoe@Example.org');
  });

  it('has the reply address for From where the site wants that', async (t) => {
    const tool = await site(t);
    const config = readFileSync(tool.config, 'utf8');
    const [before = '', after = ''] = config.split('[outbound]\n');
    writeFileSync(tool.config, `${before}[outbound]\nfrom = "reply-address"\n${after}`);
    await taken(tool, LINE);
    const [notification] = await waiting(tool);
    assert.equal(notification?.mail.from.address, notification?.mail.replyTo);
  });

  it('takes a key once: the same line gets the same answer, another one is refused', async (t) => {
    const tool = await site(t);
    const keyed = { ...LINE, idempotency_key: 'post-7-alice' };
    const [first] = await taken(tool, keyed);
    const { thread, ...others } = keyed;
    const [again] = await taken(tool, { ...others, thread });
    assert.deepEqual(again, { ...first, repeated: true });
    const { code, stderr } = await handOver(tool, { ...keyed, text: 'Other.' });
    assert.equal(code, 65);
    assert.match(stderr, /line 1: .*"post-7-alice": another notification was made under it, \w+/);
    assert.equal((await waiting(tool)).length, 1);
  });

  it('takes a digest, whose address names all its posts, and under a key the same one each time', async (t) => {
    const tool = await site(t);
    const keyed = { ...DIGEST, idempotency_key: 'digest-1-alice' };
    const [one, again, other, without] = await taken(
      tool,
      ...[keyed, keyed, { ...keyed, idempotency_key: 'digest-2-alice' }, DIGEST],
    );
    assert.deepEqual(again, { ...one, repeated: true });
    assert.equal(new Set([one, other, without].map((row) => row?.reply_to)).size, 3);
    assert.equal((await waiting(tool)).length, 3);
    const explained = await tool.row('address', 'explain', String(one?.reply_to).replace(/[<>]/g, ''));
    assert.deepEqual([explained.verdict, explained.thread], ['valid', null]);
    assert.deepEqual(
      (explained.posts as { thread: string; label: string }[]).map(({ thread, label }) => [thread, label]),
      [
        ['t/1', 'a'],
        ['t/2', 'b'],
      ],
    );
    const shown = await tool.row('notification', 'show', String(one?.id));
    assert.deepEqual(
      [shown.thread, shown.replied_to],
      [null, POSTS[0]?.replied_to?.replace(/\.\d+Z/, '.000Z')],
    );
    const { stderr } = await handOver(tool, { ...keyed, posts: POSTS.toReversed() });
    assert.match(stderr, /"digest-1-alice": another notification was made under it/);
  });

  it('says what is wrong with a line by its number, and carries the others out', async (t) => {
    const tool = await site(t);
    const { code, stdout, stderr } = await handOver(
      tool,
      LINE,
      '{"user":',
      { ...LINE, user: 'nobody' },
      { ...LINE, subject: '', headers: { Bcc: 'eve@example.com' } },
      { ...LINE, colour: 'red' },
      { ...LINE, text: 7 },
      { ...LINE, from: { name: 'Bob', address: 'x@y.z' } },
      { user: 'alice', subject: 's', text: 't' },
      { ...LINE, to: 'eve@example.com' },
      { ...LINE, replied_to: '2020-01-01' },
      '',
      { ...LINE, idempotency_key: 'a\nb' },
      LINE,
      { ...LINE, posts: POSTS },
      { ...DIGEST, posts: POSTS.slice(1) },
      { ...DIGEST, posts: [...POSTS, { label: 'c' }] },
      { ...DIGEST, posts: [...POSTS, { thread: 't/3', label: 'c', colour: 'red' }] },
      { ...DIGEST, posts: {} },
    );
    assert.equal(code, 65);
    assert.equal(parseRows(stdout).length, 2);
    const problems = stderr.split('\n').map((line) => line.replace(/^mailgw-ctl: (warning: )?/, ''));
    const WRONG = [
      /^line 2: is no JSON/,
      /^line 3: user "nobody": there is no such user/,
      /^line 4: subject: is empty; .*; headers\.Bcc: is no field of yours/,
      /^line 5: colour: is no key of a notification/,
      /^line 6: text: is not a text/,
      /^line 7: from: is not an object of texts: name/,
      /^line 8: --thread: expected exactly one of thread and posts/,
      /^line 9: --to "eve@example.com": is no address of alice; expected alice@example.com or zoe@Example.org/,
      /^line 10: --replied-to "2020-01-01T00:00:00.000Z": lies further back than reply\.max_age/,
      /^line 12: --key "a\\nb": expected 1 to 400 octets/,
      /^line 14: --thread: expected exactly one of thread and posts/,
      /^line 15: posts: are 1; expected 2 to 50/,
      /^line 16: posts\/2\/thread: is missing/,
      /^line 17: posts: is not a list of objects of texts: thread, replied_to, label/,
      /^line 18: posts: is not a list of objects of texts/,
    ];
    for (const wrong of WRONG)
      assert.ok(
        problems.some((problem) => wrong.test(problem)),
        `${wrong}:\n${stderr}`,
      );
    assert.match(stderr, /15 of 18 lines were not carried out/);
  });

  it('takes a thousand lines at once', async (t) => {
    const tool = await site(t);
    const lines = Array.from({ length: 1000 }, (_, n) => ({
      ...LINE,
      thread: `acme/site/issue/${n}`,
      idempotency_key: `k${n}`,
    }));
    const rows = await taken(tool, ...lines);
    assert.equal(new Set(rows.map(({ id }) => id)).size, 1000);
    assert.equal((await waiting(tool)).length, 100);
  });
});

describe('mailgw-ctl notification', () => {
  it('lists what was handed over, newest first, all or of a thread, and shows one', async (t) => {
    const tool = await site(t);
    const [one, two] = await taken(tool, LINE, { ...LINE, thread: 'acme/site/issue/8' });
    const rows = await tool.rows('notification', 'list');
    assert.deepEqual(
      rows.map(({ id, state }) => [id, state]),
      [
        [two?.id, 'waiting'],
        [one?.id, 'waiting'],
      ],
    );
    const ofThread = await tool.rows('notification', 'list', '--thread', THREAD);
    assert.deepEqual(
      ofThread.map(({ id }) => id),
      [one?.id],
    );
    assert.deepEqual(await tool.row('notification', 'show', String(one?.id)), ofThread[0]);
    await tool.fails(65, /notification "x": there is none, or not any more/, 'notification', 'show', 'x');
  });

  it('says so where there is none', async (t) => {
    const tool = await site(t);
    assert.equal(await tool.text('notification', 'list'), 'No notification was handed over yet.\n');
  });
});
