import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import type { Post } from '../../src/reply/post.ts';
import { loadSink, previewPost } from '../../src/sinks/catalogue.ts';
import { matrixHtml } from '../../src/sinks/matrix/content.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Front, startFront } from '../support/front.ts';
import { samplePost } from '../support/loopback.ts';
import { Homeserver, type KeptEvent } from '../support/matrix.ts';
import { readHtml } from '../support/read-markdown.ts';
import { testScratch } from '../support/scratch.ts';
import { platformContract, sampleFile } from './platform-contract.ts';

const homeserver = new Homeserver();

const textOf = ({ content }: KeptEvent): string => readHtml(content.formatted_body ?? content.body);

platformContract({
  type: 'matrix',
  postsAs: 'bot',
  lacking: {
    bounced: 'its interface has no use for one',
    recognise: "a homeserver's mail names no event",
    findUser: 'nobody can be looked up by an address',
    unknownUser: 'the account posts, whoever wrote',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'PUT' && path.includes('/send/m.room.message/'),
  uploads: (method, path) => method === 'POST' && path.startsWith('/_matrix/media/v3/upload'),
  mostChars: 60_000,
  start: async (scratch) => {
    const { server, events, media, token } = await homeserver.start(scratch);
    const thread = (room: string): string => `room/${room}/event/${homeserver.message(room, 'A question')}`;
    const lobby = homeserver.room();
    return {
      origin: server.origin,
      table: { type: 'matrix' },
      token,
      unfit: [(wrong) => wrong],
      user: 'alice',
      address: 'alice@example.com',
      thread: () => Promise.resolve(thread(homeserver.room())),
      missing: 'room/!gone:example.org/event/$gone',
      closed: () => Promise.resolve(thread(homeserver.room({ isQuiet: true }))),
      comments: (locator) => {
        const root = locator.split('/')[3];
        const replies = events.filter(({ content }) => content['m.relates_to']?.event_id === root);
        const texts = replies.filter(({ content }) => content.msgtype === 'm.text');
        return Promise.resolve(
          texts.map((text, at) => {
            const [from, to] = [replies.indexOf(text), replies.indexOf(texts[at + 1]!)];
            const files = replies.slice(from + 1, to < 0 ? undefined : to);
            return {
              author: text.sender,
              text: textOf(text),
              files: files.map(({ content }) => ({ name: content.body, bytes: media.get(content.url!)! })),
            };
          }),
        );
      },
      started: {
        container: `room/${lobby}`,
        titles: () =>
          Promise.resolve(
            events
              .filter(({ room_id }) => room_id === lobby)
              .map((event) => textOf(event).split('\n')[1] ?? ''),
          ),
      },
    };
  },
});

const signal = (): AbortSignal => new AbortController().signal;

interface Opened {
  readonly fake: Homeserver;
  readonly front: Front;
  readonly sink: Sink;
}

async function open(t: TestContext, change: object = {}, isService = false): Promise<Opened> {
  const scratch = testScratch(t);
  const fake = await new Homeserver().start(scratch);
  const front = await startFront(scratch, fake.server.origin);
  const token = scratch.path('token');
  writeFileSync(token, isService ? fake.asToken : fake.token, { mode: 0o600 });
  const table = { type: 'matrix', url: front.origin, token_file: token, ...change };
  const loaded = await loadSink(table, { now: Date.now, readSecretFile, readSecretText });
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join('; '));
  scratch.defer(() => loaded.sink.close());
  return { fake, front, sink: loaded.sink };
}

function say(markdown: string, change: Partial<Post> = {}): Post {
  const body = { markdown, text: markdown, quoted: '', signature: '', cuts: [] };
  return samplePost({ receivedAt: Date.now(), body, ...change });
}

describe('a message of Matrix', () => {
  it('asks nothing but what the published interface has, and is answered as it says', () => {
    assert.deepEqual(homeserver.server.faults, []);
  });

  it('is sent once under its transaction, and found by its mark after a restart of the homeserver', async (t) => {
    const { fake, sink } = await open(t);
    const room = fake.room();
    const post = say('Fine by me', { thread: `room/${room}`, attachments: [sampleFile()] });
    assert.equal(await sink.exists?.(post, signal()), false);
    for (let attempt = 0; attempt < 3; attempt++)
      assert.equal((await sink.deliver(post, signal())).kind, 'posted');
    assert.equal(fake.events.length, 2);
    fake.restart();
    for (let at = 0; at < 70; at++) fake.message(room, `Message ${at}`);
    assert.equal(await sink.exists?.(post, signal()), true);
    assert.equal(await sink.exists?.({ ...post, id: 'another' }, signal()), false);
    assert.equal(fake.events.length, 72);
    assert.deepEqual(fake.server.faults, []);
  });

  it('gets each of its files once, wherever the connection is cut and the homeserver restarts', async (t) => {
    const { fake, front, sink } = await open(t);
    const attachments = ['one.txt', 'two.txt'].map((filename) => sampleFile({ filename }));
    // The text, then the files: the cut is at the first, the second, the third event.
    for (const [at, wish] of [0, 1, 2].flatMap((event) => [
      [event, { cut: 'request' as const }] as const,
      [event, { cut: 'answer' as const, share: 0 }] as const,
    ])) {
      const room = fake.room();
      const post = say('text', { id: `${at}-${wish.cut}`, thread: `room/${room}`, attachments });
      front.clear();
      front.wish(wish, (_, path) => path.endsWith(`-${at}`));
      assert.equal((await sink.deliver(post, signal())).kind, 'deferred');
      fake.restart();
      if ((await sink.exists?.(post, signal())) !== true)
        assert.equal((await sink.deliver(post, signal())).kind, 'posted');
      const made = fake.events.filter(({ room_id }) => room_id === room).map(({ content }) => content);
      assert.deepEqual(
        made.map(({ msgtype, body }) => (msgtype === 'm.text' ? 'text' : body)),
        ['text', 'one.txt', 'two.txt'],
      );
    }
  });

  it('stands in the thread of its event, or that of the event that this one is in', async (t) => {
    const { fake, sink } = await open(t);
    const room = fake.room();
    const root = fake.message(room, 'A question');
    const answer = fake.message(room, 'An answer', { rel_type: 'm.thread', event_id: root });
    for (const [at, event] of [root, answer].entries()) {
      const outcome = await sink.deliver(
        say('x', { id: `${at}`, thread: `room/${room}/event/${event}` }),
        signal(),
      );
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      assert.deepEqual(fake.events.at(-1)?.content['m.relates_to'], {
        rel_type: 'm.thread',
        event_id: root,
        is_falling_back: true,
        'm.in_reply_to': { event_id: event },
      });
    }
  });

  it('stands in the room as a reply, where the site wants no threads', async (t) => {
    const { fake, sink } = await open(t, { threads: 'reply' });
    const room = fake.room();
    const event = fake.message(room, 'A question');
    await sink.deliver(say('x', { thread: `room/${room}/event/${event}` }), signal());
    assert.deepEqual(fake.events.at(-1)?.content['m.relates_to'], { 'm.in_reply_to': { event_id: event } });
  });

  it('is given up where its event was deleted, and where the bot may not speak', async (t) => {
    const { fake, sink } = await open(t);
    const room = fake.room();
    const deleted = fake.message(room, 'A question');
    fake.events.at(-1)!.isRedacted = true;
    const expected = [
      [`room/${room}/event/${deleted}`, /was deleted/],
      [`room/${room}/event/$gone`, /404.*M_NOT_FOUND/],
      [`room/${fake.room({ members: new Set() })}`, /403.*not in room/],
      [`room/${fake.room({ isQuiet: true })}`, /403.*send_level/],
      ['room/#lobby:example.org', /expected room\/!ROOM_ID\/event\/\$EVENT_ID/],
    ] as const;
    for (const [thread, words] of expected) {
      const outcome = await sink.deliver(say('x', { thread }), signal());
      assert.equal(outcome.kind, 'failed', thread);
      assert.match(outcome.diagnostic, words);
    }
  });

  it('leaves the homeserver alone for as long as the body of its answer asks', async (t) => {
    const { fake, front, sink } = await open(t);
    const body = '{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many Requests","retry_after_ms":61234}';
    front.wish({ status: 429, body }, (method) => method === 'PUT');
    const outcome = await sink.deliver(say('x', { thread: `room/${fake.room()}` }), signal());
    assert.ok(outcome.kind === 'deferred');
    assert.equal(outcome.retryAfterMs, 61_234);
    assert.notEqual(outcome.broken, true);
  });

  it('is an operator’s matter where the homeserver has no such path, or takes nothing from anybody', async (t) => {
    const { fake, front, sink } = await open(t);
    for (const [status, code] of [
      [404, 'M_UNRECOGNIZED'],
      [403, 'M_RESOURCE_LIMIT_EXCEEDED'],
    ] as const) {
      front.wish({ status, body: JSON.stringify({ errcode: code }) }, (method) => method === 'PUT');
      const outcome = await sink.deliver(say('x', { thread: `room/${fake.room()}` }), signal());
      assert.ok(outcome.kind === 'deferred' && outcome.broken === true, outcome.diagnostic);
    }
  });

  it('goes without its HTML where both are too much', async (t) => {
    const { fake, sink } = await open(t);
    const outcome = await sink.deliver(say('x'.repeat(40_000), { thread: `room/${fake.room()}` }), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.equal(fake.events[0]?.content.formatted_body, undefined);
    assert.match(fake.events[0]?.content.body ?? '', /^\*\*alice\*\* by e-mail:\n\nx{40000}$/);
  });

  it('tells nobody', async (t) => {
    const { fake, sink } = await open(t);
    await sink.deliver(
      say('Is @room or @bob:example.org there?', { thread: `room/${fake.room()}` }),
      signal(),
    );
    const content = fake.events[0]!.content as unknown as Record<string, unknown>;
    assert.deepEqual(content['m.mentions'], {});
    assert.ok(!/@\w/.test(String(content.body)));
  });

  it('shows pictures as pictures', async (t) => {
    const { fake, sink } = await open(t);
    const attachments = [sampleFile({ filename: 'a.png', contentType: 'image/png' })];
    await sink.deliver(say('x', { thread: `room/${fake.room()}`, attachments }), signal());
    assert.equal(fake.events[1]?.content.msgtype, 'm.image');
  });
});

describe('an application service of Matrix', () => {
  const settings = {
    post_as: 'user',
    user: '@mail_{user}:example.org',
    map: { anna: '@mail_a.smith:example.org' },
  };
  const members = new Set(['@mail_alice:example.org', '@mail_a.smith:example.org']);

  it('posts as the user, whom the map or the template names, files and all', async (t) => {
    const { fake, front, sink } = await open(t, settings, true);
    for (const id of members) fake.registered.add(id);
    const thread = `room/${fake.room({ members })}`;
    for (const user of ['alice', 'anna']) {
      const outcome = await sink.deliver(
        say('x', { id: user, thread, user, attachments: [sampleFile()] }),
        signal(),
      );
      assert.equal(outcome.kind, 'posted', outcome.diagnostic);
      assert.equal(await sink.exists?.(say('x', { id: user, thread, user }), signal()), true);
    }
    assert.deepEqual(
      fake.events.map(({ sender }) => sender),
      ['alice', 'alice', 'a.smith', 'a.smith'].map((name) => `@mail_${name}:example.org`),
    );
    assert.equal(fake.events[0]?.content.body, 'x');
    assert.equal(front.passed.filter(({ path }) => path.includes('whoami')).length, 1);
    assert.match((await sink.examine?.(signal()))?.postsAs ?? '', /each user, by @mailgw:example\.org/);
    assert.deepEqual(fake.server.faults, []);
  });

  it('gives up a reply of a user whom the homeserver does not know, or who is not in the room', async (t) => {
    const { fake, sink } = await open(t, settings, true);
    const thread = `room/${fake.room()}`;
    const unknown = await sink.deliver(say('x', { thread, user: 'nobody' }), signal());
    assert.equal(unknown.kind, 'failed');
    assert.match(unknown.diagnostic, /has not registered this user/);
    fake.registered.add('@mail_alice:example.org');
    const outside = await sink.deliver(say('x', { thread, user: 'alice' }), signal());
    assert.equal(outside.kind, 'failed');
    assert.match(outside.diagnostic, /not in room/);
    const nameless = await open(t, { post_as: 'user' }, true);
    const outcome = await nameless.sink.deliver(say('x', { thread }), signal());
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /"alice" has no Matrix id; expected one in sink\.map/);
  });

  it('is shown beforehand with its user, and without the line', async () => {
    const shown = await previewPost({ type: 'matrix', ...settings }, say('Hello', { user: 'anna' }));
    assert.equal((shown.body as { body: string }).body, 'Hello');
    assert.equal(shown.fields.user_id, '@mail_a.smith:example.org');
    const nameless = await previewPost({ type: 'matrix', post_as: 'user' }, say('Hello', { user: 'anna' }));
    assert.match(String(nameless.fields.refused), /"anna" has no Matrix id/);
  });

  it('posts nothing at all with the token of a mere bot', async (t) => {
    const { fake, sink } = await open(t, settings);
    const outcome = await sink.deliver(say('x', { thread: `room/${fake.room()}` }), signal());
    assert.ok(outcome.kind === 'deferred' && outcome.broken === true, outcome.diagnostic);
    assert.match(outcome.diagnostic, /expected its as_token/);
    assert.equal(fake.events.length, 0);
  });
});

describe("Matrix' HTML", () => {
  it('has no style, and no link but those that clients follow', () => {
    assert.equal(
      matrixHtml('[call](tel:123) [mail](mailto:a@b.example)'),
      '<p>call <a href="mailto:a@b.example">mail</a></p>',
    );
    assert.ok(!matrixHtml('| a |\n|:-:|\n| b |').includes('style'));
    assert.match(matrixHtml('3. three'), /<ol start="3">/);
  });
});
