// 200 posts by the webhook whose connections are cut (cuts.ts), to a platform that knows a repetition by its key.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startFront } from '../support/front.ts';
import { openSink, samplePost } from '../support/loopback.ts';
import { startPlatform } from '../support/platform.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { deliverThroughCuts } from './cuts.ts';

const ATTEMPTS = 10;

describe('the webhook, whose connections are cut', () => {
  it('posts each of 200 replies once', async (t) => {
    const scratch = testScratch(t);
    const platform = await startPlatform(scratch);
    const front = await startFront(scratch, new URL(platform.sink.url).origin);
    const now = Date.now;
    const sink = openSink(t, `${front.origin}/hooks/mail`, { secrets: [platform.secret], now });
    const rounds = roundsOf(200);
    const { doubled } = await deliverThroughCuts(t, {
      front,
      posts: (method) => method === 'POST',
      rounds,
      deliver: async (round) => {
        const post = samplePost({ id: `reply-${round}` });
        for (let attempts = 1; attempts <= ATTEMPTS; attempts++) {
          const { kind, diagnostic } = await sink.deliver(post, new AbortController().signal);
          if (kind === 'posted') return { attempts, wasThere: false };
          assert.equal(kind, 'deferred', diagnostic);
        }
        throw new Error(`${ATTEMPTS} attempts`);
      },
      count: () =>
        Promise.resolve(
          Array.from(
            { length: rounds },
            (_, round) => platform.posts.filter(({ data }) => data.id === `reply-${round}`).length,
          ),
        ),
    });
    assert.equal(doubled, 0);
    // What came twice did so under its key: of the cuts after the request some are repeated, none is posted again.
    assert.equal(platform.posts.length, rounds);
  });
});
