// Discourse: what every platform promises, and what it does of its own, against a server that is held to its interface.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { scanHeader } from '../../src/mail/header.ts';
import type { Recognised } from '../../src/mail/recognise.ts';
import { previewPost } from '../../src/sinks/catalogue.ts';
import { recogniseDiscourse } from '../../src/sinks/discourse/recognise.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { FakeDiscourse, runDiscourse } from '../support/discourse.ts';
import { type Front, startFront } from '../support/front.ts';
import { DISCOURSE } from '../support/notifications.ts';
import { openPlatformSink, patience, replyOf } from '../support/open-sink.ts';
import { suiteScratch } from '../support/scratch.ts';
import { platformContract, sampleFile } from './platform-contract.ts';

platformContract({
  type: 'discourse',
  start: runDiscourse,
  postsAs: 'user',
  lacking: {
    bounced: 'its interface has no use for one',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path === '/posts.json',
  uploads: (method, path) => method === 'POST' && path === '/uploads.json',
  mostChars: 32_000,
});

const LONG = 'A text of more than twenty characters.';
const isPost = (method: string, path: string): boolean => method === 'POST' && path === '/posts.json';

describe('a preview for Discourse', () => {
  it('is what would be sent', async () => {
    const shown = await previewPost(
      { type: 'discourse' },
      replyOf('topic/7', 'See <b> and @here.', { id: 'x' }),
    );
    assert.deepEqual(shown.body, { raw: 'See &lt;b> and @\u2060here.\n\n<!-- mailgw:x -->' });
    assert.deepEqual(shown.fields, { 'Api-Username': 'alice', topic: 'topic/7' });
  });
});

describe('the discourse sink', () => {
  const scratch = suiteScratch();
  let forum: FakeDiscourse;
  let front: Front;
  let sink: Sink;

  before(async () => {
    forum = await new FakeDiscourse().start(scratch);
    front = await startFront(scratch, forum.origin);
    sink = await open({});
  });
  after(() => scratch.close());

  const open = (change: object): Promise<Sink> =>
    openPlatformSink(scratch, { type: 'discourse', url: front.origin, ...change }, forum.key);
  const deliver = (thread: string, text = LONG, change = {}): Promise<Outcome> =>
    sink.deliver(replyOf(thread, text, change), patience());
  const last = (): (typeof forum.posts)[number] => forum.posts.at(-1)!;

  it('answers the post that a locator names, by its number in the topic or in all of Discourse', async () => {
    const thread = forum.topic();
    const asked = forum.say(Number(thread.split('/')[1]), 'bob', 'And you?');
    assert.equal((await deliver(`${thread}/post/1`)).kind, 'posted');
    assert.equal(last().replyTo, 1);
    const outcome = await deliver(`${thread}/post-id/${asked.id}`);
    assert.equal(last().replyTo, asked.number);
    assert.equal(outcome.diagnostic, `${thread}/post/${last().number}`);
  });

  it('goes after a post that was moved to another topic', async () => {
    const moved = forum.say(Number(forum.topic().split('/')[1]), 'bob', 'Moved here.');
    const elsewhere = forum.topic();
    assert.equal((await deliver(`${elsewhere}/post-id/${moved.id}`)).kind, 'posted');
    assert.equal(last().topic, moved.topic);
  });

  it('whispers where a whisper is answered, and says nothing where that is gone', async () => {
    const thread = forum.topic();
    const whisper = forum.say(Number(thread.split('/')[1]), 'bob', 'Between us.', 4);
    assert.equal((await deliver(`${thread}/post-id/${whisper.id}`)).kind, 'posted');
    assert.equal(last().type, 4);
    const count = forum.posts.length;
    const outcome = await deliver(`${thread}/post-id/4711`);
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /no post 4711/);
    assert.equal(forum.posts.length, count);
  });

  it('names what it expected where a locator is none', async () => {
    for (const thread of ['t/7', 'topic/x', 'topic/7/post/', 'topic/7/posts/1', 'topic/12345678901']) {
      const { kind, diagnostic } = await deliver(thread);
      assert.equal(kind, 'failed');
      assert.match(diagnostic, /expected topic\/N/);
    }
  });

  it('takes a refusal of the same text for a post that is there', async () => {
    const thread = forum.topic();
    const post = replyOf(thread, LONG);
    front.wish({ cut: 'answer', share: 0 }, isPost);
    assert.equal((await sink.deliver(post, patience())).kind, 'deferred');
    const count = forum.posts.length;
    forum.pass('memory');
    const again = await sink.deliver(post, patience());
    assert.equal(again.kind, 'posted', again.diagnostic);
    assert.match(again.diagnostic, /there already/);
    assert.equal(forum.posts.length, count);
  });

  it('finds its post again when Discourse has forgotten it, and no other', async () => {
    const thread = forum.topic();
    const post = replyOf(thread, LONG);
    assert.equal(await sink.exists?.(post, patience()), false);
    await sink.deliver(post, patience());
    forum.pass('unique');
    assert.equal(await sink.exists?.(post, patience()), true);
    assert.equal(await sink.exists?.(replyOf(thread, LONG), patience()), false);
    assert.equal(await sink.exists?.({ ...post, user: 'bob' }, patience()), false);
  });

  it('takes a topic with its id for the one that it started', async () => {
    const newThread = { container: 'category/5', title: 'A question that is long enough' };
    const post = replyOf(undefined, LONG, { newThread });
    assert.equal(await sink.exists?.(post, patience()), false);
    assert.equal((await sink.created?.(post, patience()))?.kind, 'posted');
    const count = forum.topics.length;
    forum.pass('unique');
    assert.equal(await sink.exists?.(post, patience()), true);
    assert.equal((await sink.created?.(post, patience()))?.kind, 'posted');
    assert.equal(forum.topics.length, count);
    const short = { container: '5', title: 'Short' };
    const refused = await sink.created?.(replyOf(undefined, LONG, { newThread: short }), patience());
    assert.equal(refused?.kind, 'failed');
    const nowhere = { container: 'support', title: 'A question that is long enough' };
    const unknown = await sink.created?.(replyOf(undefined, LONG, { newThread: nowhere }), patience());
    assert.match(unknown?.diagnostic ?? '', /expected category\/N/);
  });

  it('counts a post that waits for approval as made, and finds it', async () => {
    forum.site.approve.push('alice');
    const post = replyOf(forum.topic(), LONG);
    const outcome = await sink.deliver(post, patience());
    forum.site.approve.length = 0;
    assert.equal(outcome.kind, 'posted');
    assert.match(outcome.diagnostic, /approval/);
    assert.equal(await sink.exists?.(post, patience()), true);
  });

  it('gives up a text that is too short, in Discourse’s words', async () => {
    const outcome = await deliver(forum.topic(), 'Thanks!');
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /too_short/);
  });

  it('tells a user who is not there or may not post from a key that is wrong', async () => {
    const thread = forum.topic();
    const unknown = await deliver(thread, LONG, { user: 'nobody' });
    assert.equal(unknown.kind, 'failed');
    assert.match(unknown.diagnostic, /no user nobody/);
    for (const change of [{ suspended: true }, { active: false }]) {
      const name = `out${forum.accounts.length}`;
      forum.account(name, `${name}@example.com`, change);
      const outcome = await deliver(thread, LONG, { user: name });
      assert.equal(outcome.kind, 'failed');
      assert.match(outcome.diagnostic, /suspended or not activated/);
    }
    const foreign = await deliver(thread, LONG, { user: 'élise' });
    assert.match(foreign.diagnostic, /expected ASCII/);
    // lib/auth/default_current_user_provider.rb: the key of one user is refused for all others.
    const body = '{"errors":["invalid_api_credentials"],"error_type":"invalid_access"}';
    front.wish({ status: 403, body }, isPost);
    const single = await deliver(thread);
    assert.equal(single.kind, 'deferred');
    assert.ok('broken' in single && single.broken === true);
    assert.match(single.diagnostic, /may not post as alice/);
  });

  it('waits as long as Discourse says in its answer, and while it is read-only', async () => {
    const thread = forum.topic();
    // app/controllers/application_controller.rb, RateLimiter::LimitExceeded
    const body = '{"errors":["rate_limiter"],"error_type":"rate_limit","extras":{"wait_seconds":17}}';
    front.wish({ status: 429, body }, isPost);
    const limited = await deliver(thread);
    assert.equal(limited.kind === 'deferred' ? limited.retryAfterMs : 0, 17_000);
    // The same file, Discourse::ReadOnly: 503 now, 405 until 2018.
    front.wish(
      { status: 405, body: '{"errors":["read_only_mode_enabled"],"error_type":"read_only"}' },
      isPost,
    );
    assert.equal((await deliver(thread)).kind, 'deferred');
  });

  it('asks an operator where the answer is none of Discourse', async () => {
    for (const body of ['{}', '[]', 'ok', '{"success":true}']) {
      front.wish({ status: 200, body }, isPost);
      const outcome = await deliver(forum.topic());
      assert.ok(outcome.kind === 'deferred' && outcome.broken === true, `${body}: ${outcome.diagnostic}`);
    }
  });

  it('calls nobody by @here, and lets a mention of one person be', async () => {
    await deliver(forum.topic(), 'Hello @here, @All and @everyone: ask @bob or @hereford.');
    assert.match(last().raw, /@\u2060here, @\u2060All and @\u2060everyone: ask @bob or @hereford/);
    const quiet = await open({ mentions: 'inert' });
    await quiet.deliver(replyOf(forum.topic(), 'Hello @bob, how are you today?'), patience());
    assert.match(last().raw, /@\u2060bob/);
  });

  it('keeps its mark out of sight, also where a fence is left open', async () => {
    await deliver(forum.topic(), `${LONG}\n\`\`\`\ncode`);
    assert.match(last().raw, /^<!-- mailgw:01K\d+-test -->\n\nA text/);
    await deliver(forum.topic(), LONG, { id: 'a--b-->c' });
    assert.match(last().raw, /\n\n<!-- mailgw:a%2D-b%2D-%3Ec -->$/);
  });

  it('posts without files that the site does not take, and shows pictures', async () => {
    const attachments = [
      sampleFile({ filename: 'notes.txt' }),
      sampleFile({ filename: 'a [b]|c.png', contentType: 'image/png' }),
    ];
    const outcome = await deliver(forum.topic(), LONG, { attachments });
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.match(last().raw, /notes\.txt/);
    assert.match(last().raw, /!\[a b c\.png\|2x1\]\(upload:\/\/\w+\.png\)/i);
  });

  it('posts as who the map says, and finds users by it', async () => {
    const mapped = await open({ map: { robert: 'bob' } });
    await mapped.deliver(replyOf(forum.topic(), LONG, { user: 'robert' }), patience());
    assert.equal(last().user.username, 'bob');
    assert.equal(await mapped.findUser?.('bob.home@example.net', patience()), 'robert');
    assert.equal(await sink.findUser?.('no_email@example.org', patience()), undefined);
    forum.account('twin', 'bob@example.com');
    assert.equal(await sink.findUser?.('bob@example.com', patience()), undefined);
  });
});

describe('the users of Discourse', () => {
  const scratch = suiteScratch();
  let forum: FakeDiscourse;

  before(async () => {
    forum = await new FakeDiscourse().start(scratch);
  });
  after(() => scratch.close());

  const open = (change: object): Promise<Sink> =>
    openPlatformSink(scratch, { type: 'discourse', url: forum.origin, ...change }, forum.key);

  it('lists users over all pages, without those of the house and those who may not post', async () => {
    for (let at = 0; at < 120; at += 1) forum.account(`user${at}`, `user${at}@example.com`);
    forum.account('staged', 'staged@example.com', { staged: true });
    const names: string[] = [];
    const sink = await open({});
    for await (const { name } of sink.users!(patience())) names.push(name);
    assert.ok(names.includes('alice') && names.includes('user119'));
    assert.equal(new Set(names).size, names.length);
    assert.ok(!names.includes('system') && !names.includes('staged'));
    assert.ok(!names.some((name) => name.startsWith('out')));
  });

  it('says what an administrator is to do about its key or its account', async () => {
    const asBob = await open({ admin: 'bob' });
    const examined = await asBob.examine?.(patience());
    assert.match(examined?.lack?.what ?? '', /bob may not list/);
    assert.match(examined?.lack?.fix ?? '', /sink\.admin/);
  });
});

describe('notifications of Discourse', () => {
  const recognise = (fields: readonly string[]): Recognised | undefined => {
    const scan = scanHeader(Buffer.from(`${fields.join('\r\n')}\r\n\r\nText`));
    assert.ok(scan.ok);
    return recogniseDiscourse({ header: scan.header, reversePath: 'forum@example.org' });
  };
  const without = (...names: string[]): string[] =>
    DISCOURSE.filter((field) => !names.some((name) => field.startsWith(`${name}:`)));

  it('are about the post and the topic of their header', () => {
    assert.deepEqual(recognise(DISCOURSE), { thread: 'topic/77/post-id/1042', repliedTo: undefined });
  });

  it('are known without these fields, which an older Discourse removes', () => {
    const old = without('X-Discourse-Post-Id', 'X-Discourse-Topic-Id', 'Message-ID');
    for (const id of ['discourse/post/1042', 'topic/77/1042', 'topic/77/1042.0a1b2c3d4e5f']) {
      const found = recognise([...old, `Message-ID: <${id}@forum.example.org>`]);
      assert.equal(found?.thread, 'topic/77/post-id/1042', id);
    }
  });

  it('are no digests, no mail of a group, and no mail about accounts', () => {
    const digest = [
      ...without('List-ID', 'X-Discourse-Post-Id', 'X-Discourse-Topic-Id'),
      'X-Discourse-Topic-Ids: 77,78',
    ];
    const account = without(
      'X-Discourse-Post-Id',
      'X-Discourse-Topic-Id',
      'List-ID',
      'List-Archive',
      'Precedence',
    );
    for (const fields of [
      digest,
      [...DISCOURSE, 'X-Discourse-Topic-Ids: 77,78'],
      without('List-ID', 'Precedence', 'List-Archive'),
      account,
      [...without('X-Discourse-Topic-Id'), 'X-Discourse-Topic-Id: 77; drop'],
      [...without('X-Discourse-Post-Id', 'Message-ID'), 'Message-ID: <0f@forum.example.org>'],
    ])
      assert.equal(recognise(fields), undefined, fields.join('\n'));
  });
});
