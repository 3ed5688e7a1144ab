// `mailgw-ctl check --source`: a message tried out as if a mailbox or a provider had brought it.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { testScratch } from '../support/scratch.ts';
import { initialise, parseRows, type Row, type Tool } from './tool.ts';

const INSIDE = 'Received: by 2002:a05:7300:1 with SMTP id a1csp1; Fri, 20 Nov 2026 01:15:00 -0800';
const EDGE =
  'Received: from x (x. [192.0.2.7]) by mx.google.com with ESMTPS id b3si1; Fri, 20 Nov 2026 01:15:00 -0800';
const PASS = 'Authentication-Results: mx.google.com; dmarc=pass header.from=example.com';
const FORGED = 'Authentication-Results: mx.example.org; dmarc=pass header.from=example.com';

const SOURCES = `
[[imap]]
name = "support"
host = "imap.gmail.com"
user = "support@site.example"
token_command = ["/bin/true"]
authserv_id = "mx.google.com"
own_received = 2
own_hosts = ["mx.google.com"]

[[webhook]]
name = "hook"
kind = "ses"
topic_arn = "arn:aws:sns:eu-west-1:123456789012:replies"
authserv_id = "amazonses.com"
own_received = 1
`;

interface Scene {
  readonly tool: Tool;
  readonly addresses: readonly string[];
  readonly write: (lines: readonly string[]) => string;
}

async function scene(t: TestContext): Promise<Scene> {
  const tool = await initialise(testScratch(t));
  const text = readFileSync(tool.config, 'utf8')
    .replace(/^authserv_id = .*$/m, 'authserv_id = "mx.example.org"')
    .replace('[inbound]', '[inbound]\nlisten = "127.0.0.1:8026"');
  writeFileSync(tool.config, `${text}\n${SOURCES}`);
  await tool.text('user', 'add', 'alice', '--address', 'alice@example.com');
  const addresses: string[] = [];
  for (const thread of ['acme/site/issue/7', 'acme/site/issue/8'])
    addresses.push(
      String((await tool.row('address', 'mint', '--user', 'alice', '--thread', thread)).reply_to),
    );
  const write: Scene['write'] = (lines) => {
    const rest = [
      'From: Alice <alice@example.com>',
      'Message-ID: <reply-1@client.example>',
      '',
      'I agree.',
      '',
    ];
    writeFileSync(tool.scratch.path('m.eml'), [...lines, ...rest].join('\n'));
    return tool.scratch.path('m.eml');
  };
  return { tool, addresses, write };
}

/** The steps of a message that is not posted. */
async function refused(tool: Tool, ...args: readonly string[]): Promise<readonly Row[]> {
  const { code, stdout, stderr } = await tool.run('--json', 'check', ...args);
  assert.equal(code, 65, stdout + stderr);
  return parseRows(stdout);
}

const stepsOf = (rows: readonly Row[]): unknown[] =>
  rows.map(({ step, verdict }) => `${String(step)} ${String(verdict)}`);

describe('mailgw-ctl check --source', () => {
  it('finds the recipient in the header, and believes the provider', async (t) => {
    const { tool, addresses, write } = await scene(t);
    const file = write([INSIDE, 'Return-Path: <alice@example.com>', EDGE, PASS, `To: ${addresses[0]}`]);
    const rows = await tool.rows('check', file, '--source', 'support');
    assert.deepEqual(stepsOf(rows), [
      'source accepted',
      'recipient accepted',
      'message accepted',
      'duplicate none',
      'parse parsed',
      'post undefined',
    ]);
    assert.equal(
      rows[0]?.detail,
      'support: 1 addresses, 1 of them for replies; the reverse-path is <alice@example.com>',
    );
    assert.match(String(rows[2]?.detail), /sender policy strict: pass$/);
    assert.deepEqual(await tool.rows('queue', 'list'), []);
  });

  it('tries every reply address, each by itself', async (t) => {
    const { tool, addresses, write } = await scene(t);
    const file = write([INSIDE, EDGE, PASS, `To: ${addresses.join(', ')}, bob@example.net`]);
    const rows = await tool.rows('check', file, '--source', 'support');
    const threads = rows.flatMap(({ step, body }) =>
      step === 'post' ? [((body as Row).data as Row).thread] : [],
    );
    assert.deepEqual(threads, ['acme/site/issue/7', 'acme/site/issue/8']);
  });

  it('believes neither the filter of the site there, nor the provider elsewhere', async (t) => {
    const { tool, addresses, write } = await scene(t);
    const to = `To: ${addresses[0]}`;
    for (const [lines, source] of [
      [[FORGED, INSIDE, EDGE, to], 'support'],
      [[INSIDE, EDGE, INSIDE, PASS, to], 'support'],
      [[PASS, EDGE, to], 'hook'],
    ] as const) {
      const rows = await refused(tool, write(lines), '--source', source);
      assert.deepEqual(stepsOf(rows).at(-1), 'message discarded');
      assert.equal(rows.at(-1)?.reason, 'spoofed');
    }
    const rows = await refused(tool, write([PASS, EDGE, to]), '--to', String(addresses[0]));
    assert.equal(rows.at(-1)?.reason, 'spoofed');
  });

  it('takes the envelope of a call', async (t) => {
    const { tool, addresses, write } = await scene(t);
    const ses =
      'Authentication-Results: amazonses.com; spf=pass (spfCheck: x) client-ip=192.0.2.7; envelope-from=alice@example.com; helo=x; dkim=none header.i=unknown; dmarc=pass header.from=example.com;';
    const file = write([EDGE, ses, `To: Team <team@example.com>, ${addresses[0]}`]);
    const args = [
      'check',
      file,
      '--source',
      'hook',
      '--to',
      String(addresses[0]),
      '--from',
      'alice@example.com',
    ];
    const rows = await tool.rows(...args);
    assert.match(
      String(rows[0]?.detail),
      /^hook: 1 addresses, 1 of them for replies; the reverse-path is <alice@/,
    );
    assert.equal(rows.at(-1)?.step, 'post');
    const bounce = await refused(tool, ...args.slice(1, -1), '<>');
    assert.equal(bounce.at(-1)?.reason, 'bounce');
  });

  it('says so where a message is for nobody', async (t) => {
    const { tool, write } = await scene(t);
    const rows = await refused(
      tool,
      write([INSIDE, EDGE, PASS, 'To: support@site.example']),
      '--source',
      'support',
    );
    assert.deepEqual(
      [rows.length, rows[0]?.step, rows[0]?.verdict, rows[0]?.reason],
      [1, 'source', 'rejected', 'no-such-address'],
    );
  });

  it('names the sources that there are', async (t) => {
    const { tool, write } = await scene(t);
    const why =
      /--source: "other" is the name of no \[\[imap\]\] or \[\[webhook\]\]; expected one of support, hook/;
    await tool.fails(65, why, 'check', write([]), '--source', 'other');
  });
});
