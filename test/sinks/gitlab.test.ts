// The gitlab sink against a server that is held to GitLab's published interface, and what it recognises.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { recognise } from '../../src/sinks/gitlab/recognise.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Front, startFront } from '../support/front.ts';
import { type Gitlab, startGitlab } from '../support/gitlab.ts';
import { samplePost } from '../support/loopback.ts';
import { GITLAB } from '../support/notifications.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { shownMarkdown } from '../support/shown-markdown.ts';
import { leaving, openSink } from '../support/sink.ts';
import { type Comment, platformContract, sampleFile } from './platform-contract.ts';

/** Reads the notes of a thread, and the files that they link to. */
async function commentsOf(gitlab: Gitlab, thread: string): Promise<Comment[]> {
  return (await gitlab.notes(thread)).map(({ body, author }) => ({
    author: author.username,
    text: shownMarkdown(body),
    files: Array.from(body.matchAll(/\]\((\/uploads\/[^)]+)\)/g), ([, address = '']) => {
      const file = gitlab.uploaded(address);
      assert.ok(file, address);
      return file;
    }),
  }));
}

platformContract({
  type: 'gitlab',
  start: async (scratch) => {
    const gitlab = await startGitlab(scratch);
    return {
      origin: gitlab.server.origin,
      table: { type: 'gitlab' },
      token: gitlab.token,
      unfit: [() => gitlab.narrowToken],
      user: 'alice',
      address: 'alice@example.org',
      thread: () => Promise.resolve(gitlab.noteable()),
      missing: 'acme/tools/app/issues/999',
      closed: () => Promise.resolve(gitlab.noteable('issues', { isLocked: true })),
      comments: (thread) => commentsOf(gitlab, thread),
      started: {
        container: 'acme/tools/app',
        titles: () => Promise.resolve(gitlab.noteables.map(({ title }) => title)),
      },
    };
  },
  postsAs: 'user',
  lacking: {
    bounced: 'its interface has no use for one',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path.endsWith('/notes'),
  uploads: (method, path) => method === 'POST' && path.endsWith('/uploads'),
  mostChars: 1_000_000,
});

interface Ground {
  readonly scratch: Scratch;
  readonly gitlab: Gitlab;
  readonly front: Front;
  readonly sink: Sink;
}

async function startGround(t: TestContext, change: Record<string, unknown> = {}): Promise<Ground> {
  const scratch = testScratch(t);
  const gitlab = await startGitlab(scratch);
  const front = await startFront(scratch, gitlab.server.origin);
  const sink = await openSink(scratch, gitlab.token, { type: 'gitlab', url: front.origin, ...change });
  return { scratch, gitlab, front, sink };
}

const signal = (): AbortSignal => new AbortController().signal;
const replyTo = (thread: string, change = {}) => samplePost({ thread, receivedAt: Date.now(), ...change });
const typed = (markdown: string) => ({
  body: { markdown, text: markdown, quoted: '', signature: '', cuts: [] },
});

describe('a note in GitLab', () => {
  it('is a note where it is an emoji alone, or looks like quick actions', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const texts = [':tada:', '👍', '/close', '/close\n/label ~bug', '> /close\n\n/merge'];
    for (const [at, text] of texts.entries()) {
      const thread = gitlab.noteable();
      const outcome = await sink.deliver(replyTo(thread, { id: `post-${at}`, ...typed(text) }), signal());
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      assert.equal(outcome.status, 201);
      assert.equal((await gitlab.notes(thread)).length, 1, text);
    }
  });

  it('lets an emoji stay one for all who see it', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const thread = gitlab.noteable();
    await sink.deliver(replyTo(thread, typed(':tada:')), signal());
    assert.equal((await commentsOf(gitlab, thread))[0]?.text, ':tada:');
  });

  it('tells nobody by @all, and whom it names by their names', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const thread = gitlab.noteable();
    await sink.deliver(replyTo(thread, typed('@all and @ALL, @bob and @allison')), signal());
    const [note] = await gitlab.notes(thread);
    assert.doesNotMatch(note?.body ?? '', /@all\b(?!ison)/i);
    assert.match(note?.body ?? '', /@bob and @allison/);
  });

  it('goes to a merge request too, and to a work item as the issue that it is', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const request = gitlab.noteable('merge_requests');
    gitlab.noteable();
    const threads = [
      [request, request],
      ['acme/tools/app/-/merge_requests/1', request],
      ['acme/tools/app/merge_request/1', request],
      ['acme/tools/app/issue/1', 'acme/tools/app/issues/1'],
      ['acme/tools/app/-/work_items/1', 'acme/tools/app/issues/1'],
    ] as const;
    for (const [at, [thread, there]] of threads.entries()) {
      const before = (await gitlab.notes(there)).length;
      const outcome = await sink.deliver(replyTo(thread, { id: `post-${at}` }), signal());
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      assert.equal((await gitlab.notes(there)).length, before + 1, thread);
    }
    for (const thread of ['app/issues/1', 'acme/../app/issues/1', 'acme/app/epics/1', 'acme/app/issues/x']) {
      const outcome = await sink.deliver(replyTo(thread), signal());
      assert.equal(outcome.kind, 'failed');
      assert.match(outcome.diagnostic, /is neither GROUP\/PROJECT\/issues\/N nor/);
    }
  });

  it('shows a picture where it stood in the mail, and links to the other files below', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const thread = gitlab.noteable();
    const attachments = [
      sampleFile({ filename: 'cat.png', contentId: 'cat@x' }),
      sampleFile({ filename: 'b.txt' }),
    ];
    const text = typed('Look: ![a cat](cid:cat@x), ![none](cid:gone@y)');
    await sink.deliver(replyTo(thread, { ...text, attachments }), signal());
    const [note] = await gitlab.notes(thread);
    assert.match(
      note?.body ?? '',
      /^Look: !\[a cat\]\(\/uploads\/\d+\/cat\.png\), none\n\n\[b\.txt\]\(\/uploads\/\d+\/b\.txt\)\n\n<!-- mailgw:/,
    );
  });

  it('waits where the user has made too many, though the header does not say how long', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const thread = gitlab.noteable();
    gitlab.notesLeft = 0;
    const outcome = await sink.deliver(replyTo(thread), signal());
    assert.ok(outcome.kind === 'deferred' && outcome.broken !== true, outcome.diagnostic);
    gitlab.notesLeft = 1;
    assert.equal((await sink.deliver(replyTo(thread), signal())).kind, 'posted');
  });

  it('is found behind many others, and not before the hour in which it came', async (t) => {
    const { gitlab, front, sink } = await startGround(t);
    const thread = gitlab.noteable();
    const post = replyTo(thread);
    await sink.deliver(post, signal());
    for (let at = 0; at < 45; at++) await sink.deliver(replyTo(thread, { id: `later-${at}` }), signal());
    assert.equal(await sink.exists?.(post, signal()), true);
    front.clear();
    const later = replyTo(thread, { id: 'never-posted', receivedAt: Date.now() + 3 * 3600 * 1000 });
    assert.equal(await sink.exists?.(later, signal()), false);
    assert.equal(front.passed.length, 1);
  });

  it('is by nobody whose name would be the number of another user', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const thread = gitlab.noteable();
    for (const user of ['1', '2', 'é', '']) {
      const outcome = await sink.deliver(replyTo(thread, { user }), signal());
      assert.equal(outcome.kind, 'failed', user);
    }
    assert.deepEqual(await gitlab.notes(thread), []);
  });

  it('hands no file over for a text that is too long', async (t) => {
    const { gitlab, front, sink } = await startGround(t);
    const attachments = [sampleFile()];
    const post = replyTo(gitlab.noteable(), { ...typed('x'.repeat(1_000_000)), attachments });
    assert.equal((await sink.deliver(post, signal())).kind, 'failed');
    assert.deepEqual(front.passed, []);
  });
});

describe('a reply to an internal note in GitLab', () => {
  const isNote = (method: string, path: string): boolean => method === 'POST' && path.endsWith('/notes');

  it('is internal as well, in the discussion of the note', async (t) => {
    for (const kind of ['issues', 'merge_requests'] as const) {
      const { gitlab, front, sink } = await startGround(t);
      const thread = gitlab.noteable(kind);
      const { discussion } = gitlab.say(thread, true);
      const post = replyTo(thread + discussion);
      front.wish({ cut: 'answer', share: 0.5 }, isNote);
      assert.equal((await sink.deliver(post, signal())).kind, 'deferred');
      assert.equal(await sink.exists?.(post, signal()), true);
      const [, note, ...more] = await gitlab.notes(thread);
      assert.equal(note?.internal, true);
      assert.equal(note.author.username, 'alice');
      assert.equal(more.length, 0);
    }
  });

  it('is refused where only the note is known, before a file is handed over', async (t) => {
    const { gitlab, front, sink } = await startGround(t);
    const thread = gitlab.noteable();
    const { note } = gitlab.say(thread, true);
    const outcome = await sink.deliver(replyTo(thread + note, { attachments: [sampleFile()] }), signal());
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /answers an internal note.*answer it in GitLab/);
    assert.ok(front.passed.every(({ method }) => method === 'GET'));
  });

  it('is refused where its author may not see the note any more, or it is gone', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const thread = gitlab.noteable();
    const { note, discussion } = gitlab.say(thread, true);
    const gone = [`/notes/4711`, `/discussions/${'0'.repeat(40)}`];
    const replies = [
      ...[note, discussion].map((answered) => replyTo(thread + answered, { user: 'mallory' })),
      ...gone.map((answered) => replyTo(thread + answered)),
    ];
    for (const reply of replies) {
      const outcome = await sink.deliver(reply, signal());
      assert.equal(outcome.kind, 'failed', reply.thread);
      assert.match(outcome.diagnostic, /404/);
    }
    assert.equal((await gitlab.notes(thread)).length, 1);
  });

  it('is known by the older word too, and not made while GitLab does not say', async (t) => {
    const { gitlab, front, sink } = await startGround(t);
    const thread = gitlab.noteable();
    const { note } = gitlab.say(thread);
    const answers = [
      { status: 200, body: '{"id":101,"confidential":true}', kind: 'failed' },
      { status: 200, body: '{"message":"something else"}', kind: 'deferred' },
      { status: 503, body: '{}', kind: 'deferred' },
    ];
    for (const { kind, ...answer } of answers) {
      front.wish(answer, (_, path) => path.includes(note));
      assert.equal((await sink.deliver(replyTo(thread + note), signal())).kind, kind, answer.body);
    }
    assert.equal((await gitlab.notes(thread)).length, 1);
  });
});

describe('a reply to a note for all in GitLab', () => {
  it('is one too, wherever it was answered', async (t) => {
    const { gitlab, sink } = await startGround(t);
    const thread = gitlab.noteable();
    const { note, discussion } = gitlab.say(thread);
    for (const [at, answered] of [note, discussion].entries())
      await sink.deliver(replyTo(thread + answered, { id: `post-${at}`, user: 'mallory' }), signal());
    const internals = (await gitlab.notes(thread)).map(({ internal }) => internal);
    assert.deepEqual(internals, [false, false, false]);
  });
});

describe('an issue that a mail starts in GitLab', () => {
  it('is found again by its mark', async (t) => {
    const { gitlab, front, sink } = await startGround(t);
    const newThread = { container: 'acme/tools/app', title: 'é'.repeat(300) };
    const post = replyTo('', {
      thread: undefined,
      newThread,
      attachments: [sampleFile({ filename: 'a.txt' })],
    });
    assert.equal(await sink.exists?.(post, signal()), false);
    front.wish({ cut: 'answer', share: 0.5 }, (_, path) => path.endsWith('/issues'));
    assert.equal((await sink.created?.(post, signal()))?.kind, 'deferred');
    for (let at = 0; at < 30; at++) gitlab.noteable();
    assert.equal(await sink.exists?.(post, signal()), true);
    const [issue] = gitlab.noteables;
    assert.equal(issue?.author, 'alice');
    assert.equal(issue.title.length, 255);
    assert.match(issue.description, /\[a\.txt\]\(\/uploads\//);
    for (const container of ['app', 'acme/none', '../app', 'acme/app/-', '']) {
      const outcome = await sink.created?.(
        replyTo('', { thread: undefined, newThread: { container, title: 'x' } }),
        signal(),
      );
      assert.equal(outcome?.kind, 'failed', container);
    }
  });
});

describe('a token for GitLab', () => {
  it('that is no administrator’s, or may not act as others, is an operator’s matter', async (t) => {
    const { scratch, gitlab, front } = await startGround(t);
    for (const [which, lack] of [
      ['plainToken', /alice is no administrator/],
      ['narrowToken', /lacks the scope sudo/],
    ] as const) {
      const sink = await openSink(scratch, gitlab[which], { type: 'gitlab', url: front.origin });
      const outcome = await sink.deliver(replyTo(gitlab.noteable()), signal());
      assert.ok(outcome.kind === 'deferred' && outcome.broken === true, outcome.diagnostic);
      assert.match((await sink.examine?.(signal()))?.lack?.what ?? '', lack);
    }
  });

  it('names the active user of a confirmed address, the first or another', async (t) => {
    const { sink } = await startGround(t, { map: { anna: 'alice' } });
    assert.equal(await sink.findUser?.('al@example.net', signal()), 'anna');
    for (const address of ['ceo@example.org', 'gone@example.org', 'boss@example.org', 'alice', 'example.org'])
      assert.equal(await sink.findUser?.(address, signal()), undefined, address);
    const users = [];
    for await (const { name, addresses } of sink.users?.(signal()) ?? []) users.push([name, ...addresses]);
    assert.deepEqual(users, [['root', 'root@example.org'], ['anna', 'alice@example.org'], ['mallory']]);
  });

  it('lists all users, also beyond what GitLab gives by the number of a page', async (t) => {
    const { gitlab, sink } = await startGround(t);
    gitlab.populate(60);
    const names = async (): Promise<string[]> => {
      const found = [];
      for await (const { name } of sink.users?.(signal()) ?? []) found.push(name);
      return found;
    };
    gitlab.mostByPage = 40;
    const all = await names();
    assert.equal(all.length, 63);
    assert.equal(new Set(all).size, 63);
    // An older one has no end to its pages.
    gitlab.mostByPage = Infinity;
    for (const cursors of ['unknown', 'refused'] as const) {
      gitlab.cursors = cursors;
      assert.deepEqual(await names(), all, cursors);
    }
  });
});

const recognised = (lines: readonly string[]) => recognise(leaving(lines));
const changed = (field: string, ...lines: string[]): string[] =>
  GITLAB.flatMap((each) => (each.startsWith(`${field}:`) ? lines : [each]));

describe('a notification of GitLab', () => {
  const DISCUSSION = '6a9c1750b37d513a43987b574953fceb50b03ce7';

  it('names the discussion that its note is in, or the note, and else the issue alone', () => {
    const inDiscussion = `acme/tools/app/issues/7/discussions/${DISCUSSION}`;
    assert.equal(recognised(GITLAB)?.thread, inDiscussion);
    const alone = changed('X-GitLab-Discussion-ID');
    assert.equal(recognised(alone)?.thread, 'acme/tools/app/issues/7/notes/42');
    for (const kind of ['discussion_', 'diff_', 'legacy_diff_'])
      assert.equal(
        recognised(alone.map((line) => line.replace('<note_', `<${kind}note_`)))?.thread,
        'acme/tools/app/issues/7/notes/42',
      );
    for (const id of ['<issue_1007@gitlab.example.org>', `<${'0f'.repeat(16)}@gitlab.example.org>`])
      assert.equal(recognised([`Message-ID: ${id}`, ...alone.slice(1)])?.thread, 'acme/tools/app/issues/7');
  });

  it('is about the issue or the merge request that it names', () => {
    assert.deepEqual(recognised(GITLAB), {
      thread: `acme/tools/app/issues/7/discussions/${DISCUSSION}`,
      repliedTo: undefined,
    });
    const request = GITLAB.filter((line) => !line.includes('Confidential')).map((line) =>
      line.replace('X-GitLab-Issue-', 'X-GitLab-MergeRequest-'),
    );
    assert.deepEqual(recognised(request), {
      thread: `acme/tools/app/merge_requests/7/discussions/${DISCUSSION}`,
      repliedTo: undefined,
    });
  });

  it('is left alone where it is confidential, about something else, or not clear', () => {
    const others = [
      changed('X-GitLab-ConfidentialIssue', 'X-GitLab-ConfidentialIssue: true'),
      changed('X-GitLab-Issue-IID'),
      changed('X-GitLab-Issue-ID'),
      changed('X-GitLab-Project-Path'),
      changed('X-GitLab-Project-Path', 'X-GitLab-Project-Path: app'),
      [...GITLAB, 'X-GitLab-MergeRequest-ID: 3', 'X-GitLab-MergeRequest-IID: 3'],
      [...GITLAB, 'X-GitLab-Pipeline-Id: 3'],
      [...GITLAB, 'X-GitLab-Issue-IID: 8'],
      changed('X-GitLab-Issue-IID', 'X-GitLab-Epic-IID: 7'),
    ];
    for (const lines of others) assert.equal(recognised(lines), undefined, lines.join('\n'));
  });

  it('is not one of Gitea, which writes some of the same fields', () => {
    const lines = ['X-GitLab-Project: app', 'X-GitLab-Project-Path: acme/app', 'X-GitLab-Issue-IID: 7'];
    assert.equal(recognised(['Message-ID: <acme/app/issues/7@git.example.org>', ...lines]), undefined);
  });
});
