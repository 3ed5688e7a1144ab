// kill -9 at the named points of the crash walk in docs/how-it-works.md: the outcome is the one that it states.
//
// Method: crash-shim.c, preloaded into the real daemon, kills it in the midst of one system call on its store; it is
// given its order while the daemon idles, so that the next commit is the one meant. Between POST and settle the
// platform is the stop: it holds its answer back until the kill, or until the shim waits for the settle's write.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { newMessageId, replyMessage } from '../support/message.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { CrashShim } from './crash-shim.ts';
import { LmtpWire } from './lmtp-wire.ts';
import { Chance, failedRound } from './rounds.ts';
import { type FaultSite, makeSite, withStore } from './site.ts';
import { inspectStore } from './store-file.ts';

const rounds = roundsOf(30, 3);

/** Writes of an item's commit that surely come before its last one: each page is a header and its bytes. */
const EARLY_WRITES = 8;

interface Stage extends FaultSite {
  readonly shim: CrashShim;
  readonly chance: Chance;
}

/** Runs `play` on a site with a preloaded shim; a failure names the seed and the directory. */
async function onStage(t: TestContext, play: (stage: Stage) => Promise<void>): Promise<void> {
  const scratch = testScratch(t);
  const chance = new Chance();
  const shim = await CrashShim.compile(scratch, scratch.path('mailgw.db'));
  const site = await makeSite(scratch, { environment: shim.environment, threads: 5 });
  try {
    await play({ ...site, shim, chance });
  } catch (problem) {
    throw failedRound(problem, `seed ${chance.seed}`, scratch.directory);
  }
}

/** Sends one mail to one recipient; the reply to its content, or undefined when the daemon died first, at whatever step. */
async function send({ daemon, recipients, chance }: Stage, messageId: string): Promise<string | undefined> {
  const wire = await LmtpWire.connect(daemon.socket);
  if (wire === undefined) return undefined;
  const recipient = recipients[messageId.charCodeAt(0) % recipients.length]!;
  const replies = await wire.begin([recipient.address]);
  // The store's own housekeeping may have met the kill already.
  if (replies === undefined) return undefined;
  assert.equal(replies.isDataWanted, true);
  const message = replyMessage({ to: recipient.address, messageId });
  const [reply] = await wire.finish(message, 1, chance.fraction() < 0.5);
  wire.close();
  return reply;
}

function stateOf({ store, scratch }: FaultSite, messageId: string): string[] {
  const { items } = inspectStore(store, scratch.path('copy'));
  return items.filter((item) => item.messageId === messageId).map(({ state }) => state);
}

/** Kills on `order` while a mail is accepted; what the store then holds, and what the second copy is told. */
async function crashOnAccept(
  stage: Stage,
  order: () => string,
  outcome: { readonly states: readonly string[]; readonly secondReply: RegExp },
): Promise<void> {
  const { daemon, shim, store, ledger } = stage;
  // A paused queue writes nothing of its own: the next commit is the mail's.
  await withStore(store, (queue) => queue.setPaused(true));
  const sent: string[] = [];
  await daemon.start();
  for (let round = 0; round < rounds; round++) {
    const messageId = newMessageId();
    sent.push(messageId);
    shim.order(order());
    assert.equal(await send(stage, messageId), undefined, 'no reply');
    assert.equal(await daemon.gone(), 'SIGKILL');
    assert.deepEqual(stateOf(stage, messageId), outcome.states);
    shim.withdraw();
    await daemon.start();
    assert.match((await send(stage, messageId)) ?? 'no reply', outcome.secondReply);
  }
  await withStore(store, (queue) => queue.setPaused(false));
  await ledger.until(
    () => ledger.entries.length >= sent.length,
    () => `${ledger.entries.length} posts`,
  );
  assert.deepEqual(ledger.entries.map((entry) => entry.messageId).sort(), sent.sort());
}

/** Kills after the POST has arrived; `crash` ends the daemon, and the next start posts again under the same key. */
async function crashBeforeSettle(stage: Stage, crash: (stage: Stage) => Promise<void>): Promise<void> {
  const { daemon, shim, ledger } = stage;
  await daemon.start();
  for (let round = 0; round < rounds / 2; round++) {
    const messageId = newMessageId();
    ledger.withhold();
    assert.match((await send(stage, messageId)) ?? 'no reply', /^250 2\.0\.0 queued as /);
    const arrivals = (): number => ledger.postsOf(messageId)[0]?.arrivals ?? 0;
    await ledger.until(
      () => arrivals() === 1,
      () => 'no first POST',
    );
    await crash(stage);
    assert.deepEqual(stateOf(stage, messageId), ['leased']);
    shim.withdraw();
    ledger.release();
    await daemon.start();
    await ledger.until(
      () => arrivals() === 2,
      () => `${arrivals()} POSTs instead of a second one`,
    );
    assert.equal(ledger.postsOf(messageId).length, 1, 'one key');
  }
  assert.equal(await daemon.stop(), 'exit 0');
  assert.equal(ledger.requests, 2 * ledger.entries.length, 'no third POST');
}

describe('kill -9 at a point of the crash walk', { concurrency: 2 }, () => {
  it(`before the commit, ${rounds} times: nothing is stored, the second copy is queued`, async (t) => {
    await onStage(t, async (stage) => {
      const { chance } = stage;
      const order = (): string =>
        chance.oneOf([
          `step ${1 + chance.below(EARLY_WRITES)}`,
          `torn ${1 + chance.below(EARLY_WRITES)}`,
          'commit',
        ]);
      await crashOnAccept(stage, order, { states: [], secondReply: /^250 2\.0\.0 queued as / });
    });
  });

  it(`after the commit, before the 250, ${rounds} times: the second copy is a duplicate`, async (t) => {
    await onStage(t, async (stage) => {
      await crashOnAccept(stage, () => 'synced', {
        states: ['ready'],
        secondReply: /^250 2\.0\.0 duplicate of /,
      });
    });
  });

  it(`after the POST, before its answer, ${Math.ceil(rounds / 2)} times: posted again with its key`, async (t) => {
    await onStage(t, async (stage) => {
      await crashBeforeSettle(stage, async ({ daemon }) => {
        await daemon.kill9();
      });
    });
  });

  it(`after the answer, in the settle, ${Math.ceil(rounds / 2)} times: posted again with its key`, async (t) => {
    await onStage(t, async (stage) => {
      await crashBeforeSettle(stage, async ({ shim, ledger, daemon, chance }) => {
        shim.order(chance.oneOf(['step 1', 'torn 2', 'commit']));
        ledger.release();
        assert.equal(await daemon.gone(), 'SIGKILL');
      });
    });
  });
});
