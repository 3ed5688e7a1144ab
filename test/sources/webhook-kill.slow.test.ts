// kill -9 of the daemon at any moment of a provider's call: its retry leaves exactly one post, whatever the moment was.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { Chance, failedRound } from '../fault/rounds.ts';
import { startDaemon } from '../support/daemon.ts';
import { eventually } from '../support/eventually.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { DIRECT_KINDS, genuineCall, newKeys, sendCall, tablesOf } from './webhook-bench.ts';

const ROUNDS = roundsOf(100, 6);

/** The longest that a call is under way, as far as kills are concerned. */
const MOST_MS = 40;

describe('kill -9 during a call', () => {
  it(`${ROUNDS} rounds: every mail is posted exactly once when its provider has tried again`, async (t) => {
    const chance = new Chance();
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const keys = newKeys();
    const socket = scratch.path('inbound.sock');
    const daemon = await startDaemon(scratch, {
      sink: platform.sink,
      settings: {
        inbound: { listen: `unix:${socket}` },
        delivery: { retry_first: '100ms', retry_longest: '500ms' },
      },
      tables: tablesOf(scratch, keys),
    });
    await daemon.ready();
    await daemon.addUser('alice');
    const { reply_to } = await daemon.mint({ user: 'alice', thread: 'test/thread/1' });
    let lost = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const kind = chance.oneOf(DIRECT_KINDS);
      const after = chance.fraction() * MOST_MS;
      try {
        const raw = Buffer.from(replyMessage({ to: reply_to }));
        const call = genuineCall(keys, kind, { raw, to: [reply_to] }, Date.now());
        const first = sendCall(socket, call);
        // The moment of the kill is what is tried, not something that is waited for.
        await delay(after);
        await daemon.kill9();
        if ((await first).status !== 200) lost += 1;
        await daemon.start();
        const again = async (): Promise<true | undefined> =>
          (await sendCall(socket, call)).status === 200 ? true : undefined;
        await eventually(again, () => daemon.log());
      } catch (error) {
        throw failedRound(error, `round ${round}`, kind, `${after} ms`, `seed ${chance.seed}`);
      }
    }
    await platform.nthPost(ROUNDS);
    assert.equal(await daemon.stop(), 'exit 0');
    const store = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
    t.after(() => store.close());
    const states = store.prepare('SELECT state, count(*) AS count FROM item GROUP BY state').all();
    assert.deepEqual(states, [{ state: 'posted', count: ROUNDS }]);
    assert.equal(platform.posts.length, ROUNDS);
    t.diagnostic(`${lost} of ${ROUNDS} calls had no answer`);
  });
});
