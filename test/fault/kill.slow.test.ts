// kill -9 right after a 250, start again, a hundred times in full: each reply is posted once (G1, G4).
//
// The daemon is killed while it delivers, so some attempts are repeated; the platform tells them by their
// Idempotency-Key, as the webhook's contract asks of it. Each round's mail is sent to the daemon of that round.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { freshReply } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { startPlatform } from '../support/platform.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';

/** Installations that are killed and started side by side: a start keeps one processor busy. */
const SITES = 2;

const ROUNDS = SITES * Math.ceil(roundsOf(100, 6) / SITES);

/** Sends one reply; the id in its 250. */
async function accepted(t: TestContext, daemon: Daemon, to: string): Promise<string> {
  const client = await LmtpClient.open(t, daemon.socket);
  const [reply] = await client.deliver(freshReply().text, to);
  client.vanish();
  const id = /^250 2\.0\.0 queued as (\w+)$/.exec(reply ?? '')?.[1];
  assert.ok(id, reply);
  return id;
}

/** Kills and starts one installation so often; then everything that it accepted is posted, once, in order. */
async function killAndStart(t: TestContext, rounds: number): Promise<void> {
  const scratch = testScratch(t);
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, {
    sink: platform.sink,
    settings: { delivery: { retry_first: '100ms', retry_longest: '500ms' } },
  });
  await daemon.addUser('alice');
  const { reply_to } = await daemon.mint({ user: 'alice', thread: 'test/thread/1' });
  const ids: string[] = [];
  for (let round = 0; round < rounds; round++) {
    ids.push(await accepted(t, daemon, reply_to));
    await daemon.kill9();
    await daemon.start();
  }
  await platform.nthPost(rounds);
  assert.equal(await daemon.stop(), 'exit 0');

  // One thread: the order of arrival is the order of the posts (G5).
  assert.deepEqual(
    platform.posts.map(({ data }) => data.id),
    ids,
  );
  const store = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
  t.after(() => store.close());
  assert.equal(store.pragma('integrity_check', { simple: true }), 'ok');
  const states = store.prepare('SELECT state, count(*) AS count FROM item GROUP BY state').all();
  assert.deepEqual(states, [{ state: 'posted', count: rounds }]);
  t.diagnostic(`${platform.requests.length} requests for ${rounds} posts`);
}

describe('kill -9 after a 250', () => {
  it(`${ROUNDS} rounds: every accepted reply is posted exactly once`, async (t) => {
    await Promise.all(Array.from({ length: SITES }, () => killAndStart(t, ROUNDS / SITES)));
  });
});
