import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it, type TestContext } from 'node:test';
import type { Store } from '../../src/store/store.ts';
import { TOOL } from '../support/command.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, newItem, type Tool } from './tool.ts';

const RAW = Buffer.from('Subject: caf\xe9\r\n\r\nbyte for byte\x00\xff\n', 'latin1');
const IDS = ['aaaaaa0000000001', 'aaaaaa0000000002', 'bbbbbb0000000003', 'cccccc0000000004'] as const;
const LIST_KEYS = [
  ...['id', 'state', 'user', 'thread', 'message_id', 'received_at', 'attempts', 'due_at'],
  ...['last_diagnostic', 'bytes'],
];

/** A store, open as in a daemon, with one item that is ready, one waiting, one held and one failed. */
async function filled(t: TestContext): Promise<{ tool: Tool; store: Store }> {
  const tool = await initialise(testScratch(t));
  const store = await tool.open();
  tool.scratch.defer(() => store.close());
  const at = Date.UTC(2026, 10, 20, 9, 14, 3, 120);
  for (const [index, id] of IDS.entries()) {
    await store.accept(
      [
        newItem({
          id,
          thread: `acme/site/issue/${index}`,
          user: index === 3 ? 'bob' : 'alice',
          receivedAt: at + index,
          hold: index === 2 ? 'list' : undefined,
          messageId: index === 1 ? undefined : `<${index}@example.com>`,
        }),
      ],
      RAW,
    );
  }
  const leased = await store.lease({ now: at + 10, leaseMs: 60_000, limit: 10 });
  const attemptsOf = (id: string): number => leased.find((item) => item.id === id)?.attempts ?? 0;
  await store.settle([
    {
      id: IDS[1],
      attempts: attemptsOf(IDS[1]),
      settlement: { kind: 'deferred', at, dueAt: at + 5000, diagnostic: '503 later', workerDied: false },
    },
    { id: IDS[3], attempts: attemptsOf(IDS[3]), settlement: { kind: 'failed', at, diagnostic: '422 no' } },
  ]);
  await store.reclaim(at + 100_000, []);
  return { tool, store };
}

describe('mailgw-ctl queue list', () => {
  it('prints exactly the stable keys, with times in UTC and null for what is unknown', async (t) => {
    const { tool } = await filled(t);
    const rows = await tool.rows('queue', 'list');
    assert.deepEqual(
      rows.map(Object.keys),
      Array.from(IDS, () => LIST_KEYS),
    );
    assert.deepEqual(rows[1], {
      id: IDS[1],
      state: 'waiting',
      user: 'alice',
      thread: 'acme/site/issue/1',
      message_id: null,
      received_at: '2026-11-20T09:14:03.121Z',
      attempts: 1,
      due_at: '2026-11-20T09:14:08.120Z',
      last_diagnostic: '503 later',
      bytes: RAW.length,
    });
    assert.deepEqual(
      rows.map(({ state }) => state),
      ['ready', 'waiting', 'held', 'failed'],
    );
  });

  it('filters by state, user, thread and time, and limits', async (t) => {
    const { tool } = await filled(t);
    const ids = async (...rest: string[]): Promise<unknown[]> =>
      (await tool.rows('queue', 'list', ...rest)).map(({ id }) => id);
    assert.deepEqual(await ids('--state', 'held'), [IDS[2]]);
    assert.deepEqual(await ids('--state', 'failed', '--state', 'ready'), [IDS[0], IDS[3]]);
    assert.deepEqual(await ids('--open'), [...IDS]);
    assert.deepEqual(await ids('--user', 'bob'), [IDS[3]]);
    assert.deepEqual(await ids('--thread', 'acme/site/issue/1'), [IDS[1]]);
    assert.deepEqual(await ids('--since', '2026-11-20T09:14:03.122Z'), [IDS[2], IDS[3]]);
    const limited = await tool.run('queue', 'list', '--limit', '2');
    assert.equal(limited.stdout.split('\n').length, 4);
    assert.equal(limited.stderr, 'mailgw-ctl: note: there are more than 2; --limit shows more\n');
  });

  it('names a filter that cannot be', async (t) => {
    const tool = await initialise(testScratch(t));
    await tool.fails(
      65,
      '--state "done": is not one of ready, waiting, leased, held, posted, failed',
      ...['queue', 'list', '--state', 'done'],
    );
    await tool.fails(65, /^mailgw-ctl: --since "soon": is not a time/, 'queue', 'list', '--since', 'soon');
    await tool.fails(65, /^mailgw-ctl: --limit "0": is not a whole number/, 'queue', 'list', '--limit', '0');
    await tool.fails(64, /expected either --open or --state/, 'queue', 'list', '--open', '--state', 'held');
  });
});

describe('mailgw-ctl queue', () => {
  it('shows one item by its id or a unique beginning of it', async (t) => {
    const { tool } = await filled(t);
    const row = await tool.row('queue', 'show', 'bbbbbb');
    assert.deepEqual(Object.keys(row), [
      ...LIST_KEYS,
      ...['replied_to', 'reverse_path', 'bounce', 'hold_reason', 'spam_score', 'lease_until', 'settled_at'],
    ]);
    assert.deepEqual([row.id, row.hold_reason, row.replied_to], [IDS[2], 'list', '2026-11-19T17:02:11.000Z']);
    await tool.fails(65, /^mailgw-ctl: item "aaaaaa": 2 items begin so/, 'queue', 'show', 'aaaaaa');
    await tool.fails(65, /^mailgw-ctl: item "bbbbb": there is no such item/, 'queue', 'show', 'bbbbb');
  });

  it('cats the message byte for byte', async (t) => {
    const { tool, store } = await filled(t);
    const base64 = String((await tool.row('queue', 'cat', IDS[0])).content_base64);
    assert.deepEqual(Buffer.from(base64, 'base64'), RAW);
    const printed = execFileSync(process.execPath, [TOOL, '--config', tool.config, 'queue', 'cat', IDS[0]]);
    assert.deepEqual(printed, RAW);

    const [leased] = await store.lease({ now: Date.now(), leaseMs: 1000, limit: 1 });
    await store.settle([
      {
        id: leased?.id ?? '',
        attempts: leased?.attempts ?? 0,
        settlement: { kind: 'posted', at: Date.now() },
      },
    ]);
    await tool.fails(
      65,
      `item ${leased?.id ?? ''}: is posted and its message is not kept`,
      'queue',
      'cat',
      leased?.id ?? '',
    );
  });

  it('retries, holds, releases and drops, beside a store that is open elsewhere', async (t) => {
    const { tool, store } = await filled(t);
    assert.deepEqual(await tool.row('queue', 'retry', IDS[3]), {
      id: IDS[3],
      action: 'retry',
      state: 'ready',
    });
    assert.equal((await store.get(IDS[3]))?.state, 'ready');
    assert.equal(await tool.text('queue', 'hold', IDS[3]), `item ${IDS[3]} is held\n`);
    assert.equal((await store.get(IDS[3]))?.holdReason, 'operator');
    assert.equal(await tool.text('queue', 'release', 'bbbbbb'), `item ${IDS[2]} is ready to be posted\n`);
    assert.deepEqual(await tool.row('queue', 'drop', IDS[0]), {
      id: IDS[0],
      action: 'drop',
      state: 'dropped',
    });
    assert.equal(await store.get(IDS[0]), undefined);
  });

  it('acts on every item of a state', async (t) => {
    const { tool } = await filled(t);
    assert.deepEqual(await tool.rows('queue', 'retry', '--state', 'failed', '--user', 'alice'), []);
    assert.equal((await tool.rows('queue', 'retry', '--state', 'failed', '--yes')).length, 1);
    assert.equal((await tool.rows('queue', 'drop', '--state', 'ready', '--yes')).length, 2);
    await tool.fails(
      64,
      'queue drop: expected either ids, or --all or a filter such as --state ready',
      'queue',
      'drop',
    );
    for (const filter of [['--state', 'held'], ['--user', 'alice'], ['--all']]) {
      await tool.fails(64, /expected either ids, or --all/, 'queue', 'drop', IDS[2], ...filter);
    }
  });

  it('does what it can, says what it could not, and then ends with 65', async (t) => {
    const { tool } = await filled(t);
    const { code, stdout, stderr } = await tool.run('queue', 'release', IDS[0], 'nothing-here', IDS[2]);
    assert.deepEqual(
      [code, stdout, stderr],
      [
        65,
        `item ${IDS[2]} is ready to be posted\n`,
        `mailgw-ctl: item ${IDS[0]}: is ready; only held items can be released, but for a probe of doctor\n` +
          'mailgw-ctl: item "nothing-here": there is no such item; "mailgw-ctl queue list" shows them\n',
      ],
    );
  });

  it('pauses and resumes, which stats show', async (t) => {
    const { tool, store } = await filled(t);
    assert.deepEqual(await tool.row('queue', 'pause'), { paused: true });
    assert.equal((await store.counts()).paused, true);
    const stats = await tool.row('stats');
    assert.deepEqual(
      { ...stats, oldest_age_seconds: 0 },
      {
        ...{ ready: 1, waiting: 1, leased: 0, held: 1, posted: 0, failed: 1 },
        ...{ oldest_received_at: '2026-11-20T09:14:03.120Z', oldest_age_seconds: 0, paused: true },
        ...{ sink: 'unknown', sink_since: null, sink_diagnostic: null },
        ...{ hard_bounces: 0, soft_bounces: 0, verdicts: [] },
      },
    );
    assert.deepEqual(await tool.row('queue', 'resume'), { paused: false });
    assert.match(await tool.text('stats'), /^paused +no$/m);
  });

  it('works on an empty queue', async (t) => {
    const tool = await initialise(testScratch(t));
    assert.equal(await tool.text('queue', 'list'), 'No item matches.\n');
    assert.deepEqual(await tool.rows('queue', 'list'), []);
    assert.equal((await tool.row('stats')).oldest_received_at, null);
  });
});

describe('mailgw-ctl and other processes', () => {
  it('adds users from many processes at once while the store is open, and loses none', async (t) => {
    const { tool, store } = await filled(t);
    const names = Array.from({ length: 6 }, (_, index) => `user${index}`);
    await Promise.all(
      names.map((name) => tool.text('user', 'add', name, '--address', `${name}@example.com`)),
    );
    assert.deepEqual(
      (await store.listUsers()).map(({ name }) => name),
      names,
    );
  });
});
