/**
 * Whole messages, each as a public bug report of a reply gateway describes it: what `check` says of every one is what a person would decide.
 * fixtures/cases holds them: NAME.eml with @REPLY@, @MID@ and @FROM@ for what the site makes, NAME.json for what is to come of it.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { repositoryRoot } from '../support/process.ts';
import { suiteScratch } from '../support/scratch.ts';
import { initialise, parseRows, type Tool } from './tool.ts';

const FOLDER = path.join(repositoryRoot, 'test', 'reply', 'fixtures', 'cases');
const AUTHOR = 'alice@example.com';

interface Case {
  readonly to?: 'sealed' | 'bound';
  readonly from?: string | null;
  readonly expect: {
    readonly post: boolean;
    readonly text?: string;
    readonly has?: readonly string[];
    readonly lacks?: readonly string[];
    readonly matches?: readonly string[];
    readonly author?: string;
    readonly attachments?: number;
    readonly reason?: string;
    readonly notReason?: string;
  };
}

interface Post {
  readonly from: { readonly address: string };
  readonly body: { readonly markdown: string; readonly text: string };
  readonly attachments: readonly unknown[];
}

interface Minted {
  readonly reply_to: string;
  readonly message_id: string;
}

const even = (text: string): string =>
  text
    .replace(/[ \t]+$/gm, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();

function comparePost({ body, from, attachments }: Post, expect: Case['expect']): void {
  if (expect.text !== undefined) assert.equal(even(body.text), even(expect.text));
  for (const part of expect.has ?? [])
    assert.ok(body.markdown.includes(part), `lacks ${part}: ${body.markdown}`);
  for (const part of expect.lacks ?? [])
    assert.ok(!body.markdown.includes(part), `holds ${part}: ${body.markdown}`);
  for (const form of expect.matches ?? []) assert.match(body.markdown, new RegExp(form, 'u'));
  if (expect.author !== undefined) assert.equal(from.address, expect.author);
  assert.ok(attachments.length >= (expect.attachments ?? 0));
}

describe('messages of public bug reports', { concurrency: 2 }, () => {
  const scratch = suiteScratch();
  let tool: Tool;
  const minted = new Map<string, Minted>();

  before(async () => {
    tool = await initialise(scratch);
    writeFileSync(
      tool.config,
      readFileSync(tool.config, 'utf8').replace(/^authserv_id = .*$/m, 'authserv_id = "mx.example.org"'),
    );
    await tool.text('user', 'add', 'alice', '--address', AUTHOR);
    for (const [form, ...flags] of [['sealed'], ['bound', '--bound']] as const) {
      const row = await tool.row(
        'address',
        'mint',
        '--user',
        'alice',
        '--thread',
        'acme/site/issue/7',
        ...flags,
      );
      minted.set(form, { reply_to: String(row.reply_to), message_id: String(row.message_id) });
    }
  });
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.eml'))) {
    it(file.replace('.eml', '').replaceAll('-', ' '), async () => {
      const {
        to = 'sealed',
        from = AUTHOR,
        expect,
      } = JSON.parse(readFileSync(path.join(FOLDER, file.replace('.eml', '.json')), 'utf8')) as Case;
      const address = minted.get(to);
      assert.ok(address);
      const raw = readFileSync(path.join(FOLDER, file), 'latin1')
        .replaceAll('@REPLY@', address.reply_to)
        .replaceAll('@MID@', address.message_id)
        .replaceAll('@FROM@', AUTHOR);
      const message = scratch.path(file);
      writeFileSync(message, raw, 'latin1');
      const sender = from === null ? [] : ['--from', from === '' ? '<>' : from];
      const { stdout } = await tool.run('--json', 'check', message, '--to', address.reply_to, ...sender);
      const rows = parseRows(stdout);
      const post = rows.find(({ step }) => step === 'post')?.body as { data: Post } | undefined;
      assert.equal(post !== undefined, expect.post, stdout);
      if (post !== undefined) comparePost(post.data, expect);
      const last = rows.filter(({ step }) => step !== 'post').at(-1);
      if (expect.reason !== undefined) assert.equal(last?.reason, expect.reason);
      if (expect.notReason !== undefined) assert.notEqual(last?.reason, expect.notReason);
    });
  }
});
