// kill -9 while replies to a digest are split and posted: each part is posted once, and none is lost (G1, G4).
//
// The daemon is killed right after the 250, when the first part reaches the platform, and between the parts, in turn.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { startApi } from '../api/api.ts';
import { eventually } from '../support/eventually.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { roundsOf } from '../support/rounds.ts';

const ROUNDS = roundsOf(60, 6);
const POSTS = ['one', 'two', 'three'].map((label) => ({ thread: `t/${label}`, label }));

describe('kill -9 around a split', () => {
  it(`${ROUNDS} rounds: every part is posted exactly once`, async (t) => {
    const { all, daemon, platform, scratch } = await startApi(t, {
      delivery: { retry_first: '100ms', retry_longest: '500ms' },
    });
    await daemon.addUser('alice');
    const minted = await all.ask('POST', '/v1/addresses', { body: { user: 'alice', posts: POSTS } });
    const { reply_to: to } = minted.json as { readonly reply_to: string };
    for (let round = 0; round < ROUNDS; round++) {
      const seen = platform.requests.length;
      const lmtp = await LmtpClient.open(t, daemon.socket);
      const [reply] = await lmtp.deliver(
        replyMessage({ to, body: `>>1\nfirst of ${round}\n>>3\nlast of ${round}\n` }),
        to,
      );
      lmtp.vanish();
      assert.match(reply ?? '', /^250 2\.0\.0 queued/);
      if (round % 3 > 0) await platform.nthRequest(seen + (round % 3));
      await daemon.kill9();
      await daemon.start();
    }
    await platform.nthPost(2 * ROUNDS);
    const store = new Sqlite(scratch.path('mailgw.db'), { readonly: true });
    t.after(() => store.close());
    const states = store.prepare('SELECT state, count(*) AS count FROM item GROUP BY state');
    await eventually(
      () =>
        JSON.stringify(states.all()) === JSON.stringify([{ state: 'posted', count: 3 * ROUNDS }])
          ? true
          : undefined,
      () => `all posted, not ${JSON.stringify(states.all())}`,
    );
    assert.equal(await daemon.stop(), 'exit 0');
    const told = platform.posts.map(({ data }) => `${data.thread} ${data.body.text}`);
    const wanted = Array.from({ length: ROUNDS }, (_, round) => [
      `t/one first of ${round}`,
      `t/three last of ${round}`,
    ]).flat();
    assert.deepEqual(told.sort(), wanted.sort());
    // In each thread in the order of arrival (G5).
    for (const thread of ['t/one', 't/three']) {
      const ids = platform.posts.filter(({ data }) => data.thread === thread).map(({ data }) => data.id);
      assert.deepEqual(ids, [...ids].sort());
    }
    t.diagnostic(`${platform.requests.length} requests for ${platform.posts.length} posts`);
  });
});
