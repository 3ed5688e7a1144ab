import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import type { NewItem } from '../../src/store/item.ts';
import { replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';
import {
  answering,
  GTUBE,
  type SpamdChoice,
  spamdUnavailable,
  startSpamd,
  type TestSpamd,
} from '../support/spamd.ts';
import { initialise, newItem, type Tool } from './tool.ts';

const skip = spamdUnavailable();
const NOBODY = '127.0.0.1:1';

function message(lines: readonly string[] = [], body = 'It works now.\n'): string {
  return [...lines, replyMessage({ to: 'reply@example.org', body })].join('\r\n');
}

/** Sets keys of `[spam]` in the tool's configuration. */
function configure(tool: Tool, settings: Record<string, string | number>): void {
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  const text = readFileSync(tool.config, 'utf8');
  writeFileSync(tool.config, text.replace('[spam]', ['[spam]', ...lines].join('\n')));
}

async function toolWith(t: TestContext, settings: Record<string, string | number>): Promise<Tool> {
  const tool = await initialise(testScratch(t));
  configure(tool, settings);
  return tool;
}

async function withSpamd(
  t: TestContext,
  choice: SpamdChoice = {},
): Promise<{ tool: Tool; spamd: TestSpamd }> {
  const scratch = testScratch(t);
  const spamd = await startSpamd(scratch, choice);
  const tool = await initialise(scratch);
  configure(tool, { source: 'spamd', spamd: spamd.setting });
  return { tool, spamd };
}

/** Puts items into the store; their ids. */
async function fill(tool: Tool, ...items: Partial<NewItem>[]): Promise<string[]> {
  const store = await tool.open('tool');
  const all = items.map((item) => newItem({ hold: 'spam', ...item }));
  for (const item of all) {
    // SpamAssassin knows a message by its text as well.
    await store.accept([item], Buffer.from(message([], `This is ${item.id}.\n`)));
  }
  await store.close();
  return all.map(({ id }) => id);
}

function fileOf(tool: Tool, text: string): string {
  const file = tool.scratch.path('m.eml');
  writeFileSync(file, text);
  return file;
}

describe('mailgw-ctl spam check', () => {
  it('reads the header of the filter, and says what would be done', async (t) => {
    const tool = await toolWith(t, { action: 'discard' });
    const check = (...lines: string[]) => tool.row('spam', 'check', fileOf(tool, message(lines)));
    assert.deepEqual(await check('X-Spam-Status: Yes, score=7.2 required=5.0'), {
      source: 'header',
      flagged: true,
      score: 7.2,
      threshold: null,
      symbols: null,
      verdict: 'discard',
    });
    assert.equal((await check('X-Spam-Status: No, score=-1')).verdict, 'pass');
    const none = await check();
    assert.deepEqual([none.flagged, none.score, none.verdict], [null, null, 'accept']);
  });

  it('says that there is nobody to ask', async (t) => {
    const off = await toolWith(t, { source: 'off' });
    const file = fileOf(off, message());
    await off.fails(78, 'spam.source: is "off"; there is no filter to ask', 'spam', 'check', file);
    const down = await toolWith(t, { source: 'spamd', spamd: NOBODY });
    const reason = `connect ECONNREFUSED ${NOBODY}; is spamd running, and is spam.spamd right?`;
    await down.fails(69, `spam.spamd: ${NOBODY}: ${reason}`, 'spam', 'check', file);
    await down.fails(69, /^mailgw-ctl: spam\.spamd: 127\.0\.0\.1:1: connect ECONNREFUSED/, 'spam', 'ping');
    await down.fails(74, /cannot be read/, 'spam', 'check', '/nonexistent.eml');
  });

  it('names the deadline, and a server that is no spamd', async (t) => {
    const { place } = await answering(t, 'HTTP/1.1 400 Bad Request\r\n\r\n');
    assert.ok('port' in place);
    const tool = await toolWith(t, { source: 'spamd', spamd: `127.0.0.1:${place.port}` });
    await tool.fails(69, /not in the spamc protocol.*; is spam\.spamd really a spamd\?\n$/, 'spam', 'ping');
  });

  it('asks spamd: score, rules, verdict', { skip }, async (t) => {
    const { tool, spamd } = await withSpamd(t);
    assert.deepEqual(await tool.row('spam', 'ping'), { spamd: spamd.setting, ok: true });
    const row = await tool.row('spam', 'check', fileOf(tool, message([], `${GTUBE}\n`)));
    assert.deepEqual([row.source, row.flagged, row.threshold, row.verdict], ['spamd', true, 5, 'hold']);
    assert.ok(Number(row.score) > 900);
    assert.ok((row.symbols as string[]).includes('GTUBE'));
    const shown = await tool.text('spam', 'check', fileOf(tool, message()));
    assert.match(shown, /^flagged +no$/m);
    assert.match(shown, /^verdict +pass$/m);
  });
});

describe('mailgw-ctl spam learn', { skip }, () => {
  it('teaches spamd about items, and says what was news', async (t) => {
    const { tool } = await withSpamd(t, { allowTell: true });
    const [one, two] = await fill(tool, {}, {});
    assert.deepEqual(await tool.rows('spam', 'learn', '--spam', one!, two!), [
      { id: one, class: 'spam', result: 'learned' },
      { id: two, class: 'spam', result: 'learned' },
    ]);
    assert.equal(await tool.text('spam', 'learn', '--spam', one!), `spamd knew item ${one}\n`);
    assert.equal(
      await tool.text('spam', 'learn', '--ham', one!),
      `spamd has learned that item ${one} is ham\n`,
    );
  });

  it('wants to be told which, and of what', async (t) => {
    const tool = await initialise(testScratch(t));
    const which = 'spam learn: expected either --spam or --ham';
    await tool.fails(64, which, 'spam', 'learn', 'abcdef');
    await tool.fails(64, which, 'spam', 'learn', '--spam', '--ham', 'abcdef');
    await tool.fails(65, /there is no such item/, 'spam', 'learn', '--spam', 'abcdef');
  });

  it('says how spamd is made to learn where it may not', async (t) => {
    const { tool } = await withSpamd(t);
    const [id] = await fill(tool, {});
    await tool.fails(
      69,
      new RegExp(
        `^mailgw-ctl: item ${id}: spamd was not taught: .*TELL commands are not enabled.*; start spamd with --allow-tell\n$`,
      ),
      ...['spam', 'learn', '--spam', id!],
    );
  });
});

describe('mailgw-ctl queue release --ham and drop --spam', { skip }, () => {
  it('teach spamd what the item was, then act', async (t) => {
    const { tool, spamd } = await withSpamd(t, { allowTell: true });
    const [good, bad] = await fill(tool, {}, {});
    assert.equal((await tool.row('queue', 'release', '--ham', good!)).state, 'ready');
    assert.equal((await tool.row('queue', 'drop', '--spam', bad!)).state, 'dropped');
    assert.equal(spamd.log().match(/Tell: Setting local/g)?.length, 2);
    assert.equal(await tool.text('spam', 'learn', '--ham', good!), `spamd knew item ${good}\n`);
  });

  it('leave an item as it is when spamd was not taught', async (t) => {
    const { tool, spamd } = await withSpamd(t, { allowTell: true });
    const [id] = await fill(tool, {});
    await spamd.stop();
    await tool.fails(65, /spamd was not taught: /, 'queue', 'drop', '--spam', id!);
    await tool.fails(65, /spamd was not taught: /, 'queue', 'release', '--ham', id!);
    assert.equal((await tool.row('queue', 'show', id!)).state, 'held');
  });

  it('teach nothing of an item that the action is not for', async (t) => {
    const { tool, spamd } = await withSpamd(t, { allowTell: true });
    const [id] = await fill(tool, { hold: undefined });
    await tool.fails(65, /only held items can be released/, 'queue', 'release', '--ham', id!);
    assert.doesNotMatch(spamd.log(), /Tell: Setting/);
    await tool.fails(64, /unknown option '--ham'/, 'queue', 'drop', '--ham', id!);
  });
});
