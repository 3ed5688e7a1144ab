// The github sink against a server that is held to GitHub's published interface.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import { loadSink, previewPost } from '../../src/sinks/catalogue.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { type Front, startFront } from '../support/front.ts';
import { type Github, refused, startGithub } from '../support/github.ts';
import { samplePost } from '../support/loopback.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { shownMarkdown } from '../support/shown-markdown.ts';
import { openSink } from '../support/sink.ts';
import { type Comment, platformContract, sampleFile } from './platform-contract.ts';

async function commentsOf(github: Github, thread: string): Promise<Comment[]> {
  const comments = await github.comments(thread);
  return comments.map(({ body, user }) => ({ author: user.login, text: shownMarkdown(body), files: [] }));
}

platformContract({
  type: 'github',
  start: async (scratch) => {
    const github = await startGithub(scratch);
    return {
      origin: github.server.origin,
      table: { type: 'github' },
      token: github.token,
      unfit: [(wrong) => wrong],
      user: 'alice',
      address: 'alice@example.org',
      thread: () => Promise.resolve(github.issue()),
      missing: 'acme/app/issues/999',
      closed: () => Promise.resolve(github.issue({ isLocked: true })),
      comments: (thread) => commentsOf(github, thread),
      started: {
        container: 'acme/app',
        titles: () => Promise.resolve(github.issues.map(({ title }) => title)),
      },
    };
  },
  postsAs: 'bot',
  lacking: {
    bounced: 'its interface has no use for one',
    recognise: 'it sends its mail itself, past your Postfix',
    findUser: 'it tells no addresses',
    unknownUser: 'the account posts, whoever wrote',
    files: 'its interface takes none',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path.endsWith('/comments'),
  mostChars: 65_536,
});

interface Ground {
  readonly scratch: Scratch;
  readonly github: Github;
  readonly front: Front;
  readonly sink: Sink;
}

async function startGround(t: TestContext, change: Record<string, unknown> = {}): Promise<Ground> {
  const scratch = testScratch(t);
  const github = await startGithub(scratch);
  const front = await startFront(scratch, github.server.origin);
  const sink = await openSink(scratch, github.token, { type: 'github', url: front.origin, ...change });
  return { scratch, github, front, sink };
}

const signal = (): AbortSignal => new AbortController().signal;
const replyTo = (thread: string, change = {}) => samplePost({ thread, receivedAt: Date.now(), ...change });
const typed = (markdown: string) => ({
  body: { markdown, text: markdown, quoted: '', signature: '', cuts: [] },
});

describe('a comment in GitHub', () => {
  it('says in its first line whose it is, and wakes no team', async (t) => {
    const { github, sink } = await startGround(t);
    const thread = github.issue();
    await sink.deliver(replyTo(thread, typed('Ask @acme/core, fixes #7')), signal());
    const [comment] = await github.comments(thread);
    assert.match(comment?.body ?? '', /^alice wrote by mail:\n\n/);
    assert.doesNotMatch(comment?.body ?? '', /@acme|fixes #7/);
  });

  it('has the label of a picture in its place', async (t) => {
    const { github, sink } = await startGround(t);
    const thread = github.issue();
    const attachments = [sampleFile({ filename: 'cat.png', contentId: 'cat@x' })];
    await sink.deliver(replyTo(thread, { ...typed('Look: ![a cat](cid:cat@x).'), attachments }), signal());
    assert.match(
      (await github.comments(thread))[0]?.body ?? '',
      /\nLook: a cat\.\n\n\*Left out.*\n\n- cat\.png/,
    );
  });

  it('is found behind many others', async (t) => {
    const { github, sink } = await startGround(t);
    const thread = github.issue();
    const post = replyTo(thread);
    for (let at = 0; at < 60; at++) await sink.deliver(replyTo(thread, { id: `before-${at}` }), signal());
    assert.equal(await sink.exists?.(post, signal()), false);
    await sink.deliver(post, signal());
    assert.equal(await sink.exists?.(post, signal()), true);
  });

  it('that starts an issue is found again', async (t) => {
    const { github, front, sink } = await startGround(t);
    const newThread = { container: 'acme/app', title: '' };
    const post = replyTo('', {
      thread: undefined,
      newThread,
      attachments: [sampleFile({ filename: 'a.txt' })],
    });
    front.wish({ cut: 'answer', share: 0.5 });
    assert.equal((await sink.created?.(post, signal()))?.kind, 'deferred');
    for (let at = 0; at < 40; at++) github.issue();
    assert.equal(await sink.exists?.(post, signal()), true);
    assert.match(github.issues[0]?.body ?? '', /a\.txt/);
    assert.equal(github.issues[0]?.title, 'No subject');
  });
});

describe('a refusal of GitHub', () => {
  const answered = async (t: TestContext, next: Github['next']): Promise<Outcome> => {
    const { github, sink } = await startGround(t);
    const thread = github.issue();
    github.next = next;
    return sink.deliver(replyTo(thread), signal());
  };

  it('that is a limit is waited for, whatever its status', async (t) => {
    const inTwoMinutes = String(Math.floor(Date.now() / 1000) + 120);
    const secondary =
      'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.';
    // docs.github.com, rate limits for the REST API: what to do with each
    const limits = [
      [
        refused(403, 'API rate limit exceeded', {
          'x-ratelimit-remaining': '0',
          'x-ratelimit-reset': inTwoMinutes,
        }),
        120,
      ],
      [
        refused(429, 'API rate limit exceeded', {
          'x-ratelimit-remaining': '0',
          'x-ratelimit-reset': inTwoMinutes,
        }),
        120,
      ],
      [refused(403, secondary, { 'retry-after': '90' }), 90],
      [refused(403, secondary, { 'x-ratelimit-remaining': '4900' }), 60],
      [refused(429, secondary), 60],
    ] as const;
    for (const [limit, seconds] of limits) {
      const outcome = await answered(t, limit);
      assert.ok(outcome.kind === 'deferred' && outcome.broken !== true, outcome.diagnostic);
      assert.ok(Math.abs((outcome.retryAfterMs ?? 0) / 1000 - seconds) <= 2, `${outcome.retryAfterMs}`);
    }
    // The description of the interface has the form of a 422; these words are known from programs that post there alone.
    const error = {
      resource: 'IssueComment',
      code: 'custom',
      field: 'body',
      message: 'was submitted too quickly',
    };
    const json = { message: 'Validation Failed', errors: [error], documentation_url: '' };
    assert.equal((await answered(t, { status: 422, json })).kind, 'deferred');
  });

  it('of the account’s rights is an operator’s matter', async (t) => {
    for (const message of [
      'Resource not accessible by personal access token',
      'Resource not accessible by integration',
      'Resource protected by organization SAML enforcement. You must grant your token access to this organization.',
    ]) {
      const outcome = await answered(t, refused(403, message, { 'x-ratelimit-remaining': '4900' }));
      assert.ok(outcome.kind === 'deferred' && outcome.broken === true, outcome.diagnostic);
    }
  });

  it('of this thread gives the reply up', async (t) => {
    const refusals = [
      refused(403, 'Repository was archived so is read-only.'),
      refused(404, 'Not Found'),
      refused(410, 'Issues are disabled for this repo'),
      { status: 422, json: { message: 'Validation Failed', documentation_url: '' } },
    ];
    for (const refusal of refusals) assert.equal((await answered(t, refusal)).kind, 'failed');
  });
});

describe('the account of GitHub’s token', () => {
  it('is told, with how many requests are left, and what it lacks', async (t) => {
    const { scratch, front, sink } = await startGround(t);
    const examined = await sink.examine?.(signal());
    assert.match(examined?.postsAs ?? '', /^acme-mail, with a line/);
    assert.match(examined?.diagnostic ?? '', /4999 of 5000 requests left/);
    const reads = await openSink(scratch, 'ghp_reads', { type: 'github', url: front.origin });
    assert.match((await reads.examine?.(signal()))?.lack?.what ?? '', /scopes read:user, gist alone/);
  });
});

describe('the token of a user of GitHub', () => {
  const startTokens = async (t: TestContext) => {
    const ground = await startGround(t);
    const { scratch, github, front } = ground;
    const directory = scratch.path('tokens');
    mkdirSync(directory, { mode: 0o700 });
    const token = scratch.path('token');
    writeFileSync(token, github.token, { mode: 0o600 });
    const give = (name: string, text: string, mode = 0o600): void => {
      writeFileSync(scratch.path('tokens', name), text, { mode });
    };
    const faults: string[] = [];
    const onFault = (reason: string): void => void faults.push(reason);
    const table = { type: 'github', url: front.origin, token_file: token, user_tokens: directory };
    const load = () => loadSink(table, { now: Date.now, readSecretFile, readSecretText, onFault });
    const loaded = await load();
    assert.ok(loaded.ok);
    scratch.defer(() => loaded.sink.close());
    return { ...ground, sink: loaded.sink, directory, give, faults, load };
  };

  it('makes the comment the user’s own, as soon as it is there', async (t) => {
    const { github, sink, give, faults } = await startTokens(t);
    const thread = github.issue();
    await sink.deliver(replyTo(thread, { id: 'first' }), signal());
    give('alice.token', 'ghp_alice\n');
    await sink.deliver(replyTo(thread, { id: 'second' }), signal());
    const [first, second] = await github.comments(thread);
    assert.equal(first?.user.login, 'acme-mail');
    assert.equal(second?.user.login, 'alice');
    assert.doesNotMatch(second.body, /wrote by mail/);
    assert.deepEqual(faults, []);
    assert.equal(await sink.exists?.(replyTo(thread, { id: 'second' }), signal()), true);
  });

  it('that is not the user’s, or cannot be read, is a fault, and the account posts', async (t) => {
    const { github, sink, give, faults, directory } = await startTokens(t);
    const thread = github.issue();
    const bad = [
      ['ghp_bob', 0o600, /is the token of bob; expected one of alice/],
      ['ghp_gone', 0o600, /is refused by GitHub/],
      ['two lines\nof text', 0o600, /alice\.token: holds no token of GitHub/],
      ['ghp_alice', 0o644, /mode|readable/],
    ] as const;
    for (const [at, [text, mode, fault]] of bad.entries()) {
      give('alice.token', text, mode);
      chmodSync(`${directory}/alice.token`, mode);
      const outcome = await sink.deliver(replyTo(thread, { id: `post-${at}` }), signal());
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      assert.match(faults.at(-1) ?? '', fault);
    }
    for (const { user, body } of await github.comments(thread)) {
      assert.equal(user.login, 'acme-mail');
      assert.match(body, /^alice wrote by mail:/);
    }
  });

  it('that is withdrawn while it is known leaves the post to the account', async (t) => {
    const { github, sink, give, faults } = await startTokens(t);
    const thread = github.issue();
    give('alice.token', 'ghp_alice');
    await sink.deliver(replyTo(thread, { id: 'first' }), signal());
    github.tokens.delete('ghp_alice');
    const outcome = await sink.deliver(replyTo(thread, { id: 'second' }), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.deepEqual(
      (await github.comments(thread)).map(({ user }) => user.login),
      ['alice', 'acme-mail'],
    );
    assert.match(faults.join(), /alice\.token: .*401.*; the account posts in place of alice/);
  });

  it('is no path, and stands in a directory that is closed to others', async (t) => {
    const { github, sink, directory, load, give } = await startTokens(t);
    give('../alice.token', 'ghp_alice');
    for (const user of ['../alice', '.', '..']) {
      const thread = github.issue();
      await sink.deliver(replyTo(thread, { user }), signal());
      assert.equal((await github.comments(thread))[0]?.user.login, 'acme-mail');
    }
    chmodSync(directory, 0o755);
    const loaded = await load();
    assert.match(loaded.ok ? '' : loaded.problems.join(), /sink\.user_tokens: .*mode 0755.*expected 0700/);
  });
});

describe('a preview of a post for GitHub', () => {
  it('says why a text that is too long would be given up', async () => {
    const { markdown, ...body } = samplePost().body;
    const long = { ...samplePost(), body: { ...body, markdown: markdown + 'x'.repeat(65_536) } };
    const shown = await previewPost({ type: 'github' }, long);
    assert.equal(shown.body, null);
    assert.match(String(shown.fields.refused), /characters; the platform takes 65536/);
  });
});
