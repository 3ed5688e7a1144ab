// mailgw-ctl trace and top beside the real daemon.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TOOL } from '../support/command.ts';
import { type Daemon, type Row, startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { run } from '../support/process.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';

const RECEIVED =
  'Received: from a.example (a.example [192.0.2.7]) by mx.example.org (Postfix) with ESMTPS id 4XyZ1w2vBczDs; Fri, 20 Nov 2026 09:14:03 +0000';

describe('mailgw-ctl trace and top', () => {
  const scratch = suiteScratch();
  const messageId = newMessageId();
  let daemon: Daemon;
  let platform: Platform;
  let id = '';

  before(async () => {
    platform = await startPlatform(scratch);
    const settings = {
      delivery: { retry_first: '200ms', retry_longest: '500ms' },
      metrics: { listen: `unix:${scratch.path('metrics.sock')}` },
    };
    daemon = await startDaemon(scratch, { sink: platform.sink, settings });
    await daemon.addUser('alice');
  });
  after(() => scratch.close());

  /** Waits until the item is in this state, and gives its trace. */
  async function traceIn(state: string): Promise<Row> {
    return await eventually(
      async () => {
        const [row] = await daemon.ctl('trace', id);
        return row?.state === state ? row : undefined;
      },
      () => `${id} is not ${state}\n${daemon.log()}`,
    );
  }

  const human = async (...args: string[]): Promise<string> => {
    const result = await run(process.execPath, [TOOL, '--config', daemon.config, ...args]);
    assert.deepEqual([result.code, result.stderr], [0, '']);
    return result.stdout;
  };

  it('tells a way with a deferral on it', async (t) => {
    platform.answerNext(503);
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'acme/site/issue/7' });
    const client = await LmtpClient.open(t, daemon.socket);
    const headers = [RECEIVED, 'Content-Type: text/plain'];
    const [reply = ''] = await client.deliver(replyMessage({ to: address, messageId, headers }), address);
    id = /queued as (\w+)/.exec(reply)?.[1] ?? '';
    const row = await traceIn('posted');
    assert.equal(row.queue_id, '4XyZ1w2vBczDs');
    assert.equal(row.attempts, 2);
    const way = row.way as { at: string | null; event: string; detail: string }[];
    assert.deepEqual(
      way.map(({ event }) => event),
      ['received', 'deferred', 'posted', 'posted'],
    );
    assert.match(
      way[0]?.detail ?? '',
      /^accepted from alice@example\.com; sender policy off: none; spam: unchecked$/,
    );
    assert.match(way[1]?.detail ?? '', /^attempt 1: 503 Service Unavailable/);
    assert.equal(way[2]?.detail, 'attempt 2');
    assert.deepEqual(way[3], { at: null, event: 'posted', detail: 'done; the message is still kept' });
    const times = way.flatMap(({ at }) => (at === null ? [] : [at]));
    assert.deepEqual(times, times.toSorted());
  });

  it('finds a mail by Message-ID, with and without brackets, by queue id and by the beginning of ours', async () => {
    for (const name of [messageId, `<${messageId}>`, '4XyZ1w2vBczDs', id.slice(0, 10), id]) {
      const rows = await daemon.ctl('trace', name);
      assert.deepEqual(
        rows.map((row) => row.id),
        [id],
        name,
      );
    }
  });

  it('tells it to people as well', async () => {
    const text = await human('trace', id);
    assert.match(text, new RegExp(`^${id}  reply of alice to acme/site/issue/7\n`));
    assert.match(text, /, Postfix 4XyZ1w2vBczDs, \d+ bytes\n/);
    assert.match(text, /\n {2}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {2}deferred {2}attempt 1: 503/);
    assert.match(text, /\n {2}now {19}posted {4}done; the message is still kept\n$/);
  });

  it('says where to look for what it does not know, and takes no pattern for a name', async () => {
    for (const name of ['nobody@example.com', '*', '000000*', '?'.repeat(24), "'"]) {
      const result = await daemon.tryCtl('trace', name);
      assert.equal(result.code, 65, name);
      assert.match(
        result.stderr,
        /no item has this id, Message-ID or queue id .* mailgw-ctl verdicts --message-id/,
      );
    }
  });

  it('is found in the log by the same two ids: one line for the verdict, one for each attempt', () => {
    const lines = daemon
      .log()
      .split('\n')
      .filter((line) => line.includes(id))
      .map((line) => JSON.parse(line) as Row);
    assert.deepEqual(
      lines.map(({ event, outcome }) => [event, outcome]),
      [
        ['verdict', undefined],
        ['attempt', 'deferred'],
        ['attempt', 'posted'],
      ],
    );
    assert.ok(lines.every((line) => line.id === id));
    assert.equal(lines[0]?.queue_id, '4XyZ1w2vBczDs');
  });

  it('top prints one picture without a terminal, with what the daemon measures', async () => {
    const [row] = await daemon.ctl('top');
    assert.deepEqual(row?.last_minute, { received: 1, posted: 1, failed: 0 });
    const figures = row.daemon as Record<string, unknown>;
    assert.equal(figures.is_up, true);
    assert.ok(Number(figures.sink_ms) > 0 && Number(figures.commit_ms) > 0, JSON.stringify(figures));
    assert.deepEqual(row.threads, []);
    const text = await human('top', '--once');
    assert.match(text, /^last minute {2}received 1 {2}posted 1 {2}failed 0$/m);
    assert.match(text, /^daemon {7}up {2}mean times: sink [\d.]+ ms/m);
    assert.match(text, /^No thread waits\.$/m);
  });

  it('top shows the threads that wait longest', async (t) => {
    await daemon.ctl('queue', 'pause');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'acme/site/issue/9' });
    const client = await LmtpClient.open(t, daemon.socket);
    for (let sent = 0; sent < 2; sent++) await client.deliver(replyMessage({ to: address }), address);
    const [row] = await daemon.ctl('top');
    const threads = row?.threads as Row[];
    assert.deepEqual(
      threads.map(({ thread, items, last_diagnostic }) => [thread, items, last_diagnostic]),
      [['acme/site/issue/9', 2, null]],
    );
    assert.match(await human('top'), /PAUSED\n.*\n.*ready 2.*\n/);
  });

  it('top is live on a terminal, and ends on q with the screen as it was', async () => {
    const words = [process.execPath, TOOL, '--config', daemon.config, 'top', '--interval', '200ms'];
    const shown = await run('script', ['-qec', words.map((word) => `'${word}'`).join(' '), '/dev/null'], 'q');
    assert.equal(shown.code, 0);
    assert.match(shown.stdout, /\u001b\[\?1049h[^]*last minute[^]*q ends[^]*\u001b\[\?1049l/u);
  });

  it('top says that the daemon does not answer, and shows the store all the same', async () => {
    await daemon.stop();
    const [row] = await daemon.ctl('top');
    assert.match(String((row?.daemon as Row).problem), /ENOENT|ECONNREFUSED/);
    assert.equal((row?.items as Row).ready, 2);
  });
});

describe('a mail that brings a token of ours in its fields', () => {
  it('is shown and posted without it', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const daemon = await startDaemon(scratch, { sink: platform.sink });
    await daemon.addUser('alice');
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: 'acme/site/issue/8' });
    const token = /reply\+(\w+)@/.exec(address)?.[1] ?? address;
    const client = await LmtpClient.open(t, daemon.socket);
    const [reply = ''] = await client.deliver(replyMessage({ to: address, messageId: address }), address);
    const id = /queued as (\w+)/.exec(reply)?.[1] ?? '';
    const post = await eventually(
      () => platform.posts[0],
      () => `${id} is not posted\n${daemon.log()}`,
    );
    assert.match(post.data.message_id ?? '', /^<reply\+…@/);
    for (const command of [
      ['trace', id],
      ['queue', 'show', id],
      ['queue', 'list'],
    ]) {
      const people = await run(process.execPath, [TOOL, '--config', daemon.config, ...command]);
      for (const text of [people.stdout, JSON.stringify(await daemon.ctl(...command))]) {
        assert.ok(!text.includes(token), text);
        assert.ok(command[1] === 'list' || text.includes('reply+…@'), text);
      }
    }
  });
});
