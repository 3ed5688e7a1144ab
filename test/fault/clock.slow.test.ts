// The wall clock jumps while the real daemon waits, works, or is about to start: no item is parked, none is hammered,
// none is attempted twice at a time.
//
// Method: libfaketime moves the daemon's wall clock through a file and leaves its monotonic clock alone. The platform
// refuses or withholds, so that items are in their backoff or in flight when the clock is set. The schedule itself,
// with intervals too long to wait for, is proved with manual clocks in test/delivery/dispatcher-clock.test.ts.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DAY_MS, JUMPS } from '../support/jumps.ts';
import { newMessageId, replyMessage } from '../support/message.ts';
import { testScratch } from '../support/scratch.ts';
import { LmtpWire } from './lmtp-wire.ts';
import { SettableClock, settableClockUnavailable } from './set-clock.ts';
import { type FaultSite, makeSite } from './site.ts';

const skip = settableClockUnavailable;

/** Ages are the wall clock's: a schedule can only be looked at while nothing is too old. */
const SETTINGS = { delivery: { retry_first: '1s', retry_longest: '2s', max_age: '9000d' } };

/** An item that is tried this long has had at most so many attempts: half a second is the shortest interval. */
const WATCH_MS = 4000;
const MOST_ATTEMPTS = 10;

interface ClockSite extends FaultSite {
  readonly clock: SettableClock;
}

async function makeClockSite(t: TestContext, now?: number, timeZone?: string): Promise<ClockSite> {
  const scratch = testScratch(t);
  const clock = new SettableClock(scratch, timeZone);
  const environment = clock.environment;
  const at = now === undefined ? {} : { now };
  const site = await makeSite(scratch, { threads: 4, settings: SETTINGS, environment, ...at });
  return { ...site, clock };
}

/** Sends one mail into each thread. */
async function sendEverywhere({ daemon, recipients }: FaultSite): Promise<void> {
  const wire = await LmtpWire.connect(daemon.socket);
  assert.ok(wire);
  for (const { address } of recipients) {
    assert.equal((await wire.begin([address]))?.isDataWanted, true);
    const [reply] = await wire.finish(replyMessage({ to: address, messageId: newMessageId() }), 1);
    assert.match(reply ?? 'no reply', /^250 2\.0\.0 queued as /);
  }
  wire.close();
}

/** Waits until every item has been tried at least so often. */
async function triedEach({ ledger, recipients }: FaultSite, times: number): Promise<void> {
  await ledger.until(
    () =>
      ledger.entries.length === recipients.length &&
      ledger.entries.every(({ arrivals }) => arrivals >= times),
    () => ledger.entries.map(({ arrivals }) => arrivals).join(' '),
  );
}

/** Sees every item tried again and not too often, then lets the platform take them. */
async function assertSteady(site: FaultSite): Promise<void> {
  const { ledger, recipients } = site;
  const before = ledger.requests;
  const startedAt = performance.now();
  const goal = Math.max(...ledger.entries.map(({ arrivals }) => arrivals)) + 2;
  await triedEach(site, goal);
  const watchedMs = performance.now() - startedAt;
  const most = recipients.length * MOST_ATTEMPTS * Math.max(1, watchedMs / WATCH_MS);
  assert.ok(ledger.requests - before <= most, `${ledger.requests - before} attempts in ${watchedMs} ms`);
  await assertTaken(site);
}

/** The platform takes posts from now on: each item's next attempt is its last, and there is one. */
async function assertTaken({ ledger, daemon, recipients }: FaultSite): Promise<void> {
  const before = ledger.requests;
  ledger.status = 201;
  await ledger.until(
    () => ledger.requests >= before + recipients.length,
    () => `${ledger.requests} requests`,
  );
  assert.equal(await daemon.stop(), 'exit 0');
  assert.equal(ledger.entries.length, recipients.length, 'one key per item');
}

describe('the clock is set', { concurrency: 2, skip }, () => {
  for (const [name, jumpMs] of JUMPS) {
    it(`${name}, during backoff: tried again as if nothing had happened`, async (t) => {
      const site = await makeClockSite(t);
      site.ledger.status = 503;
      await site.daemon.start();
      await sendEverywhere(site);
      await triedEach(site, 1);
      site.clock.set(jumpMs);
      await assertSteady(site);
      assert.match(site.daemon.log(), /"event":"clock_jumped"/);
    });

    it(`${name}, while the daemon is down: what waited is tried after the start`, async (t) => {
      const site = await makeClockSite(t);
      site.ledger.status = 503;
      await site.daemon.start();
      await sendEverywhere(site);
      await triedEach(site, 1);
      assert.equal(await site.daemon.stop(), 'exit 0');
      site.clock.set(jumpMs);
      await site.daemon.start();
      await assertSteady(site);
    });

    it(`${name}, during an attempt: there is no second one`, async (t) => {
      const site = await makeClockSite(t);
      const { ledger, recipients } = site;
      ledger.withhold();
      await site.daemon.start();
      await sendEverywhere(site);
      await triedEach(site, 1);
      site.clock.set(jumpMs);
      await ledger.until(
        () => /"event":"clock_jumped"/.test(site.daemon.log()),
        () => site.daemon.log(),
      );
      ledger.release();
      await ledger.until(
        () => site.daemon.log().split('"outcome":"posted"').length > recipients.length,
        () => site.daemon.log(),
      );
      assert.equal(await site.daemon.stop(), 'exit 0');
      assert.equal(ledger.requests, recipients.length);
    });
  }

  for (const [name, change] of [
    ['begins', Date.UTC(2027, 2, 28, 1)],
    ['ends', Date.UTC(2027, 9, 31, 1)],
  ] as const) {
    it(`daylight saving time ${name} during backoff: it makes no difference`, async (t) => {
      const site = await makeClockSite(t, change, 'Europe/Berlin');
      site.ledger.status = 503;
      site.clock.set(change - 2000 - Date.now());
      await site.daemon.start();
      await sendEverywhere(site);
      await triedEach(site, 1);
      await assertSteady(site);
      assert.doesNotMatch(site.daemon.log(), /"event":"clock_jumped"/);
    });
  }

  it("before a reply's own post: the reply is put off, not refused for ever", async (t) => {
    const site = await makeClockSite(t);
    site.clock.set(-3 * DAY_MS);
    await site.daemon.start();
    const wire = await LmtpWire.connect(site.daemon.socket);
    const replies = await wire?.begin([site.recipients[0]!.address]);
    assert.match(replies?.recipients[0] ?? 'no reply', /^451 4\.3\.0 /);
    wire?.close();
  });
});
