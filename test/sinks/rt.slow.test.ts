// Request Tracker 5 as a sink, against the real one.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import type { Post } from '../../src/reply/post.ts';
import { loadSink } from '../../src/sinks/catalogue.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Fits, type Front, startFront } from '../support/front.ts';
import { samplePost } from '../support/loopback.ts';
import { repositoryRoot } from '../support/process.ts';
import { BOB, type Rt, rtUnavailable, startRt } from '../support/rt.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { ALICE } from '../support/site.ts';
import { platformContract, type RunningPlatform, sampleFile } from './platform-contract.ts';

const posts: Fits = (method, path) => method === 'POST' && path.endsWith('/correspond');

const running = (rt: Rt, table: RunningPlatform['table']): RunningPlatform => ({
  origin: rt.origin,
  table: { type: 'rt', ...table },
  token: rt.tokens.mailgw,
  unfit: [(wrong) => wrong, () => rt.tokens.poor],
  user: ALICE.user,
  address: ALICE.address,
  keyed: BOB.user,
  thread: () => rt.ticket(),
  missing: 'ticket/999999',
  closed: async () => {
    const thread = await rt.ticket();
    await rt.ask('DELETE', `/${thread}`);
    return thread;
  },
  comments: (thread) => rt.comments(thread),
  started: {
    container: 'General',
    titles: async () =>
      (await rt.list('/tickets', { query: "Queue = 'General'", fields: 'Subject' })).map(({ Subject }) =>
        String(Subject),
      ),
  },
});

const contract = {
  type: 'rt',
  skip: rtUnavailable(),
  lacking: {
    bounced: 'its interface has no use for one',
    mostChars: 'its interface tells none',
    unknownUser: 'the account posts, whoever wrote',
  },
  mostDoubles: 0,
  posts,
} as const;

/** Puts a user's token where the sink looks for it; the directory. */
function tokenDirectory(scratch: Scratch, tokens: Readonly<Record<string, string>>, mode = 0o600): string {
  const directory = scratch.path('user-tokens');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const [user, token] of Object.entries(tokens))
    writeFileSync(`${directory}/${user}.token`, `${token}\n`, { mode });
  return directory;
}

platformContract({
  ...contract,
  postsAs: 'bot',
  start: async (scratch) => running(await startRt(scratch), {}),
});

platformContract({
  ...contract,
  postsAs: 'user',
  start: async (scratch) => {
    const rt = await startRt(scratch);
    return running(rt, { user_tokens: tokenDirectory(scratch, { [ALICE.user]: rt.tokens.alice }) });
  },
});

const signal = (): AbortSignal => new AbortController().signal;

let made = 0;

/** A post of this moment with an id of its own. */
function postOf(change: Partial<Post> = {}, markdown = 'It works.'): Post {
  made += 1;
  return samplePost({
    id: `01K${String(made).padStart(8, '0')}-${process.pid}`,
    receivedAt: Date.now(),
    body: { markdown, text: markdown, quoted: '', signature: '', cuts: [] },
    ...change,
  });
}

interface Ground {
  readonly rt: Rt;
  readonly front: Front;
  readonly scratch: Scratch;
  /** The faults that the sink opened last has told. */
  readonly faults: string[];
  /** Opens a sink with settings of its own, and a key; default the one of the account. */
  readonly open: (change?: object, token?: string) => Promise<Sink>;
}

/** Starts Request Tracker, and a front before it, around the suite whose body calls this. */
function suiteGround(): () => Ground {
  const scratch = suiteScratch();
  const faults: string[] = [];
  let ground: Ground | undefined;
  before(async () => {
    const rt = await startRt(scratch);
    const front = await startFront(scratch, rt.origin);
    let opened = 0;
    const open = async (change: object = {}, token = rt.tokens.mailgw): Promise<Sink> => {
      front.clear();
      faults.length = 0;
      opened += 1;
      const file = scratch.path(`token-${opened}`);
      writeFileSync(file, `${token}\n`, { mode: 0o600 });
      const loaded = await loadSink(
        { type: 'rt', url: front.origin, token_file: file, ...change },
        { now: Date.now, readSecretFile, readSecretText, onFault: (reason) => faults.push(reason) },
      );
      assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join('; '));
      scratch.defer(() => loaded.sink.close());
      return loaded.sink;
    };
    ground = { rt, front, scratch, faults, open };
  });
  after(() => scratch.close());
  return () => ground ?? assert.fail('Request Tracker does not run');
}

describe('who posts to Request Tracker', { skip: rtUnavailable() }, () => {
  const ground = suiteGround();

  it('posts by the account, and says why, where a token cannot be used', async () => {
    const { rt, faults, scratch, open } = ground();
    const files = {
      alice: rt.tokens.bob,
      bob: 'no token',
      '..': rt.tokens.root,
      carol: rt.tokens.root.replace(/.$/, 'x'),
    };
    const user_tokens = tokenDirectory(scratch, files);
    writeFileSync(`${user_tokens}/dave.token`, rt.tokens.root, { mode: 0o644 });
    const sink = await open({ user_tokens });
    const thread = await rt.ticket();
    for (const user of ['alice', 'bob', '..', '../carol', 'carol', 'dave', 'nobody'])
      assert.equal((await sink.deliver(postOf({ thread, user }), signal())).kind, 'posted', user);
    const comments = await rt.comments(thread);
    assert.ok(comments.every(({ author, text }) => author === 'mailgw' && text.includes(' wrote by mail:')));
    assert.match(faults[0] ?? '', /alice\.token: is the token of bob; expected one of alice$/);
    assert.match(faults[1] ?? '', /bob\.token: holds no token of Request Tracker$/);
    assert.match(faults[2] ?? '', /carol\.token: holds no token of Request Tracker$/);
    assert.match(faults[3] ?? '', /dave\.token: mode 0644 lets group or world in/);
    assert.equal(faults.length, 4);
  });

  it('posts by the account once a token is refused that was taken before', async () => {
    const { rt, front, faults, scratch, open } = ground();
    const user_tokens = tokenDirectory(scratch, { alice: rt.tokens.alice });
    const sink = await open({ user_tokens });
    const thread = await rt.ticket();
    assert.equal((await sink.deliver(postOf({ thread }), signal())).kind, 'posted');
    front.wish({ status: 401, body: '{"message":"Unauthorized"}' });
    assert.equal((await sink.deliver(postOf({ thread }), signal())).kind, 'posted');
    assert.deepEqual(
      (await rt.comments(thread)).map(({ author }) => author),
      ['alice', 'mailgw'],
    );
    assert.match(faults.join(), /alice\.token: .*401.*; the account posts in place of alice/);
  });

  it('blames the user for a right that they lack, and an operator for one of the account', async () => {
    const { rt, scratch, open } = ground();
    const user_tokens = tokenDirectory(scratch, { poor: rt.tokens.poor });
    const thread = await rt.ticket();
    const asUser = await (await open({ user_tokens })).deliver(postOf({ thread, user: 'poor' }), signal());
    assert.deepEqual(
      [asUser.kind, asUser.diagnostic],
      ['failed', `poor has no right ReplyToTicket on ${thread.replace('/', ' ')}`],
    );
    const poor = await open({}, rt.tokens.poor);
    const asBot = await poor.deliver(postOf({ thread }), signal());
    assert.equal(asBot.kind, 'deferred');
    assert.ok('broken' in asBot && asBot.broken === true, asBot.diagnostic);
    assert.match(asBot.diagnostic, /the account of token_file has no right ReplyToTicket/);
    const { lack } = (await poor.examine?.(signal())) ?? assert.fail();
    assert.match(lack?.what ?? '', /the account may not post into ticket \d+/);
    const page = readFileSync(join(repositoryRoot, 'docs', 'platforms.md'), 'utf8');
    assert.ok(page.includes(`fix: ${lack?.fix ?? ''}\n`), lack?.fix);
    assert.deepEqual(await rt.comments(thread), []);
    await rt.ask('POST', '/queue', { Name: 'Secret' });
    const hidden = await rt.ticket({ Queue: 'Secret' });
    const unseen = await (await open()).deliver(postOf({ thread: hidden }), signal());
    assert.match(unseen.diagnostic, /no right ShowTicket/);
    assert.ok('broken' in unseen && unseen.broken === true);
  });

  it('tells a refusal of Request Tracker from what a server in front says', async () => {
    const { rt, front, open } = ground();
    const sink = await open();
    const post = postOf({ thread: await rt.ticket() });
    const page = { headers: { 'content-type': 'text/html' }, body: '<html>Bad request</html>' };
    const outcomes = [];
    for (const wish of [
      // What it answers where its database takes no transaction: lib/RT/Ticket.pm, _RecordNote.
      { status: 400, body: '{"message":"Message could not be recorded"}' },
      { status: 415, body: '{"message":"Unsupported Media Type"}' },
      { status: 400, ...page },
      { status: 403, ...page },
    ]) {
      front.wish(wish, posts);
      const outcome = await sink.deliver(post, signal());
      outcomes.push(outcome.kind === 'deferred' && outcome.broken === true ? 'broken' : outcome.kind);
    }
    assert.deepEqual(outcomes, ['deferred', 'broken', 'broken', 'broken']);
    assert.deepEqual(await rt.comments(post.thread ?? ''), []);
  });

  it('says that it cannot be found out whether a post is there, where the token is refused', async () => {
    const { rt, open } = ground();
    const sink = await open(
      {},
      rt.tokens.mailgw.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
    );
    await assert.rejects(async () => sink.exists?.(postOf({ thread: await rt.ticket() }), signal()), /401/);
  });

  it('names nobody where everybody is found', async () => {
    const { front, open } = ground();
    const sink = await open();
    const items = [
      { Name: 'alice', EmailAddress: ALICE.address },
      { Name: 'x', EmailAddress: 'x@example.com' },
    ];
    front.wish({
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ items }),
    });
    await assert.rejects(
      async () => sink.findUser?.(ALICE.address, signal()),
      /not searched by EmailAddress/,
    );
    assert.equal(await sink.findUser?.('carol@example.net', signal()), 'carol');
    const mapped = await open({ map: { al: 'alice' } });
    assert.equal(await mapped.findUser?.(ALICE.address, signal()), 'al');
  });
});

describe('what is posted to Request Tracker', { skip: rtUnavailable() }, () => {
  const ground = suiteGround();

  it('shows a reply in the browser as it was written, and its mark to nobody', async () => {
    const { rt, open } = ground();
    const sink = await open();
    const thread = await rt.ticket();
    const markdown = '**Bold**, [a link](https://example.com/a), `code`\n\n| a | b |\n|---|--:|\n| c | d |';
    assert.equal((await sink.deliver(postOf({ thread }, markdown), signal())).kind, 'posted');
    const page = await rt.page(thread);
    assert.match(page, /<p>alice wrote by mail:<\/p>/);
    assert.match(page, /<strong>Bold<\/strong>, <a href="https:\/\/example\.com\/a"[^>]*>a link<\/a>, code/);
    assert.match(page, /<td>c<\/td>/);
    assert.doesNotMatch(page, /mailgw-post/);
  });

  it('comments where the site wants that', async () => {
    const { rt, open } = ground();
    const sink = await open({ post_as: 'comment' });
    const thread = await rt.ticket();
    const post = postOf({ thread });
    assert.equal(await sink.exists?.(post, signal()), false);
    assert.equal((await sink.deliver(post, signal())).kind, 'posted');
    assert.equal(await sink.exists?.(post, signal()), true);
    assert.equal((await rt.comments(thread))[0]?.type, 'Comment');
  });

  it('opens a ticket again as a reply to Request Tracker does, and leaves alone what the site calls closed', async () => {
    const { rt, open } = ground();
    const sink = await open();
    for (const status of ['resolved', 'rejected']) {
      const thread = await rt.ticket();
      await rt.ask('PUT', `/${thread}`, { Status: status });
      assert.equal((await sink.deliver(postOf({ thread }), signal())).kind, 'posted');
      assert.equal(await rt.status(thread), 'open');
    }
    const thread = await rt.ticket();
    await rt.ask('PUT', `/${thread}`, { Status: 'rejected' });
    const outcome = await (await open({ closed: ['deleted', 'rejected'] })).deliver(
      postOf({ thread }),
      signal(),
    );
    assert.deepEqual(
      [outcome.kind, outcome.diagnostic],
      ['failed', `${thread.replace('/', ' ')} is rejected and takes no replies`],
    );
    assert.equal(await rt.status(thread), 'rejected');
  });

  it('posts into what a ticket was merged into, and finds the post by either number', async () => {
    const { rt, open } = ground();
    const sink = await open();
    const [into, merged] = [await rt.ticket(), await rt.ticket()];
    const [earlier, later] = [postOf({ thread: merged }), postOf({ thread: merged }, 'And now?')];
    assert.equal((await sink.deliver(earlier, signal())).kind, 'posted');
    await rt.ask('PUT', `/${merged}`, { MergeInto: into.replace('ticket/', '') });
    assert.equal((await sink.deliver(later, signal())).kind, 'posted');
    for (const post of [earlier, later]) {
      assert.equal(await sink.exists?.(post, signal()), true);
      assert.equal(await sink.exists?.({ ...post, thread: into }, signal()), true);
    }
    assert.equal((await rt.comments(into)).length, 2);
  });

  it('posts without files that are too large for the server in front, and names them', async () => {
    const { rt, front, open } = ground();
    const sink = await open();
    const thread = await rt.ticket();
    front.wish({ status: 413, body: '<html>Too large</html>' }, posts);
    const attachments = [sampleFile({ filename: 'large.bin' })];
    const outcome = await sink.deliver(postOf({ thread, attachments }), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    const [comment] = await rt.comments(thread);
    assert.match(comment?.text ?? '', /large\.bin/);
    assert.deepEqual(comment?.files, []);
  });

  it('brings files as they were, whatever their names and types', async () => {
    const { rt, open } = ground();
    const sink = await open();
    const thread = await rt.ticket();
    const given: [string, string, Buffer][] = [
      ['0', 'application/pdf', Buffer.from('%PDF')],
      ['empty.txt', 'text/plain', Buffer.alloc(0)],
      ['a "b"; c=日本語.csv', 'text/csv', Buffer.from('ä;ö\r\nü\r\n')],
      ['=?UTF-8?Q?x?=.txt', 'text/plain', Buffer.from('Gr\xfc\xdfe\r\n', 'latin1')],
      ['page.html', 'text/html', Buffer.from('<script>alert(1)</script>\n')],
      ['mail.eml', 'message/rfc822', Buffer.from('From: a@example.org\r\nSubject: x\r\n\r\nHi\r\n')],
      [
        `${'lang'.repeat(40)}.bin`,
        'application/octet-stream',
        Buffer.from(Array.from({ length: 256 }, (_, at) => at)),
      ],
      [
        'large.bin',
        'application/octet-stream',
        Buffer.from(Array.from({ length: 150_001 }, (_, at) => at % 251)),
      ],
    ];
    const attachments = given.map(([filename, contentType, content]) =>
      sampleFile({ filename, contentType, content: Uint8Array.from(content), bytes: content.length }),
    );
    const outcome = await sink.deliver(postOf({ thread, attachments }, ''), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    const [comment] = await rt.comments(thread);
    assert.deepEqual(
      comment?.files.map(({ name, bytes }) => [name, bytes.toString('latin1')]),
      given.map(([name, , bytes]) => [name, bytes.toString('latin1')]),
    );
  });

  it('starts one ticket, though the answer was cut, for the user who asked', async () => {
    const { rt, front, open } = ground();
    const sink = await open();
    const post = postOf({ thread: undefined, newThread: { container: 'General', title: 'Where is Ü?' } });
    assert.equal(await sink.exists?.(post, signal()), false);
    front.wish({ cut: 'answer', share: 0 });
    assert.equal((await sink.created?.(post, signal()))?.kind, 'deferred');
    assert.equal(await sink.exists?.(post, signal()), true);
    const query = { query: "Subject = 'Where is Ü?'", fields: 'Requestor' };
    const [ticket, ...more] = await rt.list('/tickets', query);
    assert.deepEqual(more, []);
    assert.deepEqual(
      (ticket?.['Requestor'] as { id: string }[]).map(({ id }) => id),
      ['alice'],
    );
    const nowhere = postOf({ thread: undefined, newThread: { container: 'Nowhere', title: 'x' } });
    const outcome = await sink.created?.(nowhere, signal());
    assert.equal(outcome?.kind, 'failed');
    assert.match(outcome.diagnostic, /in the queue 'Nowhere'/);
  });
});
