import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import { scanHeader } from '../../src/mail/header.ts';
import type { Recognised } from '../../src/mail/recognise.ts';
import type { Post } from '../../src/reply/post.ts';
import { loadSink, previewPost } from '../../src/sinks/catalogue.ts';
import { recogniserOf } from '../../src/sinks/mattermost/recognise.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { startFront } from '../support/front.ts';
import { samplePost } from '../support/loopback.ts';
import { Mattermost } from '../support/mattermost.ts';
import { MATTERMOST } from '../support/notifications.ts';
import { readMarkdown } from '../support/read-markdown.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { type PlatformUnderContract, platformContract, sampleFile } from './platform-contract.ts';

/** What every Mattermost keeps to, whoever posts. */
const underContract = (mattermost: Mattermost, postsAs: 'bot' | 'user'): PlatformUnderContract => ({
  type: 'mattermost',
  postsAs,
  lacking: {
    bounced: 'its interface has no use for one',
    unknownUser: 'the account posts, whoever wrote',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path === '/api/v4/posts',
  uploads: (method, path) => method === 'POST' && path === '/api/v4/files',
  mostChars: 16_383,
  start: async (scratch) => {
    const { server, channels, posts, files } = await mattermost.start(scratch);
    mattermost.users.push(
      { username: 'alice', email: 'alice@example.com' },
      { username: 'former', email: 'former@example.com', delete_at: 1 },
      { username: 'robot', email: 'robot@localhost', is_bot: true },
    );
    const thread = (channel: string): string =>
      `channel/${channel}/post/${mattermost.post(channel, 'A question')}`;
    const town = mattermost.channel();
    return {
      origin: server.origin,
      table: {
        type: 'mattermost',
        ...(postsAs === 'user' ? { user_tokens: tokensIn(scratch, mattermost) } : {}),
      },
      token: mattermost.token,
      unfit: [(wrong) => wrong],
      user: 'alice',
      keyed: 'bob',
      address: 'alice@example.com',
      thread: () => Promise.resolve(thread(mattermost.channel())),
      missing: `channel/${'y'.repeat(26)}/post/${'y'.repeat(26)}`,
      closed: () => {
        const channel = mattermost.channel();
        const locator = thread(channel);
        channels.get(channel)!.delete_at = Date.now();
        return Promise.resolve(locator);
      },
      comments: (locator) => {
        const root = locator.split('/')[3];
        const comments = posts.filter(({ root_id }) => root_id === root);
        return Promise.resolve(
          comments.map(({ message, file_ids, user_id }) => ({
            author: mattermost.nameOf(user_id),
            text: readMarkdown(message),
            files: file_ids.map((id) => ({ name: id, bytes: files.get(id)! })),
          })),
        );
      },
      started: {
        container: `channel/${town}`,
        titles: () =>
          Promise.resolve(
            posts
              .filter(({ channel_id, root_id }) => channel_id === town && root_id === '')
              .map(({ message }) => readMarkdown(message).split('\n')[postsAs === 'user' ? 0 : 1] ?? ''),
          ),
      },
    };
  },
});

/** A directory with a token of alice. */
function tokensIn(scratch: Scratch, mattermost: Mattermost): string {
  const directory = scratch.path('tokens');
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(directory, 'alice.token'), mattermost.tokenOf('alice'), { mode: 0o600 });
  return directory;
}

const servers = [new Mattermost(), new Mattermost()] as const;
platformContract(underContract(servers[0], 'bot'));
platformContract(underContract(servers[1], 'user'));

const signal = (): AbortSignal => new AbortController().signal;

async function open(
  t: TestContext,
  change: object = {},
  onFault?: (reason: string) => void,
): Promise<{ fake: Mattermost; sink: Sink }> {
  const scratch = testScratch(t);
  const fake = await new Mattermost().start(scratch);
  const token = scratch.path('token');
  writeFileSync(token, fake.token, { mode: 0o600 });
  const table = { type: 'mattermost', url: fake.server.origin, token_file: token, ...change };
  const loaded = await loadSink(table, { now: Date.now, readSecretFile, readSecretText, onFault });
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join('; '));
  scratch.defer(() => loaded.sink.close());
  return { fake, sink: loaded.sink };
}

describe('a post on Mattermost', () => {
  it('asks nothing but what the published interface has, and is answered as it says', () => {
    for (const { server } of servers) assert.deepEqual(server.faults, []);
  });

  it('is known by its pending id for a moment, and by its property from then on', async (t) => {
    const { fake, sink } = await open(t);
    const channel = fake.channel();
    const post = samplePost({ thread: `channel/${channel}`, receivedAt: Date.now() });
    assert.equal(await sink.exists?.(post, signal()), false);
    await sink.deliver(post, signal());
    await sink.deliver(post, signal());
    assert.equal(fake.posts.length, 1);
    fake.forget();
    for (let other = 0; other < 130; other++) fake.post(channel, `Post ${other}`);
    assert.equal(await sink.exists?.(post, signal()), true);
    assert.equal(await sink.exists?.({ ...post, id: 'another' }, signal()), false);
    assert.deepEqual(fake.server.faults, []);
  });

  it('goes to the thread that the post of a notification is in', async (t) => {
    const { fake, sink } = await open(t);
    const channel = fake.channel();
    const root = fake.post(channel, 'A question');
    const answer = fake.post(channel, 'An answer', root);
    for (const id of [root, answer]) {
      const outcome = await sink.deliver(samplePost({ id, thread: `post/${id}` }), signal());
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      assert.equal(fake.posts.at(-1)?.root_id, root);
      assert.equal(fake.posts.at(-1)?.channel_id, channel);
    }
    const gone = await sink.deliver(samplePost({ thread: `post/${'y'.repeat(26)}` }), signal());
    assert.equal(gone.kind, 'failed');
    assert.match(gone.diagnostic, /404.*app\.post\.get\.app_error/);
  });

  it('is given up where the root post was deleted or is of another channel, and where the bot is no member', async (t) => {
    const { fake, sink } = await open(t);
    const channel = fake.channel();
    const deleted = fake.post(channel, 'A question');
    fake.posts.at(-1)!.delete_at = 1;
    const elsewhere = fake.post(fake.channel(), 'A question');
    const secret = fake.channel({ isOpen: false });
    const expected = [
      [`channel/${channel}/post/${deleted}`, /create_post\.root_id/],
      [`channel/${channel}/post/${elsewhere}`, /create_post\.channel_root_id/],
      [`channel/${secret}`, /403.*api\.context\.permissions/],
    ] as const;
    for (const [thread, words] of expected) {
      const outcome = await sink.deliver(samplePost({ thread }), signal());
      assert.equal(outcome.kind, 'failed');
      assert.match(outcome.diagnostic, words);
    }
  });

  it('has ten files at most, and names the others', async (t) => {
    const { fake, sink } = await open(t);
    const attachments = Array.from({ length: 12 }, (_, at) => sampleFile({ filename: `file${at}.txt` }));
    const outcome = await sink.deliver(
      samplePost({ thread: `channel/${fake.channel()}`, attachments }),
      signal(),
    );
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.equal(fake.posts[0]?.file_ids.length, 10);
    assert.match(fake.posts[0].message, /file10\.txt.*\n.*file11\.txt/);
    assert.deepEqual(fake.server.faults, []);
  });

  it('wakes nobody', async (t) => {
    const { fake, sink } = await open(t);
    const markdown = 'Is @all or @here or @channel or @bob there?';
    const body = { markdown, text: markdown, quoted: '', signature: '', cuts: [] };
    await sink.deliver(samplePost({ thread: `channel/${fake.channel()}`, body }), signal());
    assert.ok(!/@\w/.test(fake.posts[0]?.message ?? ''), fake.posts[0]?.message);
  });

  it('waits as long as the limit on requests asks, which speaks plain text', async (t) => {
    const scratch = testScratch(t);
    const { fake } = await open(t);
    const front = await startFront(scratch, fake.server.origin);
    const { sink } = await open(t, { url: front.origin });
    // server/channels/app/ratelimit.go, RateLimitWriter.
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      'X-RateLimit-Limit': '101',
      'X-RateLimit-Remaining': '0',
      'X-RateLimit-Reset': '7',
    };
    front.wish({ status: 429, headers, body: 'limit exceeded\n' });
    const outcome = await sink.deliver(samplePost({ thread: `channel/${fake.channel()}` }), signal());
    assert.ok(outcome.kind === 'deferred');
    assert.equal(outcome.retryAfterMs, 7000);
    assert.notEqual(outcome.broken, true);
  });

  it('names how a locator is written', async (t) => {
    const { sink } = await open(t);
    const outcome = await sink.deliver(samplePost({ thread: 'town-square' }), signal());
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /"town-square": expected channel\/CHANNEL_ID\/post\/ROOT_ID/);
  });

  it('is an operator’s matter where the address is not Mattermost’s', async (t) => {
    const { fake, sink } = await open(t);
    const under = await open(t, { url: `${fake.server.origin}/chat` });
    const outcome = await under.sink.deliver(samplePost({ thread: `channel/${fake.channel()}` }), signal());
    assert.equal(outcome.kind, 'deferred');
    assert.ok('broken' in outcome && outcome.broken === true, outcome.diagnostic);
    await sink.close();
  });
});

describe('the token of a user of Mattermost', () => {
  const startTokens = async (t: TestContext) => {
    const scratch = testScratch(t);
    const directory = scratch.path('tokens');
    mkdirSync(directory, { mode: 0o700 });
    const faults: string[] = [];
    const ground = await open(t, { user_tokens: directory }, (reason) => void faults.push(reason));
    const give = (text: string): void => {
      writeFileSync(join(directory, 'alice.token'), `${text}\n`, { mode: 0o600 });
    };
    const channel = ground.fake.channel();
    const deliver = (id: string, change: Partial<Post> = {}): Promise<Outcome> =>
      ground.sink.deliver(
        samplePost({ id, thread: `channel/${channel}`, receivedAt: Date.now(), ...change }),
        signal(),
      );
    const authors = (): string[] => ground.fake.posts.map(({ user_id }) => ground.fake.nameOf(user_id));
    return { ...ground, directory, faults, give, channel, deliver, authors };
  };

  it('makes the post the user’s own, with its files, as soon as it is there', async (t) => {
    const { fake, sink, faults, give, channel, deliver, authors, directory } = await startTokens(t);
    await deliver('first');
    give(fake.tokenOf('alice'));
    assert.equal((await deliver('second', { attachments: [sampleFile()] })).kind, 'posted');
    assert.deepEqual(authors(), ['mailgw', 'alice']);
    const post = fake.posts[1]!;
    assert.equal(post.file_ids.length, 1);
    assert.doesNotMatch(post.message, /by e-mail/);
    assert.deepEqual(faults, []);
    fake.forget();
    const sent = samplePost({ id: 'second', thread: `channel/${channel}`, receivedAt: Date.now() });
    assert.equal(await sink.exists?.(sent, signal()), true);
    const shown = await previewPost({ type: 'mattermost', user_tokens: directory }, sent);
    assert.equal((shown.body as { message: string }).message, post.message);
    assert.match((await sink.examine?.(signal()))?.postsAs ?? '', /@mailgw.*as the user where a token/);
    assert.deepEqual(fake.server.faults, []);
  });

  it('that is not the user’s, or is none, is a fault, and the bot posts under its line', async (t) => {
    const { fake, faults, give, deliver, authors } = await startTokens(t);
    const bad = [
      [fake.tokenOf('bob'), /is the token of bob; expected one of alice/],
      ['y'.repeat(26), /is refused by Mattermost/],
      ['a password', /holds no token of Mattermost/],
    ] as const;
    for (const [at, [text, fault]] of bad.entries()) {
      give(text);
      assert.equal((await deliver(`post-${at}`)).kind, 'posted');
      assert.match(faults.at(-1) ?? '', fault);
      assert.ok(!faults.join().includes(text));
    }
    assert.deepEqual(authors(), ['mailgw', 'mailgw', 'mailgw']);
    for (const { message } of fake.posts) assert.match(message, /^\*\*alice\*\* by e-mail:/);
  });

  it('that is revoked while it is known leaves the post to the bot, with its files', async (t) => {
    const { fake, faults, give, deliver, authors } = await startTokens(t);
    give(fake.tokenOf('alice'));
    await deliver('first');
    fake.tokens.clear();
    assert.equal((await deliver('second', { attachments: [sampleFile()] })).kind, 'posted');
    assert.deepEqual(authors(), ['alice', 'mailgw']);
    assert.equal(fake.posts[1]?.file_ids.length, 1);
    assert.match(faults.join(), /alice\.token: .*401.*; the account posts in place of alice/);
  });
});

describe('a user of Mattermost', () => {
  it('is not told of, where the bot may not see addresses', async (t) => {
    const { fake, sink } = await open(t);
    fake.users.push({ username: 'alice', email: 'alice@example.com' });
    fake.showsAddresses = false;
    await assert.rejects(async () => sink.findUser?.('alice@example.com', signal()), /403.*permissions/);
    const listed = [];
    for await (const user of sink.users?.(signal()) ?? []) listed.push(user);
    assert.deepEqual(listed, []);
  });

  it('goes by the name that the map gives, and former users and bots by none', async (t) => {
    const { fake, sink } = await open(t, { map: { anna: 'alice' } });
    fake.users.push(
      { username: 'alice', email: 'alice@example.com' },
      { username: 'former', email: 'former@example.com', delete_at: 1 },
      { username: 'robot', email: 'robot@localhost', is_bot: true },
    );
    for (let at = 0; at < 250; at++)
      fake.users.push({ username: `user${at}`, email: `user${at}@example.com` });
    assert.equal(await sink.findUser?.('alice@example.com', signal()), 'anna');
    assert.equal(await sink.findUser?.('former@example.com', signal()), undefined);
    assert.equal(await sink.findUser?.('robot@localhost', signal()), undefined);
    const names = [];
    for await (const { name } of sink.users?.(signal()) ?? []) names.push(name);
    assert.equal(names.length, 251);
    assert.ok(names.includes('anna') && names.includes('user249') && !names.includes('robot'));
    assert.deepEqual(fake.server.faults, []);
  });
});

const REPLY_TO_ROOT = [
  'In-Reply-To: <dp3q6o3ptbrxtbjwxnmeqg1h4c@chat.example.com>',
  'References: <dp3q6o3ptbrxtbjwxnmeqg1h4c@chat.example.com>',
];

describe("Mattermost's notifications", () => {
  const recognised = (
    lines: readonly string[],
    site: string | undefined = 'chat.example.com',
  ): Recognised | undefined => {
    const scanned = scanHeader(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`));
    assert.ok(scanned.ok);
    return recogniserOf(site)({ header: scanned.header, reversePath: 'chat@example.com' });
  };

  it('are about the post of their Message-ID, or the root that References names', () => {
    assert.deepEqual(recognised(MATTERMOST), {
      thread: 'post/9xw6wqgsfjrzbbwjtnqebc5q8r',
      repliedTo: undefined,
    });
    assert.equal(recognised([...MATTERMOST, ...REPLY_TO_ROOT])?.thread, 'post/dp3q6o3ptbrxtbjwxnmeqg1h4c');
    assert.equal(recognised(MATTERMOST, 'CHAT.example.com')?.thread, 'post/9xw6wqgsfjrzbbwjtnqebc5q8r');
  });

  it('are told from the mail of another host, from other mail of the server, and from mail of people', () => {
    assert.equal(recognised(MATTERMOST, 'other.example.com'), undefined);
    const change = (from: RegExp, to: string): string[] => MATTERMOST.map((line) => line.replace(from, to));
    // mail.go: mail that is about no post, a digest among it, has 16 characters and a time.
    assert.equal(recognised(change(/<9xw\w+@/, '<x9z5q8r1wqgsfjrz-1795194131@')), undefined);
    assert.equal(recognised(change(/^Auto-Submitted.*/, 'X-None: 1')), undefined);
    assert.equal(recognised([...MATTERMOST, 'Message-ID: <b@chat.example.com>']), undefined);
    assert.equal(recognised([...MATTERMOST, 'References: <a@b> <c@d>']), undefined);
  });
});
