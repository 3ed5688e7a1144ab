// The contract of the verdicts of the last days: which are given, in which order, and which go.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PastVerdict } from '../../src/observe/past-verdicts.ts';
import { MOST_FORGOTTEN, MOST_PAST_VERDICTS, PAST_VERDICT_MS } from '../../src/store/past-verdicts.ts';
import type { Store } from '../../src/store/store.ts';
import { NOW } from '../support/item.ts';
import type { OpenStore } from './contract-acceptance.ts';

const FORGED: PastVerdict = {
  at: NOW,
  verdict: 'rejected',
  reason: 'no-such-address',
  detail: 'forged',
  address: 'reply+…@reply.example.org',
  session: 's1',
};

const SPOOFED: PastVerdict = {
  ...{ at: NOW + 1, verdict: 'discarded', reason: 'spoofed', detail: 'dkim=fail', cause: 'failed' },
  ...{ address: 'reply+…@reply.example.org', user: 'alice', thread: 'a/1', fromDomain: 'example.com' },
  ...{ messageId: 'm1@example.com', queueId: '4XyZ1w2vBczDs', session: 's2' },
};

const EVERYTHING = { since: 0, limit: 1_000_000 };

/** Gives the sessions of what is found. */
async function found(store: Store, query: object): Promise<string[]> {
  return (await store.pastVerdicts({ ...EVERYTHING, ...query })).map(({ session }) => session);
}

/** Registers the tests. */
export function describePastVerdicts(open: OpenStore): void {
  describe('past verdicts', () => {
    it('are given as they were told, the newest first, page by page', async (t) => {
      const store = await open(t);
      await store.addPastVerdicts([], NOW);
      await store.addPastVerdicts([FORGED, SPOOFED], NOW);
      await store.addPastVerdicts([{ ...FORGED, session: 's3' }], NOW);
      const all = await store.pastVerdicts(EVERYTHING);
      assert.deepEqual(
        all.map((verdict) => ({ ...verdict, number: 0 })),
        [{ ...FORGED, session: 's3' }, SPOOFED, FORGED].map((verdict) => ({ ...verdict, number: 0 })),
      );
      const [first] = await store.pastVerdicts({ since: 0, limit: 1 });
      assert.deepEqual(await found(store, { before: first?.number, limit: 1 }), ['s2']);
      assert.deepEqual(await found(store, { since: NOW + 1 }), ['s2']);
    });

    it('are found by each of their fields, and by several together', async (t) => {
      const store = await open(t);
      await store.addPastVerdicts([FORGED, SPOOFED], NOW);
      const { user, thread, fromDomain, messageId, queueId, reason } = SPOOFED;
      for (const query of [{ user }, { thread }, { fromDomain }, { messageId }, { queueId }, { reason }])
        assert.deepEqual(await found(store, query), ['s2'], JSON.stringify(query));
      assert.deepEqual(await found(store, { verdict: 'rejected' }), ['s1']);
      assert.deepEqual(await found(store, { address: FORGED.address }), ['s2', 's1']);
      assert.deepEqual(await found(store, { address: FORGED.address, user: 'bob' }), []);
      assert.deepEqual(await found(store, { user: "alice' OR 1=1 --" }), []);
    });

    it('go after their days, a bounded number at a time', async (t) => {
      const store = await open(t);
      const old = Array.from({ length: MOST_FORGOTTEN + 1 }, () => FORGED);
      await store.addPastVerdicts(old, NOW);
      await store.addPastVerdicts([{ ...SPOOFED, at: NOW + PAST_VERDICT_MS }], NOW + PAST_VERDICT_MS);
      assert.equal((await found(store, {})).length, MOST_FORGOTTEN + 2);
      await store.addPastVerdicts([], NOW + PAST_VERDICT_MS + 1);
      assert.deepEqual(await found(store, {}), ['s2', 's1']);
      await store.addPastVerdicts([], NOW + PAST_VERDICT_MS + 1);
      assert.deepEqual(await found(store, {}), ['s2']);
    });

    it(`are ${MOST_PAST_VERDICTS} at most, the newest`, async (t) => {
      const store = await open(t);
      const some = Array.from({ length: 10_000 }, () => FORGED);
      for (let count = 0; count < MOST_PAST_VERDICTS; count += some.length)
        await store.addPastVerdicts(some, NOW);
      await store.addPastVerdicts([SPOOFED, SPOOFED], NOW);
      const kept = await found(store, {});
      assert.equal(kept.length, MOST_PAST_VERDICTS);
      assert.deepEqual([kept[0], kept.at(-1)], ['s2', 's1']);
    });
  });
}
