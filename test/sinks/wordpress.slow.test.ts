// The wordpress sink against Debian's WordPress on MariaDB and PHP: the contract, and what this platform has of its own.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import type { Post } from '../../src/reply/post.ts';
import { loadSink } from '../../src/sinks/catalogue.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { samplePost } from '../support/loopback.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import {
  ADMIN,
  AUTHOR,
  READER,
  type SiteUser,
  startWordPress,
  type WordPress,
  wordpressUnavailable,
} from '../support/wordpress.ts';
import { type Comment, platformContract, type RunningPlatform } from './platform-contract.ts';

const skip = wordpressUnavailable();

/** A text as people read it on the page; WordPress sets quotation marks and entities of its own. */
function shown(rendered: string): string {
  return rendered
    .replace(/<br \/>\n?/g, '\n')
    .replace(/<\/p>\s*/g, '\n\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCodePoint(Number(code)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
    .replace(/[“”]/g, '"')
    .replace(/[‘’]/g, "'")
    .trim();
}

async function comments(site: WordPress, thread: string): Promise<readonly Comment[]> {
  const post = Number(/^post\/(\d+)/.exec(thread)?.[1]);
  return (await site.comments(post)).map(({ author, content }) => ({
    author: [ADMIN, AUTHOR, READER].find((user) => site.idOf(user) === author)?.login ?? String(author),
    text: shown(content.rendered),
    files: [],
  }));
}

async function start(scratch: Scratch): Promise<RunningPlatform> {
  const site = await startWordPress(scratch);
  return {
    origin: site.origin,
    table: { type: 'wordpress' },
    token: site.key,
    unfit: [(wrong) => wrong, () => site.keyOf(READER)],
    user: AUTHOR.login,
    address: AUTHOR.address,
    thread: async () => `post/${await site.post()}`,
    missing: 'post/987654',
    closed: async () => `post/${await site.post(ADMIN, { comment_status: 'closed' })}`,
    comments: (thread) => comments(site, thread),
  };
}

platformContract({
  type: 'wordpress',
  skip,
  start,
  postsAs: 'user',
  lacking: {
    bounced: 'its interface has no use for one',
    created: 'a mail is a comment, and no article',
    files: 'a comment has none',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path.includes('comments'),
  mostChars: 65_525,
});

const signal = (): AbortSignal => new AbortController().signal;

let made = 0;

/** A post of this moment by alice. */
function postOf(thread: string, markdown: string, change: Partial<Post> = {}): Post {
  made += 1;
  return samplePost({
    id: `01KWP${made}`,
    user: AUTHOR.login,
    thread,
    receivedAt: Date.now(),
    body: { markdown, text: markdown, quoted: '', signature: '', cuts: [] },
    ...change,
  });
}

describe('a comment in WordPress', { skip }, () => {
  const scratch = suiteScratch();
  let site: WordPress;
  let sink: Sink;
  const open = async (key: string): Promise<Sink> => {
    const token = scratch.path(`key-${made++}`);
    writeFileSync(token, key, { mode: 0o600 });
    const table = { type: 'wordpress', url: site.origin, token_file: token };
    const loaded = await loadSink(table, { now: Date.now, readSecretFile, readSecretText });
    assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join('; '));
    scratch.defer(() => loaded.sink.close());
    return loaded.sink;
  };
  const post = async (thread: string, markdown: string, change: Partial<Post> = {}): Promise<Outcome> =>
    sink.deliver(postOf(thread, markdown, change), signal());
  const last = async (number: number) => (await site.comments(number)).at(-1) ?? assert.fail('no comment');
  before(async () => {
    site = await startWordPress(scratch);
    sink = await open(site.key);
  });
  after(() => scratch.close());

  it('answers another one, whose post the thread names or not', async () => {
    const number = await site.post();
    await post(`post/${number}`, 'First');
    const first = await last(number);
    assert.equal((await post(`post/${number}/comment/${first.id}`, 'Second')).kind, 'posted');
    assert.equal((await last(number)).parent, first.id);
    assert.equal((await post(`comment/${first.id}`, 'Third')).kind, 'posted');
    const third = await last(number);
    assert.deepEqual([third.parent, third.post, third.author_name], [first.id, number, 'Alice']);
  });

  it('answers none that is gone, in the trash, or of another post', async () => {
    const number = await site.post();
    await post(`post/${number}`, 'First');
    const { id } = await last(number);
    const elsewhere = await post(`post/${await site.post()}/comment/${id}`, 'x');
    assert.match(`${elsewhere.kind} ${elsewhere.diagnostic}`, /^failed comment \d+ is none of post \d+$/);
    await site.ask(`/wp/v2/comments/${id}`, {}, { status: 'spam' });
    assert.match((await post(`comment/${id}`, 'x')).diagnostic, /is spam$/);
    await site.ask(`/wp/v2/comments/${id}`, { force: 'true' }, undefined, 'DELETE');
    const gone = await post(`comment/${id}`, 'x');
    assert.match(`${gone.kind} ${gone.diagnostic}`, /^failed .*rest_comment_invalid_id/);
    assert.equal((await site.comments(number)).length, 0);
  });

  it('is made once: a repetition that WordPress refuses as such is posted, and another with the same text is not', async () => {
    const number = await site.post();
    const thread = `post/${number}`;
    const reply = postOf(thread, 'Thanks! [Here](http://example.org/) it is');
    const outcomes = [await sink.deliver(reply, signal()), await sink.deliver(reply, signal())];
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['posted', 'posted'],
    );
    assert.equal(await sink.exists?.(reply, signal()), true);
    assert.equal(await sink.exists?.(postOf(thread, 'Thanks!'), signal()), false);
    const again = await post(thread, reply.body.markdown, { receivedAt: Date.now() + 3_600_000 });
    assert.match(`${again.kind} ${again.diagnostic}`, /^failed .*once: comment_duplicate/);
    assert.equal((await site.comments(number)).length, 1);
  });

  it('is found again though it holds a backslash, by which WordPress knows no repetition', async () => {
    const number = await site.post();
    const reply = postOf(`post/${number}`, 'C:\\\\temp');
    await sink.deliver(reply, signal());
    assert.equal(await sink.exists?.(reply, signal()), true);
    assert.equal((await last(number)).content.raw, 'C:\\temp');
  });

  it('is found again where a moderator has put it into the trash', async () => {
    const number = await site.post();
    const reply = postOf(`post/${number}`, 'Off topic');
    await sink.deliver(reply, signal());
    await site.ask(`/wp/v2/comments/${(await last(number)).id}`, { force: 'false' }, undefined, 'DELETE');
    assert.equal(await sink.exists?.(reply, signal()), true);
  });

  it('is known by text and time where the site keeps no user agents', async () => {
    const number = await site.post();
    const lines = [
      "add_filter('pre_comment_user_agent', fn() => '');",
      "add_filter('pre_option_timezone_string', fn() => 'America/Los_Angeles');",
    ];
    site.plugIn('private', `<?php\n${lines.join('\n')}\n`);
    const reply = postOf(`post/${number}`, 'It is "known" *again*');
    const outcomes = [await sink.deliver(reply, signal()), await sink.deliver(reply, signal())];
    const late = await sink.deliver({ ...reply, receivedAt: Date.now() + 3_600_000 }, signal());
    site.plugOut('private');
    assert.equal((await last(number)).author_user_agent, '');
    assert.deepEqual(
      [...outcomes, late].map(({ kind }) => kind),
      ['posted', 'posted', 'failed'],
    );
    assert.equal((await site.comments(number)).length, 1);
  });

  it('is failed where a rule of the site takes it for spam, and is not made again', async () => {
    const number = await site.post();
    site.plugIn('strict', "<?php add_filter('pre_comment_approved', fn() => 'spam');");
    const reply = postOf(`post/${number}`, 'Cheap pills');
    const outcome = await sink.deliver(reply, signal());
    site.plugOut('strict');
    assert.match(`${outcome.kind} ${outcome.diagnostic}`, /^failed WordPress put comment \d+ into spam/);
    assert.equal(await sink.exists?.(reply, signal()), true);
  });

  it('waits for a moderator where the site has it so', async () => {
    const number = await site.post();
    const held = await post(`post/${number}`, 'My first', { user: READER.login });
    assert.match(held.diagnostic, /^waits for a moderator: 201/);
    assert.equal((await last(number)).status, 'hold');
    await site.ask(`/wp/v2/comments/${(await last(number)).id}`, {}, { status: 'approve' });
    await post(`post/${number}`, 'My second', { user: READER.login });
    assert.equal((await last(number)).status, 'approved');
  });

  it('is shown as it was typed, and brings no HTML of its own', async () => {
    const number = await site.post();
    await post(
      `post/${number}`,
      '*a* **b**\n\n- one\n- two\n\n> quoted\n\n```\nif (x)\n  y\n```\n\n<script>alert(1)</script>\n\n[l](http://example.org/)',
    );
    const { content } = await last(number);
    assert.equal(
      content.rendered.replaceAll('\n', ''),
      [
        '<p><em>a</em> <strong>b</strong></p>',
        '<p>• one<br />• two</p>',
        '<blockquote><p>quoted</p></blockquote>',
        '<p><code>if (x)</code><br /><code>\u00a0 y</code></p>',
        '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>',
        '<p><a href="http://example.org/" rel="nofollow ugc">l</a></p>',
      ].join(''),
    );
  });

  it('is the same by a key whose HTML WordPress filters, and that key cannot post for others', async () => {
    const number = await site.post();
    const markdown = '*a* <b>\n\n> "q"\n\n`c` [l](http://example.org/)\n\n- x & y';
    await post(`post/${number}`, markdown, { user: ADMIN.login });
    const byAdmin = await last(number);
    const frank: SiteUser = {
      login: 'frank',
      password: 'x'.repeat(20),
      address: 'f@example.org',
      role: 'author',
    };
    await site.add(frank);
    const key = await site.keyOf(frank);
    const filtered = await open(key);
    const refused = await filtered.deliver(postOf(`post/${number}`, markdown), signal());
    assert.ok('broken' in refused && refused.broken === true, refused.diagnostic);
    await site.askAs(key, '/wp/v2/comments', { post: number, content: byAdmin.content.raw });
    assert.equal((await last(number)).content.raw, byAdmin.content.raw);
  });

  it('cannot be made by a key without the rights of an administrator, and doctor names them', async () => {
    const examined = await (await open(await site.keyOf(READER))).examine?.(signal());
    assert.match(examined?.lack?.what ?? '', /^bob lacks moderate_comments .*list_users .*edit_users/);
    assert.match((await sink.examine?.(signal()))?.postsAs ?? '', /the key of gateway$/);
  });

  it('is by a user whatever their login name is', async () => {
    const number = await site.post();
    for (const username of ['carol@example.org', 'dave.d', 'Erin E', '4711']) {
      const address = `u${made++}@example.org`;
      await site.add({ login: username, address, password: 'x'.repeat(20), role: 'author' });
      const outcome = await post(`post/${number}`, `By ${username}`, { user: username });
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      assert.equal(await sink.findUser?.(address, signal()), username);
    }
    assert.equal((await site.comments(number)).length, 4);
  });
});
