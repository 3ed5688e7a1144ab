import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { readSecretFile, readSecretText } from '../../src/config/secret-file.ts';
import { loadSink, previewPost } from '../../src/sinks/catalogue.ts';
import { rocketChatText } from '../../src/sinks/rocketchat/dialect.ts';
import type { Sink } from '../../src/sinks/sink.ts';
import { type Front, startFront } from '../support/front.ts';
import { samplePost } from '../support/loopback.ts';
import { readRocketChat } from '../support/read-rocketchat.ts';
import { RocketChat } from '../support/rocketchat.ts';
import { testScratch } from '../support/scratch.ts';
import { platformContract, sampleFile } from './platform-contract.ts';

const rocketChat = new RocketChat();

platformContract({
  type: 'rocketchat',
  postsAs: 'bot',
  lacking: {
    bounced: 'its interface has no use for one',
    recognise: 'its mail names no message',
    unknownUser: 'the account posts, whoever wrote',
  },
  mostDoubles: 0,
  posts: (method, path) => method === 'POST' && path === '/api/v1/chat.sendMessage',
  uploads: (method, path) => method === 'POST' && path.startsWith('/api/v1/rooms.media/'),
  mostChars: 5000,
  alsoPreviewed: [{ post_as: 'alias' }, { post_as: 'alias', attribution: 'unseen', max_chars: 6000 }],
  start: async (scratch) => {
    const { server, messages, uploads, users, userId, token } = await rocketChat.start(scratch);
    users.push(
      { username: 'alice', emails: [{ address: 'alice@example.com', verified: true }] },
      { username: 'mallory', emails: [{ address: 'alice@example.com', verified: false }] },
      { username: 'former', emails: [{ address: 'former@example.com', verified: true }], active: false },
    );
    const thread = (room: string): string => `room/${room}/thread/${rocketChat.message(room, 'A question')}`;
    const lobby = rocketChat.room();
    return {
      origin: server.origin,
      table: { type: 'rocketchat' },
      token: `${userId}:${token}`,
      unfit: [(wrong) => wrong],
      user: 'alice',
      address: 'alice@example.com',
      thread: () => Promise.resolve(thread(rocketChat.room())),
      missing: 'room/gone/thread/gone',
      closed: () => Promise.resolve(thread(rocketChat.room({ isReadOnly: true }))),
      comments: (locator) => {
        const parent = locator.split('/')[3];
        const replies = messages.filter(({ tmid }) => tmid === parent);
        const texts = replies.filter(({ file }) => file === undefined);
        return Promise.resolve(
          texts.map((text, at) => {
            const [from, to] = [replies.indexOf(text), replies.indexOf(texts[at + 1]!)];
            const files = replies.slice(from + 1, to < 0 ? undefined : to);
            return {
              author: 'mailgw',
              text: readRocketChat(text.msg),
              files: files.map(({ file }) => ({ name: file!.name, bytes: uploads.get(file!._id)!.bytes })),
            };
          }),
        );
      },
      started: {
        container: `room/${lobby}`,
        titles: () =>
          Promise.resolve(
            messages
              .filter(({ rid }) => rid === lobby)
              .map(({ msg }) => readRocketChat(msg).split('\n')[1] ?? ''),
          ),
      },
    };
  },
});

const signal = (): AbortSignal => new AbortController().signal;

interface Opened {
  readonly fake: RocketChat;
  readonly front: Front;
  readonly sink: Sink;
}

async function open(t: TestContext, change: object = {}): Promise<Opened> {
  const scratch = testScratch(t);
  const fake = await new RocketChat().start(scratch);
  const front = await startFront(scratch, fake.server.origin);
  const token = scratch.path('token');
  writeFileSync(token, `${fake.userId}:${fake.token}`, { mode: 0o600 });
  const table = { type: 'rocketchat', url: front.origin, token_file: token, ...change };
  const loaded = await loadSink(table, { now: Date.now, readSecretFile, readSecretText });
  assert.ok(loaded.ok, loaded.ok ? '' : loaded.problems.join('; '));
  scratch.defer(() => loaded.sink.close());
  return { fake, front, sink: loaded.sink };
}

describe('a message of Rocket.Chat', () => {
  it('asks nothing but what the published interface has, and is answered as it says', () => {
    assert.deepEqual(rocketChat.server.faults, []);
  });

  it('is made once, though the server answers a repetition like a fault', async (t) => {
    const { fake, sink } = await open(t);
    const post = samplePost({ thread: `room/${fake.room()}` });
    assert.equal(await sink.exists?.(post, signal()), false);
    for (let attempt = 0; attempt < 3; attempt++)
      assert.equal((await sink.deliver(post, signal())).kind, 'posted');
    assert.equal(fake.messages.length, 1);
    assert.equal(await sink.exists?.(post, signal()), true);
    assert.deepEqual(fake.server.faults, []);
  });

  it('gets each of its files once, wherever the connection is cut', async (t) => {
    const { fake, front, sink } = await open(t);
    const attachments = ['one.txt', 'two.txt', 'two.txt'].map((filename) => sampleFile({ filename }));
    const cuts = ['/chat.sendMessage', '/rooms.media/', '/rooms.mediaConfirm/'].flatMap((part) => [
      { part, wish: { cut: 'request' as const } },
      { part, wish: { cut: 'answer' as const, share: 0 } },
    ]);
    for (const [at, { part, wish }] of cuts.entries()) {
      const room = fake.room();
      const post = samplePost({ id: `cut-${at}`, thread: `room/${room}`, attachments });
      front.wish(wish, (_, path) => path.includes(part));
      assert.equal((await sink.deliver(post, signal())).kind, 'deferred', part);
      if ((await sink.exists?.(post, signal())) !== true)
        assert.equal((await sink.deliver(post, signal())).kind, 'posted', part);
      assert.equal(await sink.exists?.(post, signal()), true);
      const made = fake.messages.filter(({ rid }) => rid === room).map(({ file }) => file?.name ?? 'text');
      assert.deepEqual(made.sort(), ['one.txt', 'text', 'two.txt', 'two.txt'], part);
    }
    assert.deepEqual(fake.server.faults, []);
  });

  it('gets its files once in the thread of the message that its own hangs on, and in a direct message', async (t) => {
    const { fake, front, sink } = await open(t);
    const attachments = [sampleFile({ filename: 'one.txt' }), sampleFile({ filename: 'two.txt' })];
    // app/lib/server/functions/createDirectRoom.ts: the room's id is made of both users'.
    const room = `${fake.userId}${'b'.repeat(17)}`;
    fake.rooms.set(room, { isReadOnly: false, isOpen: true });
    const root = fake.message(room, 'A question');
    const first = samplePost({ id: 'first', thread: `room/${room}/thread/${root}` });
    assert.equal((await sink.deliver(first, signal())).kind, 'posted');
    const post = samplePost({ thread: `room/${room}/thread/${fake.messages[1]!._id}`, attachments });
    front.wish({ cut: 'answer', share: 0 }, (_, path) => path.includes('mediaConfirm'));
    assert.equal((await sink.deliver(post, signal())).kind, 'deferred');
    assert.equal(await sink.exists?.(post, signal()), true);
    assert.deepEqual(
      fake.messages.slice(2).map(({ file, tmid }) => [file?.name ?? 'text', tmid]),
      [
        ['text', root],
        ['one.txt', root],
        ['two.txt', root],
      ],
    );
  });

  it('tells of a file that is lost after its text was sent', async (t) => {
    const { fake, front, sink } = await open(t);
    front.wish({ status: 400, body: '{"success":false,"error":"[invalid-file]"}' }, (_, path) =>
      path.includes('mediaConfirm'),
    );
    const attachments = [sampleFile({ filename: 'lost.txt' }), sampleFile({ filename: 'kept.txt' })];
    const outcome = await sink.deliver(samplePost({ thread: `room/${fake.room()}`, attachments }), signal());
    assert.equal(outcome.kind, 'posted', outcome.diagnostic);
    assert.deepEqual(
      fake.messages.map(({ file }) => file?.name ?? 'text'),
      ['text', 'kept.txt', 'text'],
    );
    assert.match(fake.messages.at(-1)?.msg ?? '', /lost\.txt/);
  });

  it('is given up where its thread hangs on a message that is gone, or of another room', async (t) => {
    const { fake, sink } = await open(t);
    const room = fake.room();
    const deleted = fake.message(room, '');
    fake.messages.at(-1)!.t = 'rm';
    const elsewhere = fake.message(fake.room(), 'A question');
    const expected = [
      [`room/${room}/thread/${deleted}`, /was deleted/],
      [`room/${room}/thread/${elsewhere}`, /another room/],
      [`room/${room}/thread/gone`, /400/],
      [`room/${fake.room({ isOpen: false })}`, /error-not-allowed/],
      ['general', /expected room\/ROOM_ID\/thread\/MESSAGE_ID/],
    ] as const;
    const before = fake.messages.length;
    for (const [thread, words] of expected) {
      const outcome = await sink.deliver(samplePost({ thread }), signal());
      assert.equal(outcome.kind, 'failed', thread);
      assert.match(outcome.diagnostic, words);
    }
    assert.equal(fake.messages.length, before);
  });

  it('is told beforehand as refused by the limit of the site’s own setting', async () => {
    const long = samplePost({
      thread: `room/${'R'.repeat(17)}`,
      body: { ...samplePost().body, markdown: 'x'.repeat(150) },
    });
    const shown = await previewPost({ type: 'rocketchat', max_chars: 100 }, long);
    assert.match(String(shown.fields.refused), /characters; the platform takes 100/);
    const inOrder = await previewPost({ type: 'rocketchat', max_chars: 200 }, long);
    assert.equal(inOrder.fields.refused, undefined);
    const wrong = await previewPost({ type: 'rocketchat', max_chars: 'many' }, long);
    assert.match(String(wrong.fields.refused), /^sink\.max_chars: "many" is not/);
  });

  it('bears the user’s name where the bot may impersonate, and is the operator’s matter where not', async (t) => {
    const { fake, sink } = await open(t, { post_as: 'alias', map: { alice: 'Alice Ä' } });
    const thread = `room/${fake.room()}`;
    await sink.deliver(samplePost({ thread }), signal());
    assert.equal(fake.messages[0]?.alias, 'Alice Ä');
    assert.equal(fake.messages[0].msg, 'Fine by me 👍');
    fake.rights.delete('message-impersonate');
    const outcome = await sink.deliver(samplePost({ thread, id: 'second' }), signal());
    assert.equal(outcome.kind, 'deferred');
    assert.ok('broken' in outcome && outcome.broken === true, outcome.diagnostic);
    assert.match((await sink.examine?.(signal()))?.postsAs ?? '', /@mailgw, under the name of the user/);
  });

  it('is measured as the server measures it', async (t) => {
    const { fake, sink } = await open(t);
    const text = '👍'.repeat(2500);
    const body = { markdown: text, text, quoted: '', signature: '', cuts: [] };
    const outcome = await sink.deliver(samplePost({ thread: `room/${fake.room()}`, body }), signal());
    assert.equal(outcome.kind, 'failed');
    assert.match(outcome.diagnostic, /50\d\d characters; the platform takes 5000/);
  });

  it('wakes nobody', async (t) => {
    const { fake, sink } = await open(t);
    const markdown = 'Is @all or @here or @bob there?';
    const body = { markdown, text: markdown, quoted: '', signature: '', cuts: [] };
    await sink.deliver(samplePost({ thread: `room/${fake.room()}`, body }), signal());
    assert.ok(!/@\w/.test(fake.messages[0]?.msg ?? ''), fake.messages[0]?.msg);
  });
});

describe('the token file of Rocket.Chat', () => {
  it('holds a user id and a token', async (t) => {
    const scratch = testScratch(t);
    const token = scratch.path('token');
    writeFileSync(token, 'only-a-token', { mode: 0o600 });
    const table = { type: 'rocketchat', url: 'http://127.0.0.1:1', token_file: token };
    const loaded = await loadSink(table, { now: Date.now, readSecretFile, readSecretText });
    assert.deepEqual(loaded.ok ? [] : loaded.problems, [
      'sink.token_file: does not hold a user id and a token; expected ID:TOKEN on one line',
    ]);
  });
});

describe('the users of Rocket.Chat', () => {
  it('are listed page by page with their verified addresses', async (t) => {
    const { fake, sink } = await open(t, { map: { anna: 'user7' } });
    for (let at = 0; at < 250; at++) {
      const emails = [
        { address: `user${at}@example.com`, verified: true },
        { address: `claimed${at}@example.com`, verified: false },
      ];
      fake.users.push({ username: `user${at}`, emails });
    }
    const users = [];
    for await (const user of sink.users?.(signal()) ?? []) users.push(user);
    assert.equal(users.length, 250);
    assert.deepEqual(users[7], { name: 'anna', addresses: ['user7@example.com'] });
    assert.equal(await sink.findUser?.('user7@example.com', signal()), 'anna');
    assert.equal(await sink.findUser?.('claimed7@example.com', signal()), undefined);
    assert.deepEqual(fake.server.faults, []);
  });

  it('are not told of to whom may not list them', async (t) => {
    const { fake, sink } = await open(t);
    fake.rights.delete('view-d-room');
    await assert.rejects(async () => sink.findUser?.('alice@example.com', signal()), /403/);
  });
});

describe("Rocket.Chat's dialect", () => {
  const cases = [
    ['**bold** and *slanted* and ~~gone~~', '*bold* and _slanted_ and ~gone~'],
    ['- one\n- two\n  - inside\n\n1. first\n2. second', '- one\n- two\n  - inside\n\n1. first\n2. second'],
    ['> he said\n> so\n\nYes.', '> he said\n> so\n\nYes.'],
    ['```js\nlet a = b * c * d;\n```', '```\nlet a = b * c * d;\n```'],
    [
      '[a page](http://example.com/a_b) and <http://example.com/c*d>',
      '[a page](http://example.com/a_b) and http://example.com/c*d',
    ],
    ['| a | b |\n|---|---|\n| 1 | 2 |', 'a | b\n1 | 2'],
    ['# Title\n\ntext', '# Title\n\ntext'],
    ['**two  \nlines**', '*two*\n*lines*'],
    ['2\\*3\\*4 is 24', '`2*3*4` is 24'],
    ['one \\* alone', 'one * alone'],
    ['\\_so\\_ and snake\\_case\\_name', '`_so_` and snake_case_name'],
  ] as const;

  for (const [markdown, text] of cases)
    it(`writes ${JSON.stringify(markdown)}`, () => {
      assert.equal(rocketChatText(markdown), text);
    });

  it('starts no block, and makes no link, where none was meant', () => {
    for (const typed of [
      '# 1 is best',
      '> 3 people',
      '- 5 degrees',
      '1. FC',
      '[x](http://example.com)',
      '<t:1700000000:R>',
    ]) {
      const escaped = typed.replace(/[#>[\]<()\-.]/g, '\\$&');
      assert.equal(readRocketChat(rocketChatText(escaped)).replaceAll('\u2060', ''), typed);
    }
  });
});
