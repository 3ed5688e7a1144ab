// kill -9 at random moments under load, again and again on one store: nothing accepted is lost, nothing is posted twice.
//
// Method: clients as Postfix is one send all the time, also while no daemon runs. The moment of the kill is drawn per
// round: while the daemon starts, or once it has accepted a number of mails, or some milliseconds later. What the crash left is then checked
// on a copy; the next start recovers the original. MAILGW_ROUNDS=5 for five times what CI does.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { assertDelivered, assertKept } from './promise.ts';
import { Chance, failedRound } from './rounds.ts';
import { Senders } from './senders.ts';
import { type FaultSite, makeSite } from './site.ts';
import { inspectStore } from './store-file.ts';

/** Stores that are tried one beside the other: a start leaves a processor idle half the time. */
const STORES = [1, 2, 3, 4] as const;

/** The share of kills that come before the daemon serves. */
const EARLY_KILLS = 0.15;

/** The longest time after the spawn at which an early kill comes. */
const EARLY_MS = 300;

/** A later kill comes after fewer accepted recipients than this, and up to so many milliseconds on. */
const ACCEPTED = 40;
const LATER_MS = 10;

const rounds = Math.ceil(roundsOf(200, 12) / STORES.length);

/** Starts the daemon and kills it at a moment of chance. */
async function crash({ daemon }: FaultSite, senders: Senders, chance: Chance): Promise<void> {
  if (chance.fraction() < EARLY_KILLS) {
    const started = daemon.start().catch(() => undefined);
    await delay(chance.below(EARLY_MS));
    await daemon.kill9();
    await started;
    return;
  }
  await daemon.start();
  await senders.acceptedMore(chance.below(ACCEPTED));
  await delay(chance.below(LATER_MS));
  await daemon.kill9();
}

async function crashAgainAndAgain(t: TestContext): Promise<void> {
  const scratch = testScratch(t);
  const chance = new Chance();
  const site = await makeSite(scratch, { users: 3, threads: 4 });
  const { socket } = site.daemon;
  const senders = new Senders({ socket, recipients: site.recipients, chance, senders: 4 });
  senders.start();
  try {
    for (let round = 1; round <= rounds; round++) {
      await crash(site, senders, chance);
      assertKept(senders, inspectStore(site.store, scratch.path('copy')));
    }
    await site.daemon.start();
    await senders.drain();
    await assertDelivered(senders, site.ledger);
    assert.equal(await site.daemon.stop(), 'exit 0');
    assertKept(senders, inspectStore(site.store, scratch.path('copy')));
  } catch (problem) {
    throw failedRound(problem, `seed ${chance.seed}`, scratch.directory);
  } finally {
    await senders.abandon();
  }
  const repeats = site.ledger.requests - site.ledger.entries.length;
  t.diagnostic(
    `${rounds} kills: ${senders.accepted.length} accepted, ${site.ledger.entries.length} posted, ` +
      `${repeats} posts repeated with their key, ${senders.unanswered} mails cut off, seed ${chance.seed}`,
  );
}

describe('kill -9 under load', { concurrency: 2 }, () => {
  for (const store of STORES) {
    it(
      `${rounds} kills on store ${store}: nothing lost, nothing doubled, every store sound`,
      crashAgainAndAgain,
    );
  }
});
