// Posts that the platform lost are posted again: mailgw-ctl queue retry of items whose message is kept.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { testScratch } from '../support/scratch.ts';
import { initialise, newItem, type Tool } from './tool.ts';

const HOUR = 3_600_000;

interface Place {
  readonly tool: Tool;
  readonly path: string;
  /** Opens the store as a daemon that keeps the messages of what it posts, or does not. */
  readonly open: (keepContent: boolean) => Promise<Store>;
}

async function place(t: TestContext): Promise<Place> {
  const tool = await initialise(testScratch(t));
  const path = tool.scratch.path('mailgw.db');
  return {
    ...{ tool, path },
    open: async (keepContent) => {
      const store = await openSqliteStore({ path, mode: 'tool', keepContent });
      tool.scratch.defer(() => store.close());
      return store;
    },
  };
}

/** Has a message posted that was received and posted so many hours ago; its id. */
async function posted(store: Store, received: number, settled: number, thread?: string): Promise<string> {
  const now = Date.now();
  const at = now - settled * HOUR;
  const item = newItem({ receivedAt: now - received * HOUR, ...(thread === undefined ? {} : { thread }) });
  await store.accept([item], Buffer.from('Subject: x\r\n\r\nI agree.\r\n'));
  const leased = await store.lease({ now: at, leaseMs: HOUR, limit: 10 });
  await store.settle(
    leased.map(({ id, attempts }) => ({ id, attempts, settlement: { kind: 'posted', at } })),
  );
  return item.id;
}

describe('mailgw-ctl queue retry --state posted', () => {
  it('has what was posted since then posted again, under the same id, and says what is not kept', async (t) => {
    const { tool, path, open } = await place(t);
    const gone = await posted(await open(false), 3, 1, 't/gone');
    const store = await open(true);
    const before = await posted(store, 9, 5, 't/before');
    // Received long before the platform lost it: what counts is when it was posted.
    const lost = [await posted(store, 30, 2, 't/1'), await posted(store, 1, 1, 't/2')];
    const all = ['queue', 'retry', '--state', 'posted', '--since', '4h'];
    await tool.fails(
      64,
      /2 items match; of 1 item more the message is not kept any more; nothing was done/,
      ...all,
    );
    assert.equal(await tool.text(...all, '--yes'), '2 items ready to be posted\n');
    const states = await Promise.all([gone, before, ...lost].map(async (id) => (await store.get(id))?.state));
    assert.deepEqual(states, ['posted', 'posted', 'ready', 'ready']);
    const again = await store.lease({ now: Date.now(), leaseMs: HOUR, limit: 10 });
    assert.deepEqual(
      again.map(({ id, attempts }) => [id, attempts]).sort(),
      lost.map((id) => [id, 2]).sort(),
    );
    assert.match(Buffer.from((await store.content(lost[0]!)) ?? '').toString(), /I agree/);
    assert.deepEqual(checkStore(path).problems, []);
  });

  it('wants --since, and no other state along with it', async (t) => {
    const { tool, open } = await place(t);
    await posted(await open(true), 1, 1);
    for (const rest of [[], ['--state', 'failed', '--since', '1d'], ['--user', 'alice']]) {
      await tool.fails(
        64,
        /queue retry --state posted: expected --since/,
        'queue',
        'retry',
        '--state',
        'posted',
        '--yes',
        ...rest,
      );
    }
  });

  it('does so for items by their ids as well; one without its message says so', async (t) => {
    const { tool, open } = await place(t);
    const gone = await posted(await open(false), 1, 1, 't/gone');
    const store = await open(true);
    const kept = await posted(store, 1, 1, 't/kept');
    const { code, stderr } = await tool.run('queue', 'retry', gone, kept);
    assert.equal(code, 65);
    assert.match(stderr, /is posted; its message is not kept any more: store\.keep_content/);
    assert.deepEqual([(await store.get(gone))?.state, (await store.get(kept))?.state], ['posted', 'ready']);
  });

  it('keeps the order of a thread: what was posted first goes before what waits (G5)', async (t) => {
    const { tool, path, open } = await place(t);
    const store = await open(true);
    const first = await posted(store, 2, 1, 't/1');
    const second = newItem({ thread: 't/1', receivedAt: Date.now() - HOUR });
    await store.accept([second], Buffer.from('x'));
    await tool.text('queue', 'retry', first);
    const lease = (): ReturnType<Store['lease']> =>
      store.lease({ now: Date.now(), leaseMs: HOUR, limit: 10 });
    const [leased, ...more] = await lease();
    assert.deepEqual([leased?.id, more], [first, []]);
    await store.settle([
      { id: first, attempts: leased!.attempts, settlement: { kind: 'posted', at: Date.now() } },
    ]);
    assert.deepEqual(
      (await lease()).map(({ id }) => id),
      [second.id],
    );
    assert.deepEqual(checkStore(path).problems, []);
  });
});
