// Control characters from mail and from the wire: none comes out raw, in the log, a reply, a terminal or a post.
//
// The real daemon, its log in both forms, the real mailgw-ctl on pipes and on a terminal. Notices: not built yet; their
// headers and texts belong in here, over the same HOSTILE.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { onTerminal, Tool } from '../ctl/tool.ts';
import { startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { suiteScratch } from '../support/scratch.ts';

/** Cursor movement, a title, a bell, C1's own CSI, DEL, NUL, bare CR and LF, bidirectional overrides, separators. */
const HOSTILE =
  'a\u001b[2Jb\u001b]0;owned\u0007c\u009b31md\u007fe\u0000f\rg\u202eh\u2066i\u061cj\u2028k\u0085l\u200em\ufeffn\u{e0041}o';

/** What must not stand raw in anything printed, line ends apart. */
const RAW = /(?![\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

const word = (text: string): string => `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
const percent = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

/** What must not stand in a field of a post: tags, which flags of countries are made with, may. */
const IN_FIELD = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;

/** Header fields with HOSTILE in every place where text can stand; From and Message-ID must stay readable. */
const FIELDS: readonly string[] = [
  `From: "${HOSTILE.replace(/[\u0000\r\u0007\u001b\u007f]/g, '')}" <alice@example.com>`,
  `Message-ID: <${HOSTILE}@client.example>`,
  `Subject: ${HOSTILE} ${word(HOSTILE)} ${word('x\r\nBcc: eve@example.com')}`,
  `In-Reply-To: <${HOSTILE}@x> ${HOSTILE}`,
  `References: <${HOSTILE}@y> ${HOSTILE}`,
  `Date: ${HOSTILE}`,
  `To: ${HOSTILE} <x@example.org>, ${word(HOSTILE)} <y@example.org>`,
  `Received: ${HOSTILE}`,
  `Authentication-Results: ${HOSTILE}; dmarc=pass header.from=${HOSTILE}`,
  `X-Spam-Status: ${HOSTILE}`,
  `X-${HOSTILE.replace(/[^a-z]/g, '')}: ${HOSTILE}`,
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
];

/** A text and attachments whose names are hostile in each way that a name can be written. */
function parts(): string[] {
  const named = (disposition: string, type = 'application/octet-stream'): string[] => [
    '--b',
    `Content-Type: ${type}`,
    `Content-Disposition: attachment; ${disposition}`,
    '',
    'content',
  ];
  return [
    ...['--b', `Content-Type: text/plain; charset=utf-8; x="${HOSTILE}"`, '', `Hello ${HOSTILE}`],
    ...named(`filename="${HOSTILE}.txt"`),
    ...named(`filename="${word(HOSTILE)}.txt"`),
    ...named(`filename*=utf-8''${percent(HOSTILE)}.txt`),
    ...named(`filename*0="${HOSTILE}"; filename*1=".txt"`),
    ...named('filename="../../etc/passwd\u0000.txt"', `application/${HOSTILE}; name="${HOSTILE}"`),
    ...['--b--', ''],
  ];
}

const mail = (fields: readonly string[], body: readonly string[]): Buffer =>
  Buffer.from([...fields, '', ...body].join('\r\n'));

/** Headers that end at the gate, each with something hostile that its verdict could quote. */
const REFUSED: readonly string[][] = [
  [`Auto-Submitted: ${HOSTILE}`],
  [`Precedence: ${HOSTILE}`, 'Auto-Submitted: auto-generated'],
  [`Content-Type: multipart/report; report-type="${HOSTILE}"`],
  [`From: ${HOSTILE} <eve@example.com>`],
  [`From: ${HOSTILE}@${HOSTILE}`],
  [`From: a@example.com, ${HOSTILE} <b@example.com>`],
  [`X-Failed-Recipients: ${HOSTILE}`],
];

for (const format of ['json', 'human'] as const) {
  describe(`hostile mail and commands, the log in ${format}`, { concurrency: false }, () => {
    const scratch = suiteScratch();
    after(() => scratch.close());

    it('give replies, a log, posts and output without one raw control character', async (t) => {
      const platform = await startPlatform(scratch);
      const daemon = await startDaemon(scratch, {
        sink: platform.sink,
        settings: { log: { format, level: 'debug' } },
      });
      await daemon.addUser('alice');
      const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'a/b' });
      const client = await LmtpClient.open(t, daemon.socket);

      const replies = await client.deliver(mail(FIELDS, parts()), address);
      for (const fields of REFUSED) {
        replies.push(...(await client.deliver(mail([...fields, 'Message-ID: <1@x>'], ['x']), address)));
      }
      replies.push(...(await sayHostile(client)));
      for (const reply of replies) assert.doesNotMatch(reply, RAW);

      checkPost(await firstPost(platform));
      const id = /queued as (\w+)/.exec(replies[0] ?? '')?.[1] ?? '';
      // The tool's output has nothing to do with the log's form: once is enough.
      if (format === 'json') await checkTool(scratch, id, address);
      assert.equal(await daemon.stop(), 'exit 0');
      const log = daemon.log();
      assert.match(log, /spoofed|malformed|auto-reply/);
      assert.doesNotMatch(log, RAW);
      assert.ok(!log.includes('\r'));
      if (format === 'json') for (const line of log.trim().split('\n')) JSON.parse(line);
    });
  });
}

/** Says commands with hostile arguments; the replies. */
async function sayHostile(client: LmtpClient): Promise<string[]> {
  const argument = HOSTILE.replace('\r', '');
  return await client.sayAll(
    `LHLO ${argument}`,
    'LHLO client.example.com',
    `MAIL FROM:<${argument}@example.com>`,
    `MAIL FROM:<alice@example.com> ${argument}=1`,
    'RSET',
    'MAIL FROM:<alice@example.com>',
    `RCPT TO:<${argument}@reply.example.org>`,
    `RCPT TO:<"${argument}"@reply.example.org>`,
    `RCPT TO:<reply+${argument}@${argument}>`,
    `VRFY ${argument}`,
    argument,
    'QUIT',
  );
}

async function firstPost(platform: Platform): Promise<Platform['posts'][number]> {
  return await eventually(
    () => Promise.resolve(platform.posts[0]),
    () => 'the post',
  );
}

/** All that a platform shows of a post beside its text is safe; its text keeps only line ends, tabs and formats. */
function checkPost({ data }: Platform['posts'][number]): void {
  const { body, attachments, ...fields } = data;
  assert.doesNotMatch(JSON.stringify(fields), IN_FIELD);
  for (const value of textsIn(fields)) assert.doesNotMatch(value, IN_FIELD);
  for (const { filename, content_type: type } of attachments) {
    assert.doesNotMatch(filename, IN_FIELD);
    assert.doesNotMatch(filename, /[/\\]/);
    assert.match(type, /^[!-~]+$/);
  }
  for (const text of textsIn(body)) assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
}

/** Every text in a value, nested ones too. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** Every command that shows something from mail or from its arguments, on a pipe and on a terminal. */
async function checkTool(
  scratch: Parameters<typeof startPlatform>[0],
  id: string,
  address: string,
): Promise<void> {
  const tool = new Tool(scratch);
  const file = scratch.path('hostile.eml');
  writeFileSync(file, mail(FIELDS, parts()));
  const shownArgument = HOSTILE.replace('\u0000', '');
  const commands = [
    ['queue', 'list'],
    ['queue', 'list', '--user', shownArgument],
    ['queue', 'show', id],
    ['queue', 'show', shownArgument],
    ['check', file, '--to', address],
    ['check', file, '--to', address, '--from', shownArgument],
    ['check', file, '--to', shownArgument],
    ['address', 'explain', address],
    ['address', 'explain', shownArgument],
    ['address', 'explain', `reply+${shownArgument}@reply.example.org`],
    ['user', 'show', shownArgument],
    ['user', 'add', shownArgument, '--address', shownArgument],
    ['stats'],
    [shownArgument],
  ];
  for (const command of commands) {
    for (const json of [[], ['--json']]) {
      const { stdout, stderr } = await tool.run(...json, ...command);
      assert.doesNotMatch(stdout, RAW, command.join(' '));
      assert.doesNotMatch(stderr, RAW, command.join(' '));
    }
  }
  const onScreen = [
    ['queue', 'show', id],
    ['queue', 'cat', id],
    ['check', file, '--to', address],
  ];
  for (const command of onScreen) {
    // The tool's own colours and the terminal's line ends are not the mail's.
    const shown = (await onTerminal(tool, 200, 'NO_COLOR=1', ...command)).replaceAll('\r\n', '\n');
    assert.doesNotMatch(shown.replaceAll('\t', ' '), RAW, command.join(' '));
  }
}
