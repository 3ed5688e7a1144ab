// Zammad: what every platform promises, and what it does of its own, against a server that is held to its interface.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { scanHeader } from '../../src/mail/header.ts';
import type { Recognised } from '../../src/mail/recognise.ts';
import type { Post } from '../../src/reply/post.ts';
import { previewPost } from '../../src/sinks/catalogue.ts';
import type { Outcome, Sink } from '../../src/sinks/sink.ts';
import { recogniseZammad } from '../../src/sinks/zammad/recognise.ts';
import { type Front, startFront } from '../support/front.ts';
import { ZAMMAD } from '../support/notifications.ts';
import { openPlatformSink, patience, replyOf } from '../support/open-sink.ts';
import { suiteScratch } from '../support/scratch.ts';
import { type Article, FakeZammad, runZammad } from '../support/zammad.ts';
import { platformContract, sampleFile } from './platform-contract.ts';

const isPost = (method: string): boolean => method === 'POST';

platformContract({
  type: 'zammad',
  start: runZammad,
  postsAs: 'user',
  lacking: {
    bounced: 'its interface has no use for one',
    created: 'a second attempt could not find the first',
  },
  mostDoubles: 0,
  posts: isPost,
  mostChars: 1_500_000,
  alsoPreviewed: [{ article: 'web' }, { visibility: 'internal' }, { visibility: 'public' }],
});

describe('the zammad sink', () => {
  const scratch = suiteScratch();
  let zammad: FakeZammad;
  let front: Front;
  let sink: Sink;

  before(async () => {
    zammad = await new FakeZammad().start(scratch);
    front = await startFront(scratch, zammad.origin);
    sink = await open({});
  });
  after(() => scratch.close());

  const open = (change: object): Promise<Sink> =>
    openPlatformSink(scratch, { type: 'zammad', url: front.origin, ...change }, zammad.token);
  const reply = (thread: string, change: Partial<Post> = {}): Post =>
    replyOf(thread, 'Have you tried *this*?', {
      user: 'alice@example.com',
      receivedAt: Date.now(),
      repliedToAt: Date.now() - 60_000,
      ...change,
    });
  const deliver = (thread: string, change: Partial<Post> = {}): Promise<Outcome> =>
    sink.deliver(reply(thread, change), patience());
  const last = (): Article => zammad.articles.at(-1)!;
  const idOf = (thread: string): number => Number(thread.split('/')[1]);

  it('writes HTML, as a note or as a message of the web', async () => {
    assert.equal((await deliver(zammad.ticket())).kind, 'posted');
    assert.equal(last().body, '<p>Have you tried <em>this</em>?</p>');
    assert.equal(last().type, 'note');
    const web = await open({ article: 'web' });
    await web.deliver(reply(zammad.ticket()), patience());
    assert.equal(last().type, 'web');
  });

  it('keeps a reply internal where the article was that went out, and public where that was', async () => {
    const thread = zammad.ticket();
    zammad.say(idOf(thread), 'bob', 'Between us.', { internal: true, at: Date.now() - 61_000 });
    await deliver(thread);
    assert.equal(last().internal, true);
    // A later article changes nothing of what the agent read.
    const open_ = zammad.ticket();
    zammad.say(idOf(open_), 'bob', 'Said since.', { internal: true, at: Date.now() - 10_000 });
    await deliver(open_);
    assert.equal(last().internal, false);
  });

  it('keeps a reply internal where nothing says what it answers, or as the site wants', async () => {
    await deliver(zammad.ticket(), { repliedToAt: Date.now() - 24 * 3600_000 });
    assert.equal(last().internal, true);
    const secret = await open({ visibility: 'internal' });
    await secret.deliver(reply(zammad.ticket()), patience());
    assert.equal(last().internal, true);
    const loud = await open({ visibility: 'public' });
    await loud.deliver(reply(zammad.ticket(), { repliedToAt: 0 }), patience());
    assert.equal(last().internal, false);
  });

  it('lets a customer write to their own tickets, past what they do not see', async () => {
    const thread = zammad.ticket();
    zammad.say(idOf(thread), 'bob', 'Between us.', { internal: true, at: Date.now() - 61_000 });
    const post = reply(thread, { user: 'carol@example.net' });
    assert.equal((await sink.deliver(post, patience())).kind, 'posted');
    assert.equal(last().by.login, 'carol@example.net');
    assert.equal(last().internal, false);
    assert.equal(await sink.exists?.(post, patience()), true);
    const others = zammad.ticket({ customer: undefined });
    assert.equal((await deliver(others, { user: 'carol@example.net' })).kind, 'failed');
    const closed = await deliver(zammad.ticket({ state: 'closed', followUp: false }), {
      user: 'carol@example.net',
    });
    assert.equal(closed.kind, 'failed');
    assert.match(closed.diagnostic, /Cannot follow-up/);
    assert.equal((await deliver(zammad.ticket({ state: 'closed', followUp: false }))).kind, 'posted');
  });

  it('finds its article by the id that it gave it, and looks no further back than its reply', async () => {
    const thread = zammad.ticket();
    const post = reply(thread);
    assert.equal(await sink.exists?.(post, patience()), false);
    await sink.deliver(post, patience());
    for (let at = 0; at < 3; at += 1) zammad.say(idOf(thread), 'bob', 'Have you tried this?');
    assert.equal(await sink.exists?.(post, patience()), true);
    assert.equal(await sink.exists?.(reply(thread), patience()), false);
    const old = zammad.ticket();
    for (let at = 0; at < 30; at += 1)
      zammad.say(idOf(old), 'bob', 'Long ago.', { at: Date.now() - 86_400_000 });
    front.clear();
    assert.equal(await sink.exists?.(reply(old), patience()), false);
    assert.ok(front.passed.length <= 3, `${front.passed.length} requests`);
  });

  it('writes to no ticket that was merged into another one', async () => {
    const outcome = await deliver(zammad.ticket({ state: 'merged' }));
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /merged/);
  });

  it('tells a user who is not there or not active from a token without the right', async () => {
    for (const isOld of [false, true]) {
      zammad.isOld = isOld;
      const unknown = await deliver(zammad.ticket(), { user: 'nobody' });
      assert.equal(unknown.kind, 'failed', unknown.diagnostic);
      assert.match(unknown.diagnostic, /No such user/);
      zammad.mayImpersonate = false;
      const lacking = await deliver(zammad.ticket());
      assert.ok(lacking.kind === 'deferred' && lacking.broken === true, lacking.diagnostic);
      const examined = await sink.examine?.(patience());
      assert.match(examined?.lack?.what ?? '', /on behalf of others/);
      zammad.mayImpersonate = true;
    }
    zammad.isOld = false;
    zammad.user('gone', 'gone@example.com', { active: false });
    const inactive = await deliver(zammad.ticket(), { user: 'gone' });
    assert.equal(inactive.kind, 'failed');
    assert.match(inactive.diagnostic, /not active/);
  });

  it('names nobody by a number, which would be whoever has it', async () => {
    for (const user of ['3', 'élise', 'two words']) {
      const outcome = await deliver(zammad.ticket(), { user });
      assert.equal(outcome.kind, 'failed');
      assert.match(outcome.diagnostic, /expected a login/);
    }
  });

  it('waits while Zammad is being maintained, and asks an operator where the answer is none', async () => {
    // app/controllers/application_controller/authenticates.rb
    const body = '{"error":"Maintenance mode enabled!","error_human":"Maintenance mode enabled!"}';
    front.wish({ status: 403, body });
    const waiting = await deliver(zammad.ticket());
    assert.ok(waiting.kind === 'deferred' && waiting.broken === undefined, waiting.diagnostic);
    for (const answer of ['{}', '[]', '{"success":true}']) {
      front.wish({ status: 201, body: answer }, isPost);
      const outcome = await deliver(zammad.ticket());
      assert.ok(outcome.kind === 'deferred' && outcome.broken === true, outcome.diagnostic);
    }
  });

  it('posts without files that are too much for the web server, and says so', async () => {
    front.wish(
      { status: 413, headers: { 'content-type': 'text/html' }, body: '<html>too large</html>' },
      isPost,
    );
    const outcome = await deliver(zammad.ticket(), { attachments: [sampleFile({ filename: 'large.bin' })] });
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.match(last().body, /large\.bin/);
    assert.equal(last().files.length, 0);
  });

  it('shows beforehand what it would send', async () => {
    const shown = await previewPost({ type: 'zammad' }, reply('ticket/7'));
    const { message_id: id, ...body } = shown.body as Record<string, unknown>;
    assert.match(String(id), /^<mailgw\..*@mailgw\.invalid>$/);
    assert.deepEqual(body, {
      body: '<p>Have you tried <em>this</em>?</p>',
      content_type: 'text/html',
      type: 'note',
    });
    assert.deepEqual(shown.fields, { From: 'alice@example.com', ticket: 'ticket/7' });
  });

  it('names what it expected where a locator is none', async () => {
    for (const thread of ['tickets/7', 'ticket/x', 'ticket/7/1', 'ticket/1234567890123']) {
      const { kind, diagnostic } = await deliver(thread);
      assert.equal(kind, 'failed');
      assert.match(diagnostic, /expected ticket\/ID/);
    }
  });

  it('lists active users over all pages, and finds them by what the map calls them', async () => {
    for (let at = 0; at < 150; at += 1) zammad.user(`user${at}`, `user${at}@example.com`);
    const mapped = await open({ map: { robert: 'bob' } });
    assert.equal(await mapped.findUser?.('BOB@example.com', patience()), 'robert');
    assert.equal(await sink.findUser?.('gone@example.com', patience()), undefined);
    const names: string[] = [];
    for await (const { name } of mapped.users!(patience())) names.push(name);
    assert.ok(names.includes('robert') && names.includes('user149'));
    assert.ok(!names.includes('-') && !names.includes('gone') && !names.includes('bob'));
    assert.equal(new Set(names).size, names.length);
  });
});

describe('notifications of Zammad', () => {
  const recognise = (fields: readonly string[]): Recognised | undefined => {
    const scan = scanHeader(Buffer.from(`${fields.join('\r\n')}\r\n\r\nText`));
    assert.ok(scan.ok);
    return recogniseZammad({ header: scan.header, reversePath: 'zammad@example.org' });
  };
  const but = (name: string, value?: string): string[] => [
    ...ZAMMAD.filter((field) => !field.startsWith(`${name}:`)),
    ...(value === undefined ? [] : [`${name}: ${value}`]),
  ];

  it('are about the ticket of their Message-ID', () => {
    assert.deepEqual(recognise(ZAMMAD), { thread: 'ticket/77', repliedTo: undefined });
    const older = [...but('Message-ID', '<notification.20190102030405.77.3.98765@zammad.example.org>')];
    assert.equal(recognise(older)?.thread, 'ticket/77');
  });

  it('are no articles sent as mail, and no mail about accounts or of another program', () => {
    for (const fields of [
      but('Message-ID', '<20261120091500.77.123456@zammad.example.org>'),
      but('Message-ID', '<notification.20261120091500.77@zammad.example.org>'),
      but('Message-ID', '<notification.20261120091500.x.3.1@zammad.example.org>'),
      but('Message-ID'),
      but('X-Mailer', 'Another Mail Service'),
      but('Auto-Submitted', 'auto-replied'),
      but('Auto-Submitted'),
    ])
      assert.equal(recognise(fields), undefined, fields.join('\n'));
  });
});
