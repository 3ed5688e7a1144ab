import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { setContext } from '../../src/actions/context.ts';
import { createGate } from '../../src/gate/gate.ts';
import { remember } from '../../src/site/remember.ts';
import { TOOL } from '../support/command.ts';
import { run } from '../support/process.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, onTerminal, parseRows, type Row, type Tool } from './tool.ts';

const THREAD = 'acme/site/issue/7';

/** Alice, an address of hers, and a message on disk to try out. */
interface Scene {
  readonly tool: Tool;
  readonly replyTo: string;
  readonly messageId: string;
  /** Writes a message: fields that replace or add to the standard ones, and a body. */
  readonly write: (fields?: Readonly<Record<string, string | undefined>>, body?: string) => string;
}

async function scene(t: TestContext, ...mint: string[]): Promise<Scene> {
  const tool = await initialise(testScratch(t));
  const text = readFileSync(tool.config, 'utf8').replace(
    /^authserv_id = .*$/m,
    'authserv_id = "mx.example.org"',
  );
  writeFileSync(tool.config, text);
  await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
  const row = await tool.row('address', 'mint', '--user', 'alice', '--thread', THREAD, ...mint);
  const write: Scene['write'] = (fields = {}, body = 'I agree.\n') => {
    const all: Readonly<Record<string, string | undefined>> = {
      'Return-Path': '<alice@example.com>',
      'Authentication-Results': 'mx.example.org; dmarc=pass header.from=example.com',
      Received: 'from out.example.com by mx.example.org; Fri, 20 Nov 2026 09:00:00 +0000',
      From: 'Alice <alice@example.com>',
      To: String(row.reply_to),
      Subject: 'Re: your issue',
      'Message-ID': '<reply-1@example.com>',
      Date: 'Sat, 21 Nov 2026 09:00:00 +0000',
      ...fields,
    };
    const header = Object.entries(all).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${value}\n`],
    );
    writeFileSync(tool.scratch.path('m.eml'), `${header.join('')}\n${body}`);
    return tool.scratch.path('m.eml');
  };
  return { tool, replyTo: String(row.reply_to), messageId: String(row.message_id), write };
}

/** The last step of a message that is not posted, and what standard error said. */
async function ending(
  { tool, replyTo }: Scene,
  file: string,
  ...rest: string[]
): Promise<Row & { stderr: string }> {
  const to = rest.includes('--to') ? [] : ['--to', replyTo];
  const { code, stdout, stderr } = await tool.run('--json', 'check', file, ...to, ...rest);
  assert.equal(code, 65, stdout + stderr);
  return { ...parseRows(stdout).at(-1), stderr };
}

describe('mailgw-ctl check', () => {
  it('gives each verdict and the post that would be sent, and changes nothing', async (t) => {
    const { tool, replyTo, write } = await scene(t);
    const rows = await tool.rows('check', write(), '--to', replyTo);
    assert.deepEqual(
      rows.map(({ step, verdict, reply }) => [step, verdict, reply]),
      [
        ['recipient', 'accepted', null],
        ['message', 'accepted', null],
        ['duplicate', 'none', null],
        ['parse', 'parsed', null],
        ['post', undefined, undefined],
      ],
    );
    for (const row of rows.slice(0, -1)) {
      assert.deepEqual(Object.keys(row), ['step', 'verdict', 'reason', 'detail', 'reply', 'rules']);
    }
    const body = rows.at(-1)?.body as { type: string; data: Row };
    assert.equal(body.type, 'reply.created');
    const { user, thread, message_id: id, authentication } = body.data;
    assert.deepEqual(
      [user, thread, id, authentication],
      ['alice', THREAD, '<reply-1@example.com>', { policy: 'strict', result: 'pass' }],
    );
    assert.equal((body.data.body as Row).markdown, 'I agree.');
    const again = await tool.rows('check', tool.scratch.path('m.eml'), '--to', replyTo);
    assert.deepEqual(again[2], rows[2]);
    assert.deepEqual(await tool.rows('queue', 'list'), []);
  });

  it('shows people the post as text', async (t) => {
    const { tool, replyTo, write } = await scene(t);
    const shown = await tool.text('check', write({}, 'One.\nTwo.\n'), '--to', replyTo);
    assert.match(
      shown,
      /^RULE +RESULT +SAW\naddress +pass +a sealed address of reply\.domain\ntoken +pass +made/,
    );
    assert.match(shown, /^sender_policy +pass +dmarc=pass for example\.com$/m);
    assert.match(shown, /^subject +Re: your issue$/m);
    assert.match(shown, /^markdown:\n {2}One\.\n {2}Two\.$/m);
  });

  const REPLY = 'Yes.\n\n-- \nAlice\n\nOn 05/03/2024 14:07, Tracker wrote:\n> Does it?\n> Really?\n';

  it('shows the text split in three, each part in its colour on a terminal, without elsewhere', async (t) => {
    const { tool, replyTo, write } = await scene(t);
    const file = write({}, REPLY);
    const shown = await onTerminal(tool, 100, 'TERM=xterm', 'check', file, '--to', replyTo);
    assert.match(shown, /^markdown:\r\n\u001b\[32m {2}Yes\.\u001b\[0m\r$/m);
    assert.match(shown, /^\u001b\[90m {2}> Does it\?\u001b\[0m\r\n\u001b\[90m {2}> Really\?\u001b\[0m\r$/m);
    assert.match(
      shown,
      /^signature \(signature: delimiter, lines-below\):\r\n\u001b\[36m {2}-- \u001b\[0m\r\n\u001b\[36m {2}Alice\u001b\[0m\r$/m,
    );
    const plain = await tool.text('check', file, '--to', replyTo);
    assert.doesNotMatch(plain, /\u001b/);
    assert.match(
      plain,
      /^quoted \(quote: quote-marks, date\):\n {2}On 05\/03\/2024 14:07, Tracker wrote:\n {2}> Does it\?\n/m,
    );
  });

  it('shows what the platform gets beside what was typed, where they differ', async (t) => {
    const { tool, replyTo, write } = await scene(t);
    const live = readFileSync(tool.config, 'utf8');
    writeFileSync(tool.config, live.replace('#mentions = "live"', 'mentions = "inert"'));
    const file = write({}, `Ask @bob or ${replyTo}.\n`);
    const shown = await tool.text('check', file, '--to', replyTo);
    assert.match(shown, /^text:\n {2}Ask @bob or reply\+…@reply\.example\.org\.$/m);
    assert.match(shown, /^markdown:\n {2}Ask @\S+bob or/m);
    const post = (await tool.rows('check', file, '--to', replyTo)).at(-1)?.body as { data: { body: Row } };
    assert.equal(post.data.body.markdown, 'Ask @\u2060bob or reply+…@\u2060reply.example.org.');
  });

  it('shows what an empty reply was taken for', async (t) => {
    const { tool, replyTo, write } = await scene(t);
    const file = write({}, REPLY.replace('Yes.', ''));
    const { code, stdout, stderr } = await tool.run('check', file, '--to', replyTo);
    assert.equal(code, 65);
    assert.match(stderr, /parse failed empty \(only-quoted\)/);
    assert.match(stdout, /^quoted \(quote: quote-marks, date\):\n {2}On 05/m);
  });

  it('reads the message from standard input too', async (t) => {
    const { tool, replyTo, write } = await scene(t);
    const message = readFileSync(write(), 'utf8');
    const args = [TOOL, '--config', tool.config, 'check', '-', '--to', `<${replyTo}>`];
    assert.equal((await run(process.execPath, args, message)).code, 0);
  });

  it('ends at the recipient with the reply that Postfix would get', async (t) => {
    const stage = await scene(t);
    const file = stage.write();
    const end = await ending(stage, file, '--to', 'nobody@reply.example.org');
    assert.deepEqual(
      [end.step, end.verdict, end.reason, end.detail, end.reply],
      ['recipient', 'rejected', 'no-such-address', 'no-token', '550 5.1.1 no such reply address'],
    );
    assert.equal(
      end.stderr,
      `mailgw-ctl: ${file}: would not be posted: recipient rejected no-such-address (no-token), answered "550 5.1.1 no such reply address"\n`,
    );
    assert.equal((await ending(stage, file, '--to', 'a b')).step, 'envelope');
    await stage.tool.text('user', 'disable', 'alice');
    assert.equal((await ending(stage, file)).detail, 'disabled-user');
  });

  it('ends at an expired address', async (t) => {
    const stage = await scene(t, '--replied-to', '91d');
    assert.equal((await ending(stage, stage.write())).reason, 'expired');
  });

  it('ends at the message for bounces, spoofed and oversize mail', async (t) => {
    const stage = await scene(t);
    const { tool, write } = stage;
    assert.equal((await ending(stage, write(), '--from', '<>')).reason, 'bounce');
    assert.equal((await ending(stage, write({ 'Return-Path': '<>' }))).reason, 'bounce');
    assert.equal((await ending(stage, write({ From: 'mallory@example.net' }))).reason, 'spoofed');
    assert.equal((await ending(stage, write({ From: undefined }))).reason, 'malformed');
    writeFileSync(
      tool.config,
      readFileSync(tool.config, 'utf8').replace('#max_message = "25MiB"', 'max_message = "1KiB"'),
    );
    const big = await ending(stage, write({}, 'x'.repeat(2000)));
    assert.deepEqual([big.step, big.reply], ['size', '552 5.3.4 message is too big']);
  });

  it('proves a bound address by In-Reply-To', async (t) => {
    const stage = await scene(t, '--bound');
    const { tool, replyTo, messageId, write } = stage;
    const rows = await tool.rows('check', write({ 'In-Reply-To': messageId }), '--to', replyTo);
    assert.equal(rows.at(-1)?.step, 'post');
    assert.equal((await ending(stage, write())).reason, 'forged');
  });

  it('knows a second copy of a message that is in the store', async (t) => {
    const stage = await scene(t);
    const { tool, replyTo, write } = stage;
    const store = await tool.open();
    tool.scratch.defer(() => store.close());
    const gate = createGate({
      ...{ forms: [{ prefix: 'reply+', domain: 'reply.example.org' }], maxAgeMs: 90 * 86_400_000 },
      peppers: [Buffer.from(readFileSync(tool.scratch.path('pepper'), 'utf8'), 'base64')],
      ...{ senderPolicy: 'strict', authservId: 'mx.example.org', spam: undefined },
      ...{ directory: store, queue: store },
      ...{ now: Date.now, newId: () => 'the-first-copy', isSpaceLow: () => false, isLogStalled: () => false },
    });
    const verdict = await gate.recipient(replyTo);
    assert.ok(verdict.kind === 'claim');
    const raw = Buffer.from(readFileSync(write(), 'latin1').replaceAll('\n', '\r\n'), 'latin1');
    await gate.message({ reversePath: 'alice@example.com' }, [verdict.claim], raw);
    const end = await ending(stage, write());
    assert.deepEqual([end.step, end.reply], ['duplicate', '250 2.0.0 duplicate of the-first-copy']);
  });

  it('knows what is remembered of the notification, and gives its context', async (t) => {
    const { tool, replyTo, write } = await scene(t, '--replied-to', '2026-11-20T09:00:00Z');
    const store = await tool.open();
    tool.scratch.defer(() => store.close());
    const repliedTo = Date.parse('2026-11-20T09:00:00Z') / 1000;
    const text = 'Which hinges shall I take for the shed?\nThe small ones are sold out already.\n';
    const settings = { maxAgeMs: 1000, originalsBytes: 1024 * 1024 };
    await remember(store, settings, { thread: THREAD, repliedTo, subject: 'Hinges', from: {}, text });
    const user = await store.userByName('alice');
    const expiresAt = repliedTo + 1000;
    await setContext(store, {
      ...{ userNumber: user?.number ?? 0, thread: THREAD, repliedTo, expiresAt },
      context: { comment: 7 },
    });
    const rows = await tool.rows('check', write({}, `In brass.\n\n${text}`), '--to', replyTo);
    const known = rows.find(({ step }) => step === 'original');
    assert.deepEqual([known?.verdict, known?.detail], ['known', '1 notification of the thread: "Hinges"']);
    const { data } = rows.at(-1)?.body as { data: Row & { body: Row } };
    assert.deepEqual([data.body.markdown, data.context], ['In brass.', { comment: 7 }]);
  });

  it('ends at the parser for a message without a post in it', async (t) => {
    const stage = await scene(t);
    assert.deepEqual(
      (({ step, verdict, reason }) => [step, verdict, reason])(await ending(stage, stage.write({}, '\n'))),
      ['parse', 'failed', 'empty'],
    );
  });

  it('shows nothing raw of a hostile message', async (t) => {
    const { tool, replyTo, write } = await scene(t);
    const encoded = `=?utf-8?B?${Buffer.from('a\u001b[2J\u202egpj').toString('base64')}?=`;
    const file = write(
      {
        Subject: encoded,
        From: `${encoded} <alice@example.com>`,
        'Content-Type': 'text/plain; charset=utf-8',
      },
      'Hello \u001b]0;owned\u0007 \u009b2J \u202egpj\n',
    );
    for (const json of [[], ['--json']]) {
      const { code, stdout } = await tool.run(...json, 'check', file, '--to', replyTo);
      assert.equal(code, 0);
      assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    }
  });

  it('names a file that it cannot read', async (t) => {
    const { tool, replyTo } = await scene(t);
    const file = tool.scratch.path('none.eml');
    await tool.fails(
      74,
      new RegExp(`^mailgw-ctl: ${file}: cannot be read: there is no such file; expected a message`),
      'check',
      file,
      '--to',
      replyTo,
    );
    await tool.fails(64, /neither --to <address> nor --source <name> is given/, 'check', file);
  });
});
