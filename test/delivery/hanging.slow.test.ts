// A platform that never answers to some users' replies: they delay nobody but themselves.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { LmtpWire } from '../fault/lmtp-wire.ts';
import { type Daemon, type Settings, startDaemon } from '../support/daemon.ts';
import { enqueue } from '../support/dispatch.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { addUser, mintSealed } from '../support/mint.ts';
import { type Platform, startPlatform } from '../support/platform.ts';
import { testScratch } from '../support/scratch.ts';

/** The longest that another user's reply may wait. */
const WITHIN_MS = 5000;

interface Site {
  readonly platform: Platform;
  readonly daemon: Daemon;
  readonly store: Store;
}

/** A daemon, with default settings unless given others, whose platform never answers to users whose name begins with "hang". */
async function open(t: TestContext, settings: Settings = {}): Promise<Site> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  platform.answerTo = ({ data }) => (data.user.startsWith('hang') ? 0 : undefined);
  const daemon = await startDaemon(scratch, { sink: platform.sink, settings });
  // Before the daemon stops, which would wait for what hangs.
  scratch.defer(() => platform.down());
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode: 'tool' });
  scratch.defer(() => store.close());
  return { platform, daemon, store };
}

/** Queues replies that will hang, each in a thread of its own, in turn of so many users. */
async function hang({ store }: Site, items: number, users: number): Promise<void> {
  const numbers = Array.from({ length: items }, (_, n) => n);
  await Promise.all(
    numbers.map((n) => enqueue(store, `hang-${n}`, `hang/${n}`, Date.now(), `hang-${n % users}`)),
  );
}

/** Queues another user's reply and gives the milliseconds until it is posted. */
async function postedAfter({ store, platform }: Site, user: string): Promise<number> {
  const begunAt = performance.now();
  const id = `${user}-${Math.round(begunAt)}`;
  await enqueue(store, id, `thread/${user}`, Date.now(), user);
  await platform.post(({ data }) => data.id === id, 4 * WITHIN_MS);
  return performance.now() - begunAt;
}

/** Mints a user's addresses in so many threads. */
async function mint({ store, daemon }: Site, name: string, threads: number): Promise<string[]> {
  const { number: userNumber, salts } = await addUser(store, name);
  const pepper = Buffer.from(readFileSync(join(dirname(daemon.config), 'pepper'), 'utf8'), 'base64');
  const repliedTo = Math.floor(Date.now() / 1000) - 3600;
  const minting = { pepper, salt: salts[0]!.salt, userNumber, repliedTo };
  return Promise.all(
    Array.from({ length: threads }, (_, n) => mintSealed(store, { ...minting, thread: `${name}/${n}` })),
  );
}

/** Delivers one reply, which must be taken. */
async function deliver(wire: LmtpWire | undefined, address: string): Promise<void> {
  assert.equal((await wire?.begin([address]))?.isDataWanted, true);
  const message = replyMessage({ to: 'a reply address', messageId: newMessageId() });
  const replies = await wire?.finish(message, 1);
  assert.match(replies?.[0] ?? 'closed', /^250 /);
}

async function assertPrompt(t: TestContext, site: Site, names: readonly string[]): Promise<void> {
  const waits: number[] = [];
  for (const name of names) waits.push(await postedAfter(site, name));
  t.diagnostic(`${waits.map(Math.round).join(', ')} ms; ${site.platform.requests.length} requests`);
  assert.ok(Math.max(...waits) < WITHIN_MS, `${waits.map(Math.round).join(', ')} ms`);
}

describe('replies that the platform never answers, and all others at once', () => {
  for (const [items, users] of [
    [16, 1],
    [40, 1],
    [1000, 1],
    [40, 4],
  ] as const) {
    it(`${items} of ${users} users delay no other user's reply by ${WITHIN_MS / 1000} s`, async (t) => {
      const site = await open(t);
      await hang(site, items, users);
      await site.platform.nthRequest(users);
      await assertPrompt(t, site, ['bob', 'carol', 'zoe', 'bob']);
    });
  }

  it('are of a user whose posts were prompt before', async (t) => {
    const site = await open(t);
    const { platform, store } = site;
    const hangs = platform.answerTo;
    platform.answerTo = () => undefined;
    await hang(site, 40, 1);
    await platform.nthPost(40);
    platform.answerTo = hangs;
    for (let n = 0; n < 40; n++) await enqueue(store, `more-${n}`, `more/${n}`, Date.now(), 'hang-0');
    await platform.nthRequest(41);
    await assertPrompt(t, site, ['bob', 'carol', 'zoe', 'bob']);
  });

  it('go on for many timeouts', async (t) => {
    const site = await open(t, { delivery: { attempt_timeout: '1s', retry_first: '100ms' } });
    await hang(site, 40, 1);
    for (let requests = 10; requests <= 40; requests += 10) {
      await site.platform.nthRequest(requests);
      await assertPrompt(t, site, ['bob', 'carol']);
    }
  });

  it('come by LMTP, and another reply after them', async (t) => {
    const site = await open(t);
    const addresses = await mint(site, 'hang', 40);
    const others = await mint(site, 'bob', 5);
    const wire = await LmtpWire.connect(site.daemon.socket);
    for (const address of addresses) await deliver(wire, address);
    for (const [nth, address] of others.entries()) {
      const begunAt = performance.now();
      await deliver(wire, address);
      await site.platform.nthPost(nth + 1);
      assert.ok(performance.now() - begunAt < WITHIN_MS, `${Math.round(performance.now() - begunAt)} ms`);
    }
    wire?.close();
  });

  it('are all tried, a thread in order, once the platform answers again', async (t) => {
    const site = await open(t);
    const { platform, store } = site;
    for (let n = 0; n < 60; n++) await enqueue(store, `hang-${n}`, `hang/${n % 30}`, Date.now(), 'hang');
    await platform.nthRequest(1);
    await assertPrompt(t, site, ['bob']);
    platform.answerTo = () => undefined;
    await platform.down(); // and with it what hangs
    await platform.up();
    await platform.nthPost(61, 60_000);
    const order = platform.posts.map(({ data }) => data).filter(({ user }) => user === 'hang');
    for (let thread = 0; thread < 30; thread++) {
      const ids = order.filter((data) => data.thread === `hang/${thread}`).map(({ id }) => id);
      assert.deepEqual(ids, [`hang-${thread}`, `hang-${thread + 30}`]);
    }
  });
});
