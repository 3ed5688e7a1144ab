// The gitea sink against a server that is held to Gitea's published interface, and what it recognises.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { recognise } from '../../src/sinks/gitea/recognise.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Front, startFront } from '../support/front.ts';
import { type Gitea, startGitea, type Version } from '../support/gitea.ts';
import { samplePost } from '../support/loopback.ts';
import { GITEA } from '../support/notifications.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { shownMarkdown } from '../support/shown-markdown.ts';
import { leaving, openSink } from '../support/sink.ts';
import { type Comment, platformContract, sampleFile } from './platform-contract.ts';

interface ShownComment {
  readonly body: string;
  readonly user: { readonly login: string };
  readonly assets: readonly { readonly name: string; readonly browser_download_url: string }[];
}

/** Reads the comments of an issue through the interface. */
async function commentsOf(gitea: Gitea, thread: string): Promise<Comment[]> {
  const shown = (await gitea.read(`/repos/${thread}/comments`)) as ShownComment[];
  const comments = shown.map(async ({ body, user, assets }) => ({
    author: user.login,
    text: shownMarkdown(body),
    files: await Promise.all(
      assets.map(async ({ name, browser_download_url: address }) => {
        const answer = await fetch(address, { headers: { authorization: `token ${gitea.token}` } });
        return { name, bytes: Buffer.from(await answer.arrayBuffer()) };
      }),
    ),
  }));
  return Promise.all(comments);
}

platformContract({
  type: 'gitea',
  start: async (scratch) => {
    const gitea = await startGitea(scratch);
    return {
      origin: gitea.server.origin,
      table: { type: 'gitea' },
      token: gitea.token,
      unfit: [() => gitea.plainToken],
      user: 'alice',
      address: 'alice@example.org',
      thread: () => Promise.resolve(gitea.issue()),
      missing: 'acme/app/issues/999',
      closed: () => Promise.resolve(gitea.issue({ isLocked: true })),
      comments: (thread) => commentsOf(gitea, thread),
      started: {
        container: 'acme/app',
        titles: async () => {
          const issues = await gitea.read('/repos/acme/app/issues');
          return (issues as { title: string }[]).map(({ title }) => title);
        },
      },
    };
  },
  postsAs: 'user',
  lacking: {
    bounced: 'its interface has no use for one',
    mostChars: 'its interface tells none',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path.endsWith('/comments'),
  uploads: (method, path) => method === 'POST' && path.includes('/assets'),
});

interface Ground {
  readonly scratch: Scratch;
  readonly gitea: Gitea;
  readonly front: Front;
  readonly sink: Sink;
}

async function startGround(t: TestContext, version: Version = {}, change: object = {}): Promise<Ground> {
  const scratch = testScratch(t);
  const gitea = await startGitea(scratch, version);
  const front = await startFront(scratch, gitea.server.origin);
  const sink = await openSink(scratch, gitea.token, { type: 'gitea', url: front.origin, ...change });
  return { scratch, gitea, front, sink };
}

const signal = (): AbortSignal => new AbortController().signal;
const replyTo = (thread: string, change = {}) => samplePost({ thread, receivedAt: Date.now(), ...change });
const isUpload = (method: string, path: string): boolean => method === 'POST' && path.includes('/assets');

describe('a comment in Gitea', () => {
  it('gets the files that an attempt before left out, each once, and is not posted again', async (t) => {
    const { gitea, front, sink } = await startGround(t);
    const attachments = ['a.txt', 'b.txt', 'b.txt', 'c.txt'].map((filename) => sampleFile({ filename }));
    const thread = gitea.issue();
    const post = replyTo(thread, { attachments });
    // The first file is there and its answer is lost; the others never came.
    front.wish({ cut: 'answer', share: 0 }, isUpload);
    assert.equal((await sink.deliver(post, signal())).kind, 'deferred');
    assert.equal(await sink.exists?.(post, signal()), true);
    const [comment, ...more] = await commentsOf(gitea, thread);
    assert.deepEqual(more, []);
    assert.deepEqual(comment?.files.map(({ name }) => name).sort(), ['a.txt', 'b.txt', 'b.txt', 'c.txt']);
    assert.equal(await sink.exists?.(post, signal()), true);
    assert.equal((await commentsOf(gitea, thread))[0]?.files.length, 4);
  });

  it('is put off, and not taken for there, while a file cannot be added to it', async (t) => {
    const { gitea, front, sink } = await startGround(t);
    const thread = gitea.issue();
    const post = replyTo(thread, { attachments: [sampleFile()] });
    front.wish({ status: 503, body: '{}' }, isUpload);
    assert.equal((await sink.deliver(post, signal())).kind, 'deferred');
    front.wish({ status: 503, body: '{}' }, isUpload);
    await assert.rejects(async () => sink.exists?.(post, signal()));
    assert.equal(await sink.exists?.(post, signal()), true);
    assert.equal((await commentsOf(gitea, thread))[0]?.files.length, 1);
  });

  it('says which file type is not allowed, whichever status the version has for it', async (t) => {
    for (const typeIsFault of [false, true]) {
      const { gitea, sink } = await startGround(t, { typeIsFault });
      const thread = gitea.issue();
      const attachments = [sampleFile({ filename: 'setup.exe' }), sampleFile({ filename: 'a.txt' })];
      const outcome = await sink.deliver(replyTo(thread, { attachments }), signal());
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      const [comment] = await commentsOf(gitea, thread);
      assert.match(comment?.text ?? '', /setup\.exe/);
      assert.deepEqual(
        comment?.files.map(({ name }) => name),
        ['a.txt'],
      );
      assert.equal(comment.author, 'alice');
    }
  });

  it('shows a picture where it stood in the mail, also after an attempt that was cut', async (t) => {
    const { gitea, front, sink } = await startGround(t);
    const thread = gitea.issue();
    const markdown = 'Look: ![a cat](cid:cat@x), ![none](cid:gone@y)';
    const body = { markdown, text: markdown, quoted: '', signature: '', cuts: [] };
    const attachments = [sampleFile({ filename: 'cat.png', contentId: 'cat@x', inline: true })];
    const post = replyTo(thread, { body, attachments });
    front.wish({ cut: 'answer', share: 0 }, isUpload);
    assert.equal((await sink.deliver(post, signal())).kind, 'deferred');
    assert.equal(await sink.exists?.(post, signal()), true);
    const [comment] = (await gitea.read(`/repos/${thread}/comments`)) as ShownComment[];
    const address = comment?.assets[0]?.browser_download_url ?? '';
    assert.ok(comment?.body.startsWith(`Look: ![a cat](${address}), none`), comment?.body);
  });

  it('is given up where a version answers a missing issue by a fault', async (t) => {
    const { sink } = await startGround(t, { missingIsFault: true });
    const post = replyTo('acme/app/issues/999');
    const outcome = await sink.deliver(post, signal());
    assert.equal(outcome.kind, 'failed', outcome.diagnostic);
    await assert.rejects(async () => sink.exists?.(post, signal()), /issue does not exist/);
  });

  it('is tried again where the fault is another', async (t) => {
    const { gitea, front, sink } = await startGround(t);
    front.wish({ status: 500, body: '{"message":"","url":""}' });
    const outcome = await sink.deliver(replyTo(gitea.issue()), signal());
    assert.equal(outcome.kind, 'deferred', outcome.diagnostic);
  });

  it('is given up in an archived repository', async (t) => {
    const { gitea, sink } = await startGround(t);
    const thread = gitea.issue();
    gitea.repository.isArchived = true;
    const outcome = await sink.deliver(replyTo(thread), signal());
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /423.*archived/);
  });

  it('goes to a pull request by any of its names', async (t) => {
    const { gitea, sink } = await startGround(t);
    const number = gitea.issue().split('/').at(-1) ?? '';
    for (const [at, kind] of ['issues', 'issue', 'pulls', 'pull'].entries()) {
      const outcome = await sink.deliver(
        replyTo(`acme/app/${kind}/${number}`, { id: `post-${at}` }),
        signal(),
      );
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    }
    for (const thread of ['acme/../issues/1', './app/issues/1', 'acme/app/issues/0', 'acme/app/releases/1']) {
      const outcome = await sink.deliver(replyTo(thread), signal());
      assert.equal(outcome.kind, 'failed');
      assert.match(outcome.diagnostic, /is not OWNER\/REPO\/issues\/N/);
    }
  });

  it('is posted under the name that the map gives', async (t) => {
    const { gitea, sink } = await startGround(t, {}, { map: { anna: 'alice' } });
    const thread = gitea.issue();
    const outcome = await sink.deliver(replyTo(thread, { user: 'anna' }), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.equal((await commentsOf(gitea, thread))[0]?.author, 'alice');
    assert.equal(await sink.findUser?.('alice@example.org', signal()), 'anna');
  });

  it('is by nobody whose name no user can have', async (t) => {
    const { gitea, sink } = await startGround(t);
    for (const user of ['mü', 'a b', 'a\r\nX: y', '']) {
      const outcome = await sink.deliver(replyTo(gitea.issue(), { user }), signal());
      assert.equal(outcome.kind, 'failed', user);
    }
  });
});

describe('an issue that a mail starts in Gitea', () => {
  const started = (change = {}) =>
    replyTo('', { thread: undefined, newThread: { container: 'acme/app', title: 'A question' }, ...change });

  it('is found again, and gets its files', async (t) => {
    const { gitea, front, sink } = await startGround(t);
    const post = started({
      attachments: [sampleFile({ filename: 'a.txt' }), sampleFile({ filename: 'b.exe' })],
    });
    assert.equal(await sink.exists?.(post, signal()), false);
    front.wish({ cut: 'answer', share: 0.5 });
    assert.equal((await sink.created?.(post, signal()))?.kind, 'deferred');
    // More issues than a page has came since.
    for (let at = 0; at < 60; at++) gitea.issue();
    assert.equal(await sink.exists?.(post, signal()), true);
    const [issue] = gitea.repository.issues;
    assert.deepEqual(
      issue?.files.map(({ name }) => name),
      ['a.txt'],
    );
    assert.match(issue.body, /b\.exe/);
    assert.equal(issue.author, 'alice');
  });

  it('has a title that fits, and a container that is one', async (t) => {
    const { gitea, sink } = await startGround(t);
    const long = { container: 'acme/app', title: 'é'.repeat(300) };
    assert.equal((await sink.created?.(started({ newThread: long }), signal()))?.kind, 'posted');
    assert.equal(gitea.repository.issues[0]?.title, 'é'.repeat(255));
    const none = { container: 'acme/app', title: '' };
    assert.equal((await sink.created?.(started({ id: 'other', newThread: none }), signal()))?.kind, 'posted');
    for (const container of ['acme', 'acme/app/x', '../app', 'acme/none', '']) {
      const outcome = await sink.created?.(started({ newThread: { container, title: 'x' } }), signal());
      assert.equal(outcome?.kind, 'failed', container);
    }
  });
});

describe('a token for Gitea', () => {
  it('that is no administrator’s, or lacks a scope, is an operator’s matter', async (t) => {
    const { scratch, gitea, front } = await startGround(t);
    for (const [which, reason] of [
      ['plainToken', /administrator/],
      ['narrowToken', /required scope/],
    ] as const) {
      const sink = await openSink(scratch, gitea[which], { type: 'gitea', url: front.origin });
      const outcome = await sink.deliver(replyTo(gitea.issue()), signal());
      assert.ok(outcome.kind === 'deferred' && outcome.broken === true, outcome.diagnostic);
      assert.match(outcome.diagnostic, reason);
      if (which === 'plainToken')
        assert.match((await sink.examine?.(signal()))?.lack?.what ?? '', /alice is no administrator/);
    }
  });

  it('finds no user who may not log in, or whose address is not confirmed', async (t) => {
    const { sink } = await startGround(t);
    assert.equal(await sink.findUser?.('barred@example.org', signal()), undefined);
    assert.equal(await sink.findUser?.('ceo@example.org', signal()), undefined);
    const names = [];
    for await (const { name } of sink.users?.(signal()) ?? []) names.push(name);
    assert.deepEqual(names, ['root', 'alice', 'mallory']);
  });
});

const recognised = (lines: readonly string[]) => recognise(leaving(lines));

function changed(field: string, line?: string): string[] {
  return GITEA.flatMap((each) =>
    each.startsWith(`${field}:`) ? (line === undefined ? [] : [line]) : [each],
  );
}

describe('a notification of Gitea', () => {
  it('is about the issue or the pull request that it names', () => {
    assert.deepEqual(recognised(GITEA), { thread: 'acme/app/issues/7', repliedTo: undefined });
    const pull = changed('Message-ID', 'Message-ID: <acme/app/pulls/7/comment/42@git.example.org>');
    assert.deepEqual(recognised(pull), { thread: 'acme/app/pulls/7', repliedTo: undefined });
    const closed = changed(
      'Message-ID',
      'Message-ID: <acme/app/issues/7/close/1795194131123@git.example.org>',
    );
    assert.deepEqual(recognised(closed), { thread: 'acme/app/issues/7', repliedTo: 1795194131123 });
    const opened = changed('Message-ID', 'Message-ID: <acme/app/issues/7@git.example.org>');
    assert.equal(recognised(opened)?.thread, 'acme/app/issues/7');
  });

  it('is known by Forgejo’s own fields', () => {
    const forgejo = GITEA.map((line) => line.replace('X-Gitea-', 'X-Forgejo-'));
    assert.equal(recognised(forgejo)?.thread, 'acme/app/issues/7');
  });

  it('is none where it names no issue, or not one alone', () => {
    const release = changed('Message-ID', 'Message-ID: <acme/app/releases/3@git.example.org>');
    const others = [
      release,
      changed('X-Gitea-Issue-ID'),
      changed('X-Gitea-Repository-Path'),
      changed('X-Gitea-Issue-ID', 'X-Gitea-Issue-ID: 8'),
      changed('X-Gitea-Repository-Path', 'X-Gitea-Repository-Path: acme/other'),
      changed('Message-ID', 'Message-ID: <1795194131.1234@git.example.org>'),
      [...GITEA, 'X-Gitea-Issue-ID: 8'],
      [...GITEA, 'Message-ID: <acme/app/issues/8@git.example.org>'],
    ];
    for (const lines of others) assert.equal(recognised(lines), undefined, lines.join('\n'));
  });
});
