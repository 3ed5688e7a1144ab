// Zulip: what every platform promises, and what it does of its own, against a server that is held to its interface.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { previewPost } from '../../src/sinks/catalogue.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { zulipMarkdown } from '../../src/sinks/zulip/dialect.ts';
import { type Front, startFront } from '../support/front.ts';
import { openPlatformSink, patience, replyOf } from '../support/open-sink.ts';
import { suiteScratch } from '../support/scratch.ts';
import { FakeZulip, type Message, read, render, runZulip } from '../support/zulip.ts';
import { platformContract, sampleFile, words } from './platform-contract.ts';

const isPost = (method: string, path: string): boolean => method === 'POST' && path === '/api/v1/messages';

platformContract({
  type: 'zulip',
  start: runZulip,
  postsAs: 'bot',
  lacking: {
    bounced: 'its interface has no use for one',
    recognise: 'its mail asks for replies to Zulip itself',
    closed: 'a resolved topic takes messages too',
    unknownUser: 'the account posts, whoever wrote',
  },
  mostDoubles: 0,
  posts: isPost,
  uploads: (method, path) => method === 'POST' && path === '/api/v1/user_uploads',
  mostChars: 10_000,
});

describe('the zulip sink', () => {
  const scratch = suiteScratch();
  let zulip: FakeZulip;
  let front: Front;
  let sink: Sink;

  before(async () => {
    zulip = await new FakeZulip().start(scratch);
    front = await startFront(scratch, zulip.origin);
    sink = await open({});
  });
  after(() => scratch.close());

  const open = (change: object, token = `${zulip.email}:${zulip.key}`): Promise<Sink> =>
    openPlatformSink(scratch, { type: 'zulip', url: front.origin, ...change }, token);
  const deliver = (thread: string, text = 'Fine by me.', change = {}): Promise<Outcome> =>
    sink.deliver(replyOf(thread, text, change), patience());
  const last = (): Message => zulip.messages.at(-1)!;
  const visible = (text: string): string => text.replace(/[\u200b\u2060]/g, '');

  it('names the author in the first line, as they are called', async () => {
    const outcome = await deliver('channel/7/topic/A%20topic', 'Fine by me.', { user: 'a_lice*' });
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.equal(last().topic, 'A topic');
    assert.equal(words(read(render(last().content))), 'a_lice* by e-mail: Fine by me.');
    const mapped = await open({ map: { alice: 'Alice Äther' }, attribution: 'From {user}' });
    await mapped.deliver(replyOf('channel/7/topic/A%20topic', 'Fine by me.'), patience());
    assert.equal(visible(last().content), 'From Alice Äther\n\nFine by me.');
  });

  it('marks a message where nobody sees it, also without a line for the author', async () => {
    const bare = await open({ attribution: '' });
    const post = replyOf('channel/7/topic/bare', '```\ncode\n\n\nmore\n```');
    await bare.deliver(post, patience());
    assert.equal(visible(last().content).trimEnd(), '```\ncode\n\n\nmore\n```');
    assert.equal(await bare.exists?.(post, patience()), true);
    assert.equal(await bare.exists?.(replyOf('channel/7/topic/bare', 'code'), patience()), false);
  });

  it('finds its message in a topic that was renamed, and not the same text of somebody else', async () => {
    const post = replyOf('channel/7/topic/old', 'The same text.');
    await sink.deliver(post, patience());
    const twin = replyOf('channel/7/topic/old', 'The same text.');
    zulip.say('old', last().content.replace(/[\u200b\u2060]/g, ''));
    last().topic = '✔ old';
    for (const message of zulip.messages) if (message.topic === 'old') message.topic = '✔ old';
    assert.equal(await sink.exists?.(post, patience()), true);
    assert.equal(await sink.exists?.(twin, patience()), false);
    assert.equal(await sink.exists?.(replyOf('channel/999/topic/none', 'x'), patience()), false);
  });

  it('writes to the users of a conversation', async () => {
    const post = replyOf('direct/10,12', 'Between us.');
    assert.equal((await sink.deliver(post, patience())).kind, 'posted');
    assert.deepEqual(last().people, [10, 12]);
    assert.equal(await sink.exists?.(post, patience()), true);
    const unknown = await deliver('direct/4711');
    assert.equal(unknown.kind, 'failed');
    assert.match(unknown.diagnostic, /Invalid user ID/);
  });

  it('gives up what Zulip would cut without a word', async () => {
    const topic = 'é'.repeat(60);
    assert.equal((await deliver(`channel/7/topic/${encodeURIComponent(topic)}`)).kind, 'posted');
    assert.equal(last().topic, topic);
    const longer = await deliver(`channel/7/topic/${encodeURIComponent(`${topic}x`)}`);
    assert.equal(longer.kind, 'failed');
    assert.match(longer.diagnostic, /60 characters/);
    // An entity counts with all its characters.
    assert.equal((await deliver('channel/7/topic/long', '\\*'.repeat(4000))).kind, 'failed');
  });

  it('cuts the title of a new topic where it is too long, and shows it', async () => {
    const newThread = { container: 'channel/7', title: 'A question '.repeat(9) };
    await sink.created?.(replyOf(undefined, 'Why?', { newThread }), patience());
    assert.equal(Array.from(last().topic).length, 60);
    assert.ok(last().topic.endsWith('…'));
    const nowhere = { container: 'general', title: 'A question' };
    const outcome = await sink.created?.(replyOf(undefined, 'Why?', { newThread: nowhere }), patience());
    assert.match(outcome?.diagnostic ?? '', /expected channel\/ID/);
  });

  it('shows beforehand what it would send', async () => {
    const shown = await previewPost({ type: 'zulip' }, replyOf('channel/7/topic/a', 'Ask @**bob**.'));
    const { content } = shown.body as { content: string };
    assert.equal(visible(content), '**alice** by e-mail:\n\nAsk @**bob**.');
    assert.deepEqual(shown.fields, { user: 'alice', thread: 'channel/7/topic/a' });
  });

  it('knows people by their names, where these are theirs alone and their addresses are told', async () => {
    const people = [
      { user_id: 20, full_name: 'Robin Roe', address: 'robin@example.com' },
      { user_id: 21, full_name: 'ROBIN ROE', address: 'other@example.com' },
      { user_id: 22, full_name: 'Robin Roe', address: 'left@example.com', is_active: false },
      { user_id: 23, full_name: 'Sam Poe', address: 'sam@example.com', isHidden: true },
      { user_id: 24, full_name: 'Helper', address: 'helper-bot@chat.example.org', is_bot: true },
      { user_id: 25, full_name: 'Zoë Loe', address: 'zoe@example.com' },
    ];
    zulip.people.push(...people);
    const mapped = await open({ map: { zoe: 'Zoë Loe' } });
    const find = (address: string): Promise<string | undefined> => mapped.findUser!(address, patience());
    assert.equal(await find('Zoe@example.com'), 'zoe');
    for (const address of [
      ...people.slice(0, 5).map((each) => each.address),
      'user23@chat.example.org',
      'me',
    ])
      assert.equal(await find(address), undefined, address);
    const names: string[] = [];
    for await (const { name } of mapped.users!(patience())) names.push(name);
    assert.deepEqual(names, ['alice', 'bob', 'Sam Poe', 'zoe']);
    // Once a namesake has left, the name is the other one's alone.
    zulip.people.splice(
      zulip.people.findIndex(({ user_id: id }) => id === 21),
      1,
    );
    assert.equal(await find('robin@example.com'), 'Robin Roe');
  });

  it('does not take a Zulip that cannot say for one that knows nobody', async () => {
    for (const answer of [
      { status: 500, body: '{}' },
      { status: 401, body: '{"result":"error","msg":"Invalid API key","code":"INVALID_API_KEY"}' },
      { status: 400, body: '<html>a proxy</html>' },
      { status: 200, body: '{"result":"success","msg":"","user":' },
    ]) {
      front.wish(answer, (_method, path) => path.startsWith('/api/v1/users/bob'));
      await assert.rejects(async () => sink.findUser?.('bob@example.com', patience()), answer.body);
    }
    front.wish({ status: 200, body: '{"result":"success","msg":""}' }, (_method, path) =>
      path.startsWith('/api/v1/users?'),
    );
    await assert.rejects(async () => sink.findUser?.('bob@example.com', patience()), /no list of users/);
  });

  it('names what it expected where a locator is none', async () => {
    const broken = [
      'channel/7',
      'channel/x/topic/y',
      'channel/7/topic/%E9',
      'channel/7/topic/%0a',
      'direct/',
      'direct/1,',
    ];
    for (const thread of broken) {
      const { kind, diagnostic } = await deliver(thread);
      assert.equal(kind, 'failed', thread);
      assert.match(diagnostic, /expected channel\/ID\/topic\/NAME/);
    }
  });

  it('waits for seconds with a fraction, as Zulip asks', async () => {
    // zerver/lib/exceptions.py, RateLimitedError
    const body = '{"result":"error","msg":"","code":"RATE_LIMIT_HIT","retry-after":28.7}';
    for (const headers of [{ 'retry-after': '28.7' }, {}]) {
      front.wish({ status: 429, headers, body }, isPost);
      const outcome = await deliver('channel/7/topic/a');
      assert.equal(outcome.kind === 'deferred' ? outcome.retryAfterMs : 0, 29_000);
    }
  });

  it('asks an operator about its bot and its address, and fails what Zulip refuses', async () => {
    // zerver/lib/exceptions.py: the codes, with the statuses of now and before
    const codes = ['USER_DEACTIVATED', 'REALM_DEACTIVATED', 'UNAUTHORIZED', 'NONEXISTENT_SUBDOMAIN'];
    for (const [at, code] of codes.entries()) {
      front.wish({
        status: [401, 403, 401, 404][at] ?? 0,
        body: JSON.stringify({ result: 'error', msg: '', code }),
      });
      const outcome = await deliver('channel/7/topic/a');
      assert.ok(outcome.kind === 'deferred' && outcome.broken === true, code);
    }
    front.wish(
      { status: 400, body: '{"result":"error","msg":"Not authorized","code":"BAD_REQUEST"}' },
      isPost,
    );
    assert.equal((await deliver('channel/7/topic/a')).kind, 'failed');
    for (const body of ['{}', '{"result":"success"}', '{"result":"error","msg":"","id":1}']) {
      front.wish({ status: 200, body }, isPost);
      const outcome = await deliver('channel/7/topic/a');
      assert.ok(outcome.kind === 'deferred' && outcome.broken === true, body);
    }
  });

  it('does not start with a key that names no bot', async () => {
    for (const token of ['xK7xK7xK7', 'bot:key', ':xK7', 'bot@example.org:'])
      await assert.rejects(open({}, token), /sink\.token_file: .*expected the address of a bot/);
  });

  it('calls nobody by a mention, and only one by one where the site lets it', async () => {
    await deliver('channel/7/topic/a', 'Ask @**bob**, @_**carol**, @*team* and @**all**.');
    assert.doesNotMatch(render(last().content), /user-(?:group-)?mention/);
    const live = await open({ mentions: 'live' });
    await live.deliver(
      replyOf('channel/7/topic/a', 'Ask @**bob**, and @**all**, @**everyone**, @**topic**.'),
      patience(),
    );
    assert.equal(render(last().content).match(/user-mention/g)?.length, 1);
  });

  it('links its files below the text, whatever they are called', async () => {
    const attachments = [sampleFile({ filename: 'a [b](c) *d* `e`.txt' })];
    await deliver('channel/7/topic/a', 'See there.', { attachments });
    assert.match(
      visible(last().content),
      /See there\.\n\n\[a b \(c\) d e \.txt\]\(\/user_uploads\/2\/\d+\/[^()\s]+\)$/,
    );
  });
});

describe('the dialect of Zulip', () => {
  const write = (markdown: string): string => zulipMarkdown(markdown, { mentions: false });
  const shown = (markdown: string): string => words(read(render(write(markdown))));
  const typed = (text: string): string => text.replace(/[\\`*_{}[\]<>#+\-|~&!@$:/.)]/g, '\\$&');

  it('shows plain text as it was typed', () => {
    for (const text of [
      '*a* **b** ***c*** ~~d~~ `e` $$f$$ _g_ __h__',
      '@**all** @*team* @_**bob** #**channel>topic** [a](http://b)',
      ':smile: :+1: 12:30:45 :100:',
      '!avatar(bob@example.com) !gravatar(x) <time:2026-11-20T09:15:00Z>',
      '&lt; &amp;lt; &#42; &copy; AT&T; a & b',
      '> no quote',
      '- no list',
      '+ no list',
      '1. no list',
      '2026) no list',
      '# no title',
      '###### no title',
      '| no | table |',
      '/me waves',
      '/poll What?',
      '~~~ quote',
      '```spoiler Header',
      '--- and --',
      'back\\slash and \\*',
      'a < b > c <b>d</b>',
      '𝒜 👍 é',
    ])
      assert.equal(shown(typed(text)), words(text), write(typed(text)));
  });

  it('keeps an address of the web as it is', () => {
    const url = 'http://example.com/a_b*c/@**x**?d=:e:&f=$$g$$&lt=1#~~h';
    assert.ok(write(`See <${url}>.`).includes(url));
    assert.ok(
      write('See http://example.com/a_b?x=1&y=:z: there').includes('http://example.com/a_b?x=1&y=:z:'),
    );
  });

  it('writes blocks as Zulip reads them', () => {
    assert.equal(
      write(
        'Title\n\n## Below\n\n* one\n* two\n  * three\n\n7. seven\n8. eight\n\n> said\n>\n> more\n\n***\n',
      ),
      'Title\n\n## Below\n\n* one\n* two\n  * three\n\n7. seven\n8. eight\n\n> said\n> \n> more\n\n---',
    );
    assert.equal(write('| a | b |\n|---|---|\n| 1\\|2 | `x` |'), '| a | b |\n|---|---|\n| 1&#124;2 | `x` |');
    assert.equal(write('one  \ntwo\nthree'), 'one\ntwo\nthree');
    assert.equal(write('__bold__ and _it_ and ~~no~~'), '**bold** and *it* and ~~no~~');
  });

  it('keeps code to the letter, and opens no block of another kind', () => {
    assert.equal(write('```ts\n*a*\n\n\nb\n```'), '```ts\n*a*\n\n\nb\n```');
    assert.equal(write('~~~\n```\n~~~'), '````\n```\n````');
    for (const block of ['spoiler Header', 'quote', 'math', 'Spoiler', 'latex'])
      assert.equal(write(`\`\`\`${block}\nx\n\`\`\``), '```\nx\n```');
    assert.equal(write('`` a`b `` and `*c*`'), '``a`b`` and `*c*`');
    assert.equal(write('    indented'), '```\nindented\n```');
  });

  it('links to the web alone, and shows pictures as links', () => {
    assert.equal(write('[a *b*](http://example.com/(x))'), '[a *b*](http://example.com/%28x%29)');
    assert.equal(
      write('[a](javascript:alert(1)) ![b](data:x) ![c](https://example.com/c.png)').includes('javascript:'),
      true,
    );
    assert.equal(write('![c](https://example.com/c.png)'), '[c](https://example.com/c.png)');
    assert.equal(write('<http://example.com>'), 'http://example.com');
    assert.equal(write('[a](/relative)'), 'a');
  });
});
