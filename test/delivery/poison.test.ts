// Replies that the platform cannot take, among others that it can: they delay nobody but themselves.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { enqueue } from '../support/dispatch.ts';
import { eventually } from '../support/eventually.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { testScratch } from '../support/scratch.ts';

/** The longest that another user's reply may wait. */
const WITHIN_MS = 5000;

interface Site {
  readonly platform: Platform;
  readonly daemon: Daemon;
  readonly store: Store;
}

/** A daemon whose platform answers 500 to users whose name begins with "poison". */
async function open(t: TestContext): Promise<Site> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  platform.answerTo = ({ data }) => (data.user.startsWith('poison') ? 500 : undefined);
  const daemon = await startDaemon(scratch, { sink: platform.sink });
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  return { platform, daemon, store };
}

/** Queues poisoned replies, each in a thread of its own, in turn of so many users. */
async function poison({ store }: Site, items: number, users: number, from = 0): Promise<void> {
  const numbers = Array.from({ length: items }, (_, n) => n + from);
  await Promise.all(
    numbers.map((n) => enqueue(store, `poison-${n}`, `poison/${n}`, Date.now(), `poison-${n % users}`)),
  );
}

/** Waits until every poisoned reply has failed, or the breaker has stopped them. */
async function stopped({ platform, daemon }: Site, items: number): Promise<void> {
  await eventually(
    () => (platform.requests.length >= items || daemon.log().includes('"sink_down"') ? true : undefined),
    () => `${platform.requests.length} requests`,
  );
}

/** Queues another user's reply and gives the milliseconds until it is posted. */
async function postedAfter(site: Site, name: string): Promise<number> {
  const begunAt = performance.now();
  await enqueue(site.store, name, `thread/${name}`, Date.now(), name);
  await site.platform.post(({ data }) => data.user === name, 4 * WITHIN_MS);
  return performance.now() - begunAt;
}

async function assertPrompt(t: TestContext, site: Site, names: readonly string[]): Promise<void> {
  const waits: number[] = [];
  for (const name of names) waits.push(await postedAfter(site, name));
  t.diagnostic(`${waits.map(Math.round).join(', ')} ms; ${site.platform.requests.length} requests`);
  assert.ok(Math.max(...waits) < WITHIN_MS, `${waits.map(Math.round).join(', ')} ms`);
}

describe('replies that the platform answers 500, and 201 to all others', () => {
  for (const [items, users] of [
    [12, 1],
    [40, 1],
    [100, 1],
    [40, 4],
    [40, 40],
  ] as const) {
    it(`${items} of ${users} users delay no other user's reply by ${WITHIN_MS / 1000} s`, async (t) => {
      const site = await open(t);
      await poison(site, items, users);
      await stopped(site, items);
      await assertPrompt(t, site, ['bob', 'carol', 'zoe']);
    });
  }

  it('delay nobody who comes with them or before them', async (t) => {
    const site = await open(t);
    await enqueue(site.store, 'first', 'thread/first', Date.now(), 'bob');
    const begunAt = performance.now();
    for (let n = 0; n < 40; n += 5) {
      await poison(site, 5, 1, n);
      await enqueue(site.store, `among-${n}`, `thread/among/${n}`, Date.now(), `carol-${n}`);
    }
    await site.platform.nthPost(9, 4 * WITHIN_MS);
    const tookMs = performance.now() - begunAt;
    t.diagnostic(`${Math.round(tookMs)} ms for nine replies of others`);
    assert.ok(tookMs < WITHIN_MS, `${Math.round(tookMs)} ms`);
  });

  it('are tried by their own schedule once the sink took others', async (t) => {
    const site = await open(t);
    await poison(site, 40, 1);
    await stopped(site, 40);
    await assertPrompt(t, site, ['bob']);
    const settled = async (): Promise<true | undefined> =>
      (await site.store.list({ user: 'poison-0' })).every(({ attempts }) => attempts >= 1) ? true : undefined;
    await eventually(settled, () => 'every poisoned reply tried');
    await assertPrompt(t, site, ['carol', 'dave']);
    const items = await site.store.list({ user: 'poison-0' });
    assert.ok(
      items.every(({ state }) => state !== 'failed'),
      'none is given up early',
    );
  });
});
