import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { parseThreadMessageId, splitIds } from '../../src/mail/message-id.ts';
import { parseToken, userKey, verifyBoundReply, verifySealedToken } from '../../src/mail/token.ts';
import { TOOL } from '../support/command.ts';
import { run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, parseRows, type Row, type Tool } from './tool.ts';

const THREAD = 'go-gitea/gitea/issue/2351';
const MINT_KEYS = ['reply_to', 'message_id', 'user', 'thread', 'replied_to', 'expires_at'];

async function withAlice(t: TestContext): Promise<Tool> {
  const tool = await initialise(testScratch(t));
  await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
  return tool;
}

const mint = (...rest: string[]): string[] => [
  'address',
  'mint',
  '--user',
  'alice',
  '--thread',
  THREAD,
  ...rest,
];

/** The key of alice, from the files as the daemon reads them. */
async function keyOf(tool: Tool): Promise<Uint8Array> {
  const store = await tool.open('tool');
  const salt = (await store.userByName('alice'))?.salts[0]?.salt ?? new Uint8Array();
  await store.close();
  return userKey(Buffer.from(readFileSync(tool.scratch.path('pepper'), 'utf8'), 'base64'), salt);
}

const tokenOf = (row: Row): string =>
  /^reply\+([a-z2-7]{48})@reply\.example\.org$/.exec(String(row.reply_to))?.[1] ?? '';

describe('mailgw-ctl address mint -', () => {
  it('mints 10,000, in the order of the lines, and names the bad ones among them', async (t) => {
    const tool = await withAlice(t);
    const lines = Array.from({ length: 10_000 }, (_, n) =>
      JSON.stringify({ user: n === 5000 ? 'nobody' : 'alice', thread: `acme/site/issue/${n}` }),
    );
    const words = [TOOL, '--config', tool.config, '--json', 'address', 'mint', '-'];
    const { code, stdout, stderr } = await run(process.execPath, words, lines.join('\n'));
    assert.equal(code, 65);
    assert.match(
      stderr,
      /^mailgw-ctl: line 5001: user "nobody": there is no such user; .*\n.*1 of 10000 lines/,
    );
    assert.deepEqual(
      parseRows(stdout).map(({ thread }) => thread),
      lines.flatMap((_, n) => (n === 5000 ? [] : [`acme/site/issue/${n}`])),
    );
  });
});

describe('mailgw-ctl address mint', () => {
  it('makes a sealed address that verifies under the key of the user', async (t) => {
    const tool = await withAlice(t);
    const row = await tool.row(...mint('--replied-to', '2026-11-19T17:02:11Z'));
    assert.deepEqual(Object.keys(row), MINT_KEYS);
    const token = parseToken(tokenOf(row));
    assert.ok(token?.form === 'sealed');
    assert.ok(verifySealedToken(await keyOf(tool), token, THREAD));
    assert.equal(token.repliedTo, 1795107731);
    assert.match(
      String(row.message_id),
      /^<go-gitea\/gitea\/issue\/2351\/1795107731\.[a-z2-7]{8}@reply\.example\.org>$/,
    );
    assert.deepEqual(row, {
      reply_to: row.reply_to,
      message_id: row.message_id,
      user: 'alice',
      thread: THREAD,
      replied_to: '2026-11-19T17:02:11Z',
      expires_at: '2027-02-17T17:02:11Z',
    });
  });

  it('makes another Message-ID for each notification of one post', async (t) => {
    const tool = await withAlice(t);
    const [first, second] = [
      await tool.row(...mint('--replied-to', '1795107731')),
      await tool.row(...mint('--replied-to', '1795107731')),
    ];
    assert.equal(first.reply_to, second.reply_to, 'it is one post');
    assert.notEqual(first.message_id, second.message_id);
  });

  it('makes a bound address, another one every time, that verifies with its Message-ID', async (t) => {
    const tool = await withAlice(t);
    const first = await tool.row(...mint('--bound'));
    const second = await tool.row(...mint('--bound'));
    assert.deepEqual(Object.keys(first), MINT_KEYS);
    assert.notEqual(first.reply_to, second.reply_to);
    const token = parseToken(tokenOf(first));
    assert.ok(token?.form === 'bound');
    assert.ok(verifyBoundReply(await keyOf(tool), token, splitIds(String(first.message_id))[0] ?? ''));
  });

  it('reads the time of the post as ISO 8601, Unix seconds or an age, and takes now without one', async (t) => {
    const tool = await withAlice(t);
    const repliedTo = async (...rest: string[]): Promise<number> =>
      Date.parse(String((await tool.row(...mint(...rest))).replied_to)) / 1000;
    const nowSeconds = (): number => Date.now() / 1000;
    assert.equal(await repliedTo('--replied-to', '1795107731'), 1795107731);
    assert.equal(await repliedTo('--replied-to', '2026-11-19T18:02:11+01:00'), 1795107731);
    assert.ok(Math.abs((await repliedTo()) - nowSeconds()) < 60);
    assert.ok(Math.abs((await repliedTo('--replied-to', '3d')) - (nowSeconds() - 3 * 86_400)) < 60);
    for (const bad of ['yesterday', '2026-02-30', '1795107731123', '5000000000', '2026-13-01T00:00:00Z']) {
      await tool.fails(
        65,
        new RegExp(`^mailgw-ctl: --replied-to "${bad}": is not a time such as`),
        ...mint('--replied-to', bad),
      );
    }
  });

  it('says so when the address has expired already', async (t) => {
    const tool = await withAlice(t);
    const { code, stderr } = await tool.run(...mint('--replied-to', '91d'));
    assert.deepEqual(
      [code, stderr],
      [0, 'mailgw-ctl: note: the address has expired already: replied-to is older than reply.max_age\n'],
    );
  });

  it('carries any locator that fits into a Message-ID, and refuses the others', async (t) => {
    const tool = await withAlice(t);
    const withThread = (thread: string): string[] => [
      'address',
      'mint',
      '--user',
      'alice',
      '--thread',
      thread,
    ];
    for (const locator of ['forum/übersicht/9', 'a b@c', '/', 'x'.repeat(850)]) {
      const { message_id: id } = await tool.row(...withThread(locator));
      const reference = parseThreadMessageId(splitIds(String(id))[0] ?? '', ['reply.example.org']);
      assert.equal(reference?.locator, locator);
    }
    await tool.fails(65, /^mailgw-ctl: --thread "": expected/, ...withThread(''));
    await tool.fails(
      65,
      /^mailgw-ctl: --thread "a\\nb": expected.*without control characters/,
      ...withThread('a\nb'),
    );
    await tool.fails(
      65,
      /makes a Message-ID of \d+ octets; expected at most 900$/m,
      ...withThread('ü'.repeat(200)),
    );
  });

  it('wants a user that exists, and a place', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.fails(65, /^mailgw-ctl: user "alice": there is no such user/, ...mint());
    await tool.fails(
      64,
      /expected --user and one of --thread and --compose, or "-" for JSON lines/,
      ...['address', 'mint', '--user', 'a'],
    );
    await tool.fails(64, /expected --user and one of/, ...mint('--compose', 'acme'));
  });
});

describe('mailgw-ctl address explain', () => {
  it('tells whose an address is and that it is valid, in any case of letters', async (t) => {
    const tool = await withAlice(t);
    const { reply_to: address, expires_at: expires } = await tool.row(...mint('--replied-to', '1d'));
    const row = await tool.row('address', 'explain', String(address).toUpperCase());
    assert.deepEqual(Object.keys(row), [
      ...['address', 'verdict', 'explanation', 'form', 'user', 'user_number', 'thread', 'posts', 'compose'],
      'thread_number',
      ...['replied_to', 'expires_at', 'rules'],
    ]);
    assert.deepEqual(
      [row.verdict, row.form, row.user, row.thread, row.expires_at],
      ['valid', 'sealed', 'alice', THREAD, expires],
    );
    assert.match(await tool.text('address', 'explain', String(address)), /^verdict +valid$/m);
  });

  it('needs the notification to prove a bound address', async (t) => {
    const tool = await withAlice(t);
    const { reply_to: address, message_id: id } = await tool.row(...mint('--bound'));
    const verdict = async (...rest: string[]): Promise<unknown> =>
      (await tool.row('address', 'explain', String(address), ...rest)).verdict;
    assert.equal(await verdict(), 'needs-in-reply-to');
    assert.equal(await verdict('--in-reply-to', String(id)), 'valid');
    assert.equal(await verdict('--in-reply-to', String(id).replace('2351', '2352')), 'forged');
    await tool.fails(
      65,
      /^mailgw-ctl: --in-reply-to "<x@example\.com>": is not a Message-ID such as/,
      ...['address', 'explain', String(address), '--in-reply-to', '<x@example.com>'],
    );
  });

  it('gives the verdict that the gate would give', async (t) => {
    const tool = await withAlice(t);
    const explain = async (address: unknown): Promise<unknown> =>
      (await tool.row('address', 'explain', String(address))).verdict;
    const valid = await tool.row(...mint());
    const forged = String(valid.reply_to).replace(/.@/, (last) => (last === 'a@' ? 'b@' : 'a@'));
    assert.equal(await explain((await tool.row(...mint('--replied-to', '91d'))).reply_to), 'expired');
    assert.equal(await explain(forged), 'forged');
    assert.equal(await explain('postmaster@reply.example.org'), 'no-token');
    assert.equal(await explain(`reply+${'7'.repeat(48)}@reply.example.org`), 'malformed-token');
    assert.equal(await explain(String(valid.reply_to).replace('reply.example', 'x.example')), 'other-domain');
    await tool.text('user', 'disable', 'alice');
    assert.equal(await explain(valid.reply_to), 'disabled-user');
    await tool.text('user', 'enable', 'alice');
    await tool.text('salt', 'rotate', 'alice', '--grace', '1d');
    assert.equal(await explain(valid.reply_to), 'valid');
    await tool.text('salt', 'rotate', 'alice');
    assert.equal(await explain(valid.reply_to), 'forged');
    await tool.text('user', 'remove', 'alice', '--yes');
    assert.equal(await explain(valid.reply_to), 'unknown-user');
  });

  it('is put off under another pepper, and void once that one is accepted', async (t) => {
    const tool = await withAlice(t);
    const { reply_to: address } = await tool.row(...mint());
    writeFileSync(tool.scratch.path('pepper'), `${Buffer.alloc(32, 1).toString('base64')}\n`);
    const explained = await tool.row('address', 'explain', String(address));
    assert.equal(explained.verdict, 'put-off');
    assert.match(JSON.stringify(explained.rules), /"result":"deferred","saw":"reply\.pepper_file: /);
    await tool.text('pepper', 'accept', '--yes');
    assert.equal((await tool.row('address', 'explain', String(address))).verdict, 'forged');
  });
});
