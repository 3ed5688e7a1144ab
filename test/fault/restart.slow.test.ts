// Stops and restarts under load: what is under way is answered, nothing is promised after the store is closed, and a
// socket that is inherited refuses nobody.
//
// Method: the socket belongs to socket-holder.py, which starts the daemon again whenever it ends; clients as Postfix is
// send all the time. For the stops, a client halts in its transaction, and another process holds the store's lock.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import Sqlite from 'better-sqlite3';
import { eventually } from '../support/eventually.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { HeldDaemon } from './held-daemon.ts';
import { LmtpWire } from './lmtp-wire.ts';
import { assertDelivered, assertKept } from './promise.ts';
import { Chance, failedRound } from './rounds.ts';
import { Senders } from './senders.ts';
import { type FaultSite, makeSite } from './site.ts';
import { inspectStore } from './store-file.ts';

const rounds = roundsOf(20);

/** A restart comes after fewer accepted recipients than this. */
const ACCEPTED = 60;

/** Begins a transaction up to the 354. */
async function beginTransaction({ daemon, recipients }: FaultSite): Promise<LmtpWire> {
  const wire = await LmtpWire.connect(daemon.socket);
  assert.ok(wire);
  assert.equal((await wire.begin([recipients[0]!.address]))?.isDataWanted, true);
  return wire;
}

/** Waits until the daemon has logged an event. */
async function logged({ scratch }: FaultSite, event: string): Promise<void> {
  const log = (): string => readFileSync(scratch.path('mailgwd.log'), 'utf8');
  await eventually(() => (log().includes(`"event":"${event}"`) ? true : undefined), log);
}

describe('an inherited socket', () => {
  for (const [signal, expected] of [
    ['SIGTERM', 'exit 0'],
    ['SIGKILL', 'SIGKILL'],
  ] as const) {
    it(`${rounds} restarts by ${signal} under load: no connection refused, nothing lost`, async (t) => {
      const site = await makeSite(testScratch(t), { users: 3, threads: 4 });
      const chance = new Chance();
      const daemon = new HeldDaemon(site);
      await eventually(
        async () => ((await LmtpWire.connect(site.daemon.socket)) === undefined ? undefined : true),
        () => 'nobody listens',
      );
      const { socket } = site.daemon;
      const senders = new Senders({ socket, recipients: site.recipients, chance, senders: 4 });
      senders.start();
      try {
        for (let round = 0; round < rounds; round++) {
          await senders.acceptedMore(1 + chance.below(ACCEPTED));
          assert.equal(await daemon.end(signal), expected);
        }
        await senders.drain();
        await assertDelivered(senders, site.ledger);
        assert.equal(senders.refused, 0, 'connections refused');
        if (signal === 'SIGTERM') assert.equal(senders.unanswered, 0, 'transactions cut off');
        assert.deepEqual(senders.wrongs, []);
      } catch (problem) {
        throw failedRound(problem, `seed ${chance.seed}`, site.scratch.directory);
      } finally {
        await senders.abandon();
      }
      t.diagnostic(`${rounds} restarts: ${senders.accepted.length} accepted, ${senders.unanswered} cut off`);
    });
  }
});

describe('a graceful stop', { concurrency: 2 }, () => {
  it('lets a transaction under way end, answers it, and keeps what it promised', async (t) => {
    const site = await makeSite(testScratch(t));
    await site.daemon.start();
    const wire = await beginTransaction(site);
    const messageId = newMessageId();
    const message = replyMessage({ to: 'a reply address', messageId });
    wire.write(message.slice(0, 100));
    const stopped = site.daemon.stop();
    await logged(site, 'stopping');
    const [reply] = await wire.finish(message.slice(100), 1);
    assert.match(reply ?? 'no reply', /^250 2\.0\.0 queued as /);
    assert.equal(await stopped, 'exit 0');
    const { items } = inspectStore(site.store, site.scratch.path('copy'));
    assert.deepEqual(
      items.map((item) => item.messageId),
      [messageId],
    );
    await site.daemon.start();
    await site.ledger.until(
      () => site.ledger.entries.length === 1,
      () => 'no post',
    );
  });

  it('answers a commit that waits for a lock, and never with a 250 that the store does not hold', async (t) => {
    const site = await makeSite(testScratch(t));
    await site.daemon.start();
    const wire = await beginTransaction(site);
    const other = new Sqlite(site.store);
    other.exec('BEGIN IMMEDIATE');
    const finished = wire.finish(replyMessage({ to: 'a reply address' }), 1);
    const stopped = site.daemon.stop();
    await logged(site, 'stopping');
    other.exec('ROLLBACK');
    other.close();
    const [reply] = await finished;
    assert.match(reply ?? 'no reply', /^250 2\.0\.0 queued as /);
    assert.equal(await stopped, 'exit 0');
    assert.equal(inspectStore(site.store, site.scratch.path('copy')).items.length, 1);
  });

  it('gives a silent client and a silent platform one stop_timeout together', async (t) => {
    const settings = { delivery: { stop_timeout: '2s' } };
    const site = await makeSite(testScratch(t), { settings });
    await site.daemon.start();
    site.ledger.withhold();
    const first = await beginTransaction(site);
    const [accepted] = await first.finish(replyMessage({ to: 'a reply address' }), 1);
    assert.match(accepted ?? 'no reply', /^250 /);
    await site.ledger.until(
      () => site.ledger.requests === 1,
      () => 'no POST',
    );
    const silent = await beginTransaction(site);
    const startedAt = performance.now();
    assert.equal(await site.daemon.stop(), 'exit 0');
    const tookMs = performance.now() - startedAt;
    assert.ok(tookMs < 3500, `${tookMs} ms`);
    assert.deepEqual(await silent.replies(1), [], 'dropped without a promise');
    const { items } = inspectStore(site.store, site.scratch.path('copy'));
    assert.deepEqual(
      items.map(({ state }) => state),
      ['leased'],
      'posted again after the next start',
    );
  });

  it('under load: everything answered 250 is in the store that it leaves', async (t) => {
    const site = await makeSite(testScratch(t), { users: 2, threads: 3 });
    const chance = new Chance();
    const { socket } = site.daemon;
    const senders = new Senders({ socket, recipients: site.recipients, chance, senders: 6 });
    senders.start();
    try {
      for (let round = 0; round < rounds; round++) {
        await site.daemon.start();
        await senders.acceptedMore(1 + chance.below(ACCEPTED));
        assert.equal(await site.daemon.stop(), 'exit 0');
        assertKept(senders, inspectStore(site.store, site.scratch.path('copy')));
      }
      assert.equal(senders.unanswered, 0, 'transactions cut off');
    } catch (problem) {
      throw failedRound(problem, `seed ${chance.seed}`, site.scratch.directory);
    } finally {
      await senders.abandon();
    }
  });
});
