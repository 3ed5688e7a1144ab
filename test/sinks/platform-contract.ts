// What the sink of a platform promises, against the real platform or a server that is held to its published interface.
//
// Contract: the test of a platform's sink calls `platformContract` once. Every request goes through a front, which cuts
// connections and answers in the platform's place. What became of a post is read through the platform's own interface.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import { scanHeader } from '../../src/mail/header.ts';
import type { Post, PostAttachment } from '../../src/reply/post.ts';
import { loadSink, previewPost, settingsOf } from '../../src/sinks/catalogue.ts';
import { NoPost } from '../../src/sinks/no-post.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import type { SinkTable } from '../../src/sinks/sink-kind.ts';
import { type Fits, type Front, type Passed, startFront, type Wish } from '../support/front.ts';
import { samplePost } from '../support/loopback.ts';
import { NOTIFICATIONS } from '../support/notifications.ts';
import { roundsOf } from '../support/rounds.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { type Delivered, deliverThroughCuts } from './cuts.ts';
import { assertPageSays, type Lacking } from './lacking.ts';
import { assertDoctorTells, type Unfit } from './told-problems.ts';

/** A comment as the platform shows it. */
export interface Comment {
  readonly author: string;
  /** The text as people read it: without the marks of its dialect, without what nobody sees. */
  readonly text: string;
  readonly files: readonly { readonly name: string; readonly bytes: Buffer }[];
}

/** A platform that runs. */
export interface RunningPlatform {
  readonly origin: string;
  /** The `[sink]` table without `url` and `token_file`. */
  readonly table: Readonly<Record<string, unknown>>;
  /** What stands in the file of `token_file`. */
  readonly token: string;
  /** A user who may comment, and their mail address. */
  readonly user: string;
  readonly address: string;
  /** Keys that are not fit, one for each problem that the page shows (told-problems.ts). */
  readonly unfit: readonly Unfit[];
  /** Somebody whose posts are made with the key of `token_file`, where `user` has one of their own. */
  readonly keyed?: string;
  /** Makes a thread that takes comments; its locator. */
  thread(): Promise<string>;
  /** A thread that was never there. */
  readonly missing: string;
  /** Makes a thread that takes no comments; undefined where the platform has none. */
  readonly closed?: () => Promise<string>;
  /** Reads the comments of a thread, in order, through the platform's own interface. */
  comments(thread: string): Promise<readonly Comment[]>;
  /** Reads the threads of a container by their titles; undefined where no thread can be started. */
  readonly started?: { readonly container: string; titles(): Promise<readonly string[]> };
}

/** A platform under contract. */
export interface PlatformUnderContract {
  readonly type: string;
  readonly skip?: string | false;
  readonly start: (scratch: Scratch) => Promise<RunningPlatform>;
  /** Who a comment is by: the user of the post, or the account of the key with a line that names the user. */
  readonly postsAs: 'user' | 'bot';
  /** The comments of 200 posts whose connections were cut, beyond one each: none, or so many at most. */
  readonly mostDoubles: number;
  /** Tells the request that makes a comment, and the one that hands a file over; undefined where files go with the comment, or nowhere. */
  readonly posts: Fits;
  readonly uploads?: Fits | undefined;
  /** Characters beyond which a text is too long; undefined where `lacking` says why. */
  readonly mostChars?: number;
  /** Settings of its own that change what is sent. */
  readonly alsoPreviewed?: readonly object[];
  /** What the platform has not, and why: the page says the same, and all else is tested. */
  readonly lacking: Lacking;
}

const signal = (): AbortSignal => new AbortController().signal;

/** A file of a post. */
export function sampleFile(change: Partial<PostAttachment> = {}): PostAttachment {
  const content = Buffer.from('eins\nzwei\n\0\xff', 'latin1');
  return {
    filename: 'Übersicht 1.txt',
    contentType: 'text/plain',
    declaredType: 'text/plain',
    bytes: content.length,
    sha256: '',
    inline: false,
    contentId: undefined,
    content: Uint8Array.from(content),
    ...change,
  };
}

/** Texts that a dialect could take for something else, as people type them; each comes out as it is read here. */
export const TYPED: readonly string[] = [
  'Fine by me 👍, see you *then*?',
  'a < b && c > d; "quoted" & \'single\' — 100 %',
  'Two lines\nof one paragraph.\n\nAnd another.',
  'h1. no title\nbq. no quote\n|no|table|',
  'snake_case_name and 2*3*4, -minus-, +plus+, ~tilde~, ^up^, %x%, @code@',
  '<script>alert(1)</script> <b>not bold</b>',
  '{{toc}} [[Wiki]] !image.png! "link":http://example.com/',
  'http://example.com/a_b_c?x=1&y=2#z',
];

/** Holds a sink to its promises. */
export function platformContract(under: PlatformUnderContract): void {
  describe(`${under.type} as a sink`, { skip: under.skip ?? false }, () => {
    const scratch = suiteScratch();
    const on = {} as Ground;
    before(async () => {
      const platform = await under.start(scratch);
      const front = await startFront(scratch, platform.origin);
      const token = scratch.path('token');
      writeFileSync(token, `${platform.token}\n`, { mode: 0o600 });
      const wrong = scratch.path('wrong-token');
      writeFileSync(wrong, `${platform.token.replace(/[a-z0-9]/gi, (c) => (c === 'x' ? 'y' : 'x'))}\n`, {
        mode: 0o600,
      });
      Object.assign(on, { scratch, platform, front, token, wrong });
    });
    after(() => scratch.close());
    it('says on the page what it has not', () => {
      assertPageSays(under.type, under.lacking);
    });
    postTests(under, on);
    previewTests(under, on);
    cutTests(under, on);
    answerTests(under, on);
    unsaidTests(under, on);
    unsaidStartTests(on);
    refusalTests(under, on);
    askingTests(under, on);
    userTests(under, on);
    recognitionTests(under, on);
    it('is told by doctor as on the page, where its key is not fit', async () => {
      on.front.clear();
      const { unfit } = on.platform;
      await assertDoctorTells(on.scratch, tableOf(on), {
        unfit,
        wrong: readFileSync(on.wrong, 'utf8').trim(),
      });
    });
  });
}

interface Ground {
  readonly scratch: Scratch;
  readonly platform: RunningPlatform;
  readonly front: Front;
  readonly token: string;
  readonly wrong: string;
}

function tableOf({ platform, front, token }: Ground, change: object = {}): SinkTable {
  return { ...platform.table, url: front.origin, token_file: token, ...change };
}

async function open(on: Ground, change: object = {}): Promise<Sink> {
  const { scratch, front } = on;
  front.clear();
  const table = tableOf(on, change);
  // The clock of the world: some platforms are asked for what is new since the reply came.
  const loaded = await loadSink(table, { now: Date.now, readSecretFile, readSecretText });
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join('; '));
  scratch.defer(() => loaded.sink.close());
  return loaded.sink;
}

/** Somebody who is no user of the platform by that name. */
const OTHER = 'somebody.else';

/** Settings under which a preview has to be what is sent: as the platform comes, and all that a site may have otherwise. */
function settingsToPreview(under: PlatformUnderContract, { platform }: Ground): readonly object[] {
  const all = (what: string) => ({ mentions: what, references: what, commands: what, closing: what });
  const table: SinkTable = { ...platform.table };
  const { user } = platform;
  const map = table.map as Readonly<Record<string, string>> | undefined;
  const settings = settingsOf(table) ?? {};
  return [
    {},
    all('inert'),
    all('live'),
    { map: { ...map, [OTHER]: map?.[user] ?? user } },
    ...['Sent by {user}, on paper:', ''].flatMap((attribution) =>
      'attribution' in settings ? [{ attribution }] : [],
    ),
    ...(under.alsoPreviewed ?? []),
  ];
}

/** A text on which platforms act in every way that a setting decides of. */
const ACTED_UPON = 'Ask @bob about #1, fixes #2.\n\n/close\n\nOr <b> and @here, *please*.';

function previewTests(under: PlatformUnderContract, on: Ground): void {
  const { mostChars } = under;
  it('shows beforehand what it then sends, whatever the settings, and reads no secret for it', async () => {
    for (const change of settingsToPreview(under, on)) {
      const sink = await open(on, change);
      const thread = await on.platform.thread();
      const user = 'map' in change ? OTHER : on.platform.user;
      const reply = postOf(on, { thread, user }, ACTED_UPON);
      await shownAndSent(on, change, reply, sink.deliver.bind(sink));
      const { started } = on.platform;
      if (started === undefined) continue;
      const newThread = { container: started.container, title: `About @bob and #1, ${Date.now()}` };
      const beginning = postOf(on, { thread: undefined, newThread, user }, ACTED_UPON);
      await shownAndSent(on, change, beginning, (post, given) => sink.created!(post, given));
    }
  });

  if (mostChars !== undefined)
    it('says beforehand that a text is too long', async () => {
      const long = postOf(on, { thread: on.platform.missing }, 'x'.repeat(mostChars + 1));
      const shown = await previewPost(tableOf(on), long);
      assert.equal(shown.body, null);
      assert.match(String(shown.fields.refused), new RegExp(String(mostChars)));
    });
}

/** Holds what is shown of a post against the request that makes it: the last one that is no mere question. */
async function shownAndSent(on: Ground, change: object, post: Post, send: Sink['deliver']): Promise<void> {
  const shown = await previewPost(tableOf(on, { ...change, token_file: '/nowhere/to/be/read' }), post);
  on.front.clear();
  const outcome = await send(post, signal());
  assert.equal(outcome.kind, 'posted', `${JSON.stringify(change)}: ${outcome.diagnostic}`);
  const sent = on.front.passed.findLast(({ method }) => method !== 'GET');
  assert.ok(sent !== undefined);
  const body = bodyIn(sent);
  assert.deepEqual(partLike(body, shown.body), shown.body, JSON.stringify(change));
  for (const [name, value] of Object.entries(shown.fields))
    assert.equal(sent.headers[name.toLowerCase()] ?? value, value, name);
}

function bodyIn({ headers, body }: Passed): unknown {
  const text = body.toString('utf8');
  return headers['content-type']?.startsWith('application/json') === true
    ? JSON.parse(text)
    : Object.fromEntries(new URLSearchParams(text));
}

/** Gives of a value what another one has: a preview does not know what the platform is asked for first. */
function partLike(value: unknown, like: unknown): unknown {
  const isTable = (each: unknown): each is Record<string, unknown> =>
    typeof each === 'object' && each !== null && !Array.isArray(each);
  if (!isTable(value) || !isTable(like)) return value;
  return Object.fromEntries(Object.keys(like).map((key) => [key, partLike(value[key], like[key])]));
}

let made = 0;

/** A post of this moment, with an id and a text of its own. */
function postOf({ platform }: Ground, change: Partial<Post> = {}, markdown?: string): Post {
  made += 1;
  const text = markdown ?? `Reply number ${made}.`;
  return samplePost({
    id: `01K${String(made).padStart(8, '0')}-${process.pid}`,
    user: platform.user,
    receivedAt: Date.now(),
    repliedToAt: Date.now() - 60_000,
    body: { markdown: text, text, quoted: '', signature: '', cuts: [] },
    ...change,
  });
}

/** Delivers as the queue does: an attempt after one that was put off asks first whether the post is there. */
async function deliverOnce(
  sink: Sink,
  post: Post,
  send = (given: Post): Promise<Outcome> => sink.deliver(given, signal()),
): Promise<Delivered> {
  for (let attempts = 1; attempts <= 10; attempts++) {
    try {
      if (attempts > 1 && (await sink.exists?.(post, signal())) === true) return { attempts, wasThere: true };
      const outcome = await send(post);
      if (outcome.kind === 'posted') return { attempts, wasThere: false };
      assert.equal(outcome.kind, 'deferred', outcome.diagnostic);
    } catch (error) {
      assert.ok(error instanceof NoPost, String(error));
      assert.equal(error.outcome.kind, 'deferred', error.outcome.diagnostic);
    }
  }
  throw new Error('ten attempts');
}

function postTests(under: PlatformUnderContract, on: Ground): void {
  const { postsAs, lacking } = under;
  it('posts into the thread what was typed, by its author', async () => {
    const sink = await open(on);
    const thread = await on.platform.thread();
    for (const [at, typed] of TYPED.entries()) {
      const outcome = await sink.deliver(postOf(on, { thread }, escaped(typed)), signal());
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      const { author, text } = (await on.platform.comments(thread))[at]!;
      if (postsAs === 'user') assert.equal(author, on.platform.user);
      else assert.ok(text.split('\n')[0]?.includes(on.platform.user), text);
      const body = postsAs === 'user' ? text : text.split('\n').slice(1).join('\n');
      assert.equal(words(body), words(typed));
    }
  });

  it('brings attachments, or says that they are not taken', async () => {
    const sink = await open(on);
    const thread = await on.platform.thread();
    const files = [sampleFile(), sampleFile({ filename: 'b.bin', contentType: 'application/octet-stream' })];
    const bytes = files.map(({ content }) => Buffer.from(content));
    const outcome = await sink.deliver(postOf(on, { thread, attachments: files }), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    const [comment] = await on.platform.comments(thread);
    if (lacking.files === undefined)
      assert.deepEqual(
        comment?.files.map((file) => file.bytes),
        bytes,
      );
    else for (const { filename } of files) assert.ok(comment?.text.includes(filename), comment?.text);
  });

  startTests(under, on);
}

/** Threads that a mail starts: the answer is lost at first, and the one that is there is found. */
function startTests({ lacking, uploads }: PlatformUnderContract, on: Ground): void {
  const isStart: Fits = (method, path) => method !== 'GET' && uploads?.(method, path) !== true;
  it('starts a thread once, whatever is cut, or says that it starts none', async () => {
    const sink = await open(on);
    const { started } = on.platform;
    assert.equal(started === undefined, lacking.created !== undefined);
    assert.equal(sink.created === undefined, started === undefined);
    if (started === undefined) return;
    for (const cut of ['request', 'unheard', 'answer head', 'answer'] as const) {
      const title = `A question ${Date.now()} ${cut}`;
      const post = postOf(on, { thread: undefined, newThread: { container: started.container, title } });
      on.front.clear();
      on.front.wish({ cut, share: cut === 'answer' ? 1 : 0.5 }, isStart);
      await deliverOnce(sink, post, (given) => sink.created!(given, signal()));
      on.front.clear();
      const titles: readonly string[] = await started.titles();
      assert.equal(titles.filter((each) => each === title).length, 1, cut);
    }
  });
}

/** Escapes a text for Markdown as the parser does for the text of HTML mail: what was typed is what is read. */
function escaped(typed: string): string {
  return typed
    .split('\n')
    .map((line) =>
      line
        .split(/(https?:\/\/\S+)/)
        .map((part, at) => (at % 2 === 1 ? part : part.replace(/[\\`*_{}[\]<>#+\-|~&!]/g, '\\$&')))
        .join(''),
    )
    .join('\n')
    .replace(/(?<!\n)\n(?!\n)/g, '  \n');
}

/** A text as it is read: its words, however lines and blanks fall, and without what nobody sees. */
export function words(text: string): string {
  return text
    .replace(/[\u2060\u200b\ufeff]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Cuts of chance (cuts.ts); every fifth reply has a file, where the platform takes files. */
function cutTests({ mostDoubles, posts, lacking }: PlatformUnderContract, on: Ground): void {
  it(`posts each of 200 replies whose connections are cut, ${mostDoubles} of them twice at most`, async (t) => {
    const sink = await open(on);
    const thread = await on.platform.thread();
    const replies: Post[] = [];
    const { doubled } = await deliverThroughCuts(t, {
      front: on.front,
      posts,
      rounds: roundsOf(200),
      deliver: (round) => {
        const attachments = lacking.files === undefined && round % 5 === 0 ? [sampleFile()] : [];
        const reply = postOf(on, { thread, attachments });
        replies.push(reply);
        return deliverOnce(sink, reply);
      },
      count: async () => countEach(replies, await on.platform.comments(thread)),
    });
    assert.ok(doubled <= mostDoubles, `${doubled} doubles`);
  });
}

/** Counts how often each reply stands among the comments, each with its files; a comment that is none of them is a fault. */
function countEach(replies: readonly Post[], comments: readonly Comment[]): number[] {
  const shown = comments.map(({ text, files }) => ({ lines: text.split('\n').map(words), files }));
  const counts = replies.map(({ body, attachments }) => {
    const found = shown.filter(({ lines }) => lines.includes(words(body.text)));
    for (const { files } of found) assert.equal(files.length, attachments.length, `files of ${body.text}`);
    return found.length;
  });
  const known = new Set(replies.map(({ body }) => words(body.text)));
  const strange = shown.find(({ lines }) => !lines.some((line) => known.has(line)));
  assert.equal(strange, undefined, 'a comment that nobody wrote');
  return counts;
}

function answerTests({ posts }: PlatformUnderContract, on: Ground): void {
  const outcomeOf = async (...wishes: Wish[]): Promise<Outcome[]> => {
    const sink = await open(on);
    const thread = await on.platform.thread();
    const outcomes: Outcome[] = [];
    for (const wish of wishes) {
      on.front.clear();
      on.front.wish(wish, posts);
      outcomes.push(await sink.deliver(postOf(on, { thread }), signal()));
    }
    return outcomes;
  };

  it('tries again later what the platform cannot take now, and blames nobody', async () => {
    const statuses = [408, 429, 500, 502, 503, 504];
    const outcomes = await outcomeOf(...statuses.map((status) => ({ status, body: '{}' })));
    for (const [at, outcome] of outcomes.entries()) {
      assert.equal(outcome.kind, 'deferred', `${statuses[at]}: ${outcome.diagnostic}`);
      assert.ok(!('broken' in outcome && outcome.broken === true), outcome.diagnostic);
    }
  });

  it('leaves the platform alone for as long as its limit asks', async () => {
    const inAMinute = Math.floor(Date.now() / 1000) + 60;
    const fields: Record<string, string>[] = [
      { 'retry-after': '60' },
      { 'ratelimit-remaining': '0', 'ratelimit-reset': '60' },
      { 'ratelimit-remaining': '0', 'ratelimit-reset': String(inAMinute) },
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(inAMinute * 1000) },
      { ratelimit: '"default";r=0;t=60' },
    ];
    const outcomes = await outcomeOf(...fields.map((headers) => ({ status: 429, headers, body: '{}' })));
    for (const outcome of outcomes) {
      const ms = outcome.kind === 'deferred' ? (outcome.retryAfterMs ?? 0) : 0;
      assert.ok(ms > 50_000 && ms <= 61_000, `${ms}: ${outcome.diagnostic}`);
    }
  });

  it('takes no page for people for an answer, and follows no redirect', async () => {
    const page = '<!DOCTYPE html><html><body>Please log in</body></html>';
    const headers = { 'content-type': 'text/html' };
    const outcomes = await outcomeOf(
      { status: 200, headers, body: page },
      { status: 404, headers, body: page },
      { status: 302, headers: { location: '/login' }, body: '' },
    );
    for (const outcome of outcomes) {
      assert.equal(outcome.kind, 'deferred', outcome.diagnostic);
      assert.ok('broken' in outcome && outcome.broken === true, outcome.diagnostic);
    }
  });
}

/** Gives files anew: a sink may take their memory over. */
function copies(files: readonly PostAttachment[]): PostAttachment[] {
  return files.map((file) => ({ ...file, content: Uint8Array.from(file.content) }));
}

/** Answers that say neither yes nor no, to each request that a reply takes: it is never given up, and never taken for posted. */
function unsaidTests({ lacking }: PlatformUnderContract, on: Ground): void {
  it('gives no reply up, and loses none, for an answer that does not say what was asked', async () => {
    const sink = await open(on);
    const thread = await on.platform.thread();
    const attachments = lacking.files === undefined ? [sampleFile()] : [];
    const first = postOf(on, { thread, attachments: copies(attachments) });
    assert.equal((await sink.deliver(first, signal())).kind, 'posted');
    const requests = on.front.passed.length;
    const posted = [first];
    for (let at = 0; at < requests; at++)
      for (const wish of UNSAID.filter(({ blames }) => blames !== true)) {
        const post = postOf(on, { thread, attachments: copies(attachments) });
        on.front.clear();
        let seen = 0;
        on.front.wish(wish.wish, () => seen++ === at);
        const outcome = await sink.deliver(post, signal());
        const what = `request ${at}, ${JSON.stringify(wish.wish)}: ${outcome.diagnostic}`;
        assert.notEqual(outcome.kind, 'failed', what);
        if (outcome.kind === 'posted') posted.push(post);
      }
    on.front.clear();
    const shown = await on.platform.comments(thread);
    for (const { body, attachments: sent } of posted) {
      const found = shown.find(({ text }) => text.split('\n').map(words).includes(words(body.text)));
      assert.ok(found !== undefined, `${body.text} counts as posted and is not there`);
      for (const { filename } of sent)
        assert.ok(
          found.files.length === 1 || found.text.includes(filename),
          `${body.text}: its file is neither there nor named`,
        );
    }
  });
}

/** The same for a thread that a mail starts. */
function unsaidStartTests(on: Ground): void {
  it('gives no new thread up, and loses none, for such an answer', async () => {
    const sink = await open(on);
    const { started } = on.platform;
    if (started === undefined) return;
    const posted: string[] = [];
    const start = async (): Promise<Outcome> => {
      const title = `Unsaid number ${made + 1}, ${process.pid}`;
      const newThread = { container: started.container, title };
      const outcome = await sink.created!(postOf(on, { thread: undefined, newThread }), signal());
      if (outcome.kind === 'posted') posted.push(title);
      return outcome;
    };
    assert.equal((await start()).kind, 'posted');
    const requests = on.front.passed.length;
    for (let at = 0; at < requests; at++)
      for (const { wish } of UNSAID.filter(({ blames }) => blames !== true)) {
        on.front.clear();
        let seen = 0;
        on.front.wish(wish, () => seen++ === at);
        const { kind, diagnostic } = await start();
        assert.notEqual(kind, 'failed', `request ${at}, ${JSON.stringify(wish)}: ${diagnostic}`);
      }
    on.front.clear();
    const titles = await started.titles();
    for (const title of posted) assert.ok(titles.includes(title), `${title} counts as posted, is not there`);
  });
}

function refusalTests(under: PlatformUnderContract, on: Ground): void {
  it('takes a key that is refused for an operator’s matter, and says so when it is examined', async () => {
    const sink = await open(on, { token_file: on.wrong });
    const user = on.platform.keyed ?? on.platform.user;
    const outcome = await sink.deliver(postOf(on, { thread: await on.platform.thread(), user }), signal());
    assert.equal(outcome.kind, 'deferred', outcome.diagnostic);
    assert.ok('broken' in outcome && outcome.broken === true, outcome.diagnostic);
    assert.ok(!outcome.diagnostic.includes(on.platform.token));
    const examined = await sink.examine?.(signal());
    assert.ok(examined?.lack !== undefined, examined?.diagnostic);
  });

  it('gives up a reply to a thread that is not there, or is no thread of this platform', async () => {
    const sink = await open(on);
    for (const thread of [on.platform.missing, 'nowhere/at/all/7', '..%2f..', '']) {
      const outcome = await sink.deliver(postOf(on, { thread }), signal());
      assert.equal(outcome.kind, 'failed', `${thread}: ${outcome.diagnostic}`);
    }
  });

  it('gives up a reply to a thread that is closed, where the platform refuses it', async () => {
    const { closed } = on.platform;
    assert.equal(closed === undefined, under.lacking.closed !== undefined);
    if (closed === undefined) return;
    const sink = await open(on);
    const outcome = await sink.deliver(postOf(on, { thread: await closed() }), signal());
    assert.equal(outcome.kind, 'failed', outcome.diagnostic);
  });

  it('gives up a reply of somebody whom the platform does not know, where it asks who they are', async () => {
    const sink = await open(on);
    const post = postOf(on, { thread: await on.platform.thread(), user: 'nobody-at-all' });
    const outcome = await sink.deliver(post, signal());
    const expected = under.lacking.unknownUser === undefined ? 'failed' : 'posted';
    assert.equal(outcome.kind, expected, outcome.diagnostic);
  });

  it('gives up a text that is too long, and says by how much, where there is a limit', async () => {
    const { mostChars } = under;
    assert.equal(mostChars === undefined, under.lacking.mostChars !== undefined);
    if (mostChars === undefined) return;
    const sink = await open(on);
    const thread = await on.platform.thread();
    const outcome = await sink.deliver(postOf(on, { thread }, 'x'.repeat(mostChars + 1)), signal());
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, new RegExp(String(mostChars)));
  });

  fileTests(under, on);
}

function fileTests({ lacking, uploads, posts }: PlatformUnderContract, on: Ground): void {
  if (lacking.files !== undefined) return;
  // Where files go with the comment, all of them may be too much for the server.
  const refusals = uploads === undefined ? [413] : [413, 422];
  it('posts without a file that the platform does not take, and says so in the post', async () => {
    for (const status of refusals) {
      const sink = await open(on);
      const thread = await on.platform.thread();
      on.front.wish({ status, body: '{"errors":["too large"]}' }, uploads ?? posts);
      const attachments = [sampleFile({ filename: 'large.bin' }), sampleFile({ filename: 'small.txt' })];
      const outcome = await sink.deliver(postOf(on, { thread, attachments }), signal());
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      const [comment] = await on.platform.comments(thread);
      assert.match(comment?.text ?? '', /large\.bin/);
      assert.equal(comment?.files.length, uploads === undefined ? 0 : 1);
    }
  });
}

function askingTests({ lacking }: PlatformUnderContract, on: Ground): void {
  it('is examined without a trace, and says as whom it posts', async () => {
    const sink = await open(on);
    const examined = await sink.examine?.(signal());
    assert.equal(examined?.lack, undefined);
    assert.ok(examined?.status !== undefined && examined.status < 300, examined?.diagnostic);
    assert.notEqual(examined.postsAs, '');
    assert.ok(on.front.passed.every(({ method }) => method === 'GET'));
  });

  it('defers what comes when nobody listens, or when it is closed', async () => {
    const sink = await open(on, { url: 'http://127.0.0.1:1' });
    const post = postOf(on, { thread: on.platform.missing });
    const outcome = await sink.deliver(post, signal());
    assert.equal(outcome.kind, 'deferred', outcome.diagnostic);
    assert.match(outcome.diagnostic, /ECONNREFUSED/);
    await assert.rejects(async () => sink.exists?.(post, signal()) ?? Promise.reject(new Error('none')));
    await sink.close();
    assert.equal((await sink.deliver(post, signal())).kind, 'deferred');
  });

  it('is told of no bounce, for the platform has no use for one', async () => {
    assert.equal((await open(on)).bounced === undefined, lacking.bounced !== undefined);
  });

  it('does not take a platform that cannot say for one that has no such post', async () => {
    const post = postOf(on, { thread: await on.platform.thread() });
    for (const { wish } of UNSAID) {
      const sink = await open(on);
      for (let time = 0; time < 9; time++) on.front.wish(wish);
      const found = await Promise.resolve(sink.exists?.(post, signal())).then(
        (isThere) => isThere ?? 'no such question',
        () => 'cannot be found out',
      );
      assert.notEqual(found, false, JSON.stringify(wish));
      assert.notEqual(found, true, JSON.stringify(wish));
    }
  });
}

/** Answers that do not say what was asked; those that blame somebody may give a reply up. */
const UNSAID: readonly { readonly wish: Wish; readonly blames?: boolean }[] = [
  { wish: { status: 401, body: '{}' }, blames: true },
  { wish: { status: 403, body: '{}' }, blames: true },
  { wish: { status: 429, headers: { 'retry-after': '60' }, body: '{}' } },
  { wish: { status: 503, body: '' } },
  { wish: { status: 200, body: '{}' } },
  {
    wish: {
      status: 200,
      headers: { 'content-type': 'text/html' },
      body: '<!DOCTYPE html><html>Log in</html>',
    },
  },
  { wish: { status: 302, headers: { location: '/login' }, body: '' } },
  { wish: { cut: 'request' } },
  { wish: { cut: 'answer body', share: 0.5 } },
];

function userTests({ lacking }: PlatformUnderContract, on: Ground): void {
  it('names the user of an address, and of no other address, where the platform says', async () => {
    const sink = await open(on);
    assert.equal(sink.findUser === undefined, lacking.findUser !== undefined);
    if (sink.findUser === undefined) return;
    const { user, address } = on.platform;
    assert.equal(await sink.findUser(address, signal()), user);
    assert.equal(await sink.findUser(address.toUpperCase(), signal()), user);
    for (const other of [
      `x${address}`,
      `${address}.example`,
      address.replace('@', '+x@'),
      address.slice(1),
      '*',
    ])
      assert.equal(await sink.findUser(other, signal()), undefined, other);
  });

  it('lists its users with their addresses, where the platform does', async () => {
    const sink = await open(on);
    assert.equal(sink.users === undefined, lacking.findUser !== undefined);
    if (sink.users === undefined) return;
    const users = [];
    for await (const user of sink.users(signal())) users.push(user);
    const found = users.find(({ name }) => name === on.platform.user);
    assert.deepEqual(found?.addresses, [on.platform.address]);
  });

  it('does not take a platform that cannot say for one that knows nobody', async () => {
    if (lacking.findUser !== undefined) return;
    const { address } = on.platform;
    for (const { wish } of UNSAID) {
      const sink = await open(on);
      for (let time = 0; time < 9; time++) on.front.wish(wish);
      await assert.rejects(async () => sink.findUser?.(address, signal()), JSON.stringify(wish));
      for (let time = 0; time < 9; time++) on.front.wish(wish);
      await assert.rejects(async () => listed(sink), JSON.stringify(wish));
    }
  });
}

async function listed(sink: Sink): Promise<number> {
  const users = [];
  for await (const user of sink.users?.(signal()) ?? []) users.push(user);
  return users.length;
}

function recognitionTests({ type, lacking }: PlatformUnderContract, on: Ground): void {
  it('recognises the notification of its own platform, and of no other', async () => {
    const own = NOTIFICATIONS[type];
    assert.equal(own === undefined, lacking.recognise !== undefined);
    const sink = await open(on, own?.settings ?? {});
    assert.equal(sink.recognise === undefined, own === undefined);
    if (sink.recognise === undefined) return;
    for (const [name, { fields, body = ['Text'], thread }] of Object.entries(NOTIFICATIONS)) {
      const scanned = scanHeader(Buffer.from(`${fields.join('\r\n')}\r\n\r\n`));
      assert.ok(scanned.ok);
      const shown = Buffer.from(body.map((line) => `${line}\r\n`).join(''));
      const reversePath = 'tracker@example.org';
      const recognised = sink.recognise({ header: scanned.header, reversePath, body: () => shown });
      assert.equal(recognised?.thread, name === type ? thread : undefined, name);
    }
  });
}
