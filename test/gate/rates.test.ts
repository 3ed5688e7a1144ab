// The rates on a real store, with clocks that the tests set.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { RateSettings } from '../../src/gate/limits.ts';
import { openRates, type Rates } from '../../src/gate/rates.ts';
import { mintSealedToken, parseToken, type Token } from '../../src/mail/token.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { claimOf, message, openGate, tokenIn } from './gate.ts';

const HOUR_MS = 3_600_000;
const TEN_YEARS_MS = 10 * 365 * 24 * HOUR_MS;
const KEY = Buffer.alloc(32, 1);

/** The token of a user in a thread. */
function token(userNumber: number, threadNumber = 1): Token {
  const text = mintSealedToken(KEY, { userNumber, threadNumber, repliedTo: 1, locator: 't' });
  return parseToken(text)!;
}

const perHour = (count: number) => ({ count, perMs: HOUR_MS });
const OFF: RateSettings = { perUser: 'off', perAddress: 'off', total: 'off' };

/** A daemon's life after life on one store: the wall clock is the world's, the monotonic one each life's own. */
class Lives {
  readonly clock = { wall: Date.UTC(2026, 10, 20), monotonic: 5000 };
  readonly events: string[] = [];
  /** The rates in force. */
  settings = OFF;
  store: Store | undefined;
  readonly #scratch: Scratch;

  constructor(t: TestContext) {
    this.#scratch = testScratch(t);
    this.#scratch.defer(() => this.store?.close());
  }

  async begin(settings: Partial<RateSettings>, maxBuckets?: number): Promise<Rates> {
    await this.store?.close();
    this.clock.monotonic = 10;
    this.store = await openSqliteStore({ path: this.#scratch.path('mailgw.db'), mode: 'tool' });
    this.settings = { ...OFF, ...settings };
    return openRates({
      settings: () => this.settings,
      buckets: this.store,
      log: (event) => this.events.push(event),
      now: () => this.clock.wall,
      monotonic: () => this.clock.monotonic,
      ...(maxBuckets === undefined ? {} : { maxBuckets }),
    });
  }

  /** Time goes by on both clocks. */
  pass(ms: number): void {
    this.clock.wall += ms;
    this.clock.monotonic += ms;
  }

  /** Somebody sets the wall clock. */
  jump(ms: number): void {
    this.clock.wall += ms;
  }

  /** The names of the buckets in the store. */
  async saved(): Promise<string[]> {
    return ((await this.store?.loadBuckets()) ?? []).map(({ name }) => name).sort();
  }
}

/** How many can be taken now. */
function takeAll(rates: Rates, of: Token, most = 1000): number {
  let taken = 0;
  while (taken < most && rates.take(of) === undefined) taken += 1;
  return taken;
}

describe('rates', () => {
  it('limit nothing when no rate is limited, and keep no bucket', async (t) => {
    const rates = await new Lives(t).begin({});
    assert.equal(takeAll(rates, token(1, 1), 5000), 5000);
    assert.equal(rates.buckets, 0);
  });

  it('follow other limits: a bucket is full no later than the new limit has it, or gone with its limit', async (t) => {
    const settings = { perUser: perHour(3), total: { count: 3, perMs: 24 * HOUR_MS } };
    const lives = new Lives(t);
    const rates = await lives.begin(settings);
    assert.equal(takeAll(rates, token(1, 1)), 3);
    lives.settings = { ...OFF, total: perHour(60) };
    assert.equal(rates.reached(token(1, 1)), 'rate.total');
    assert.equal(rates.buckets, 1);
    lives.pass(60_000);
    assert.equal(takeAll(rates, token(1, 1)), 1);
  });

  it('limit a user over all addresses, an address, and all together; the limit is named', async (t) => {
    const settings = { perUser: perHour(5), perAddress: perHour(3), total: perHour(9) };
    const rates = await new Lives(t).begin(settings);
    assert.equal(takeAll(rates, token(1, 1)), 3);
    assert.equal(rates.take(token(1, 1)), 'rate.per_address');
    assert.equal(takeAll(rates, token(1, 2)), 2);
    assert.equal(rates.take(token(1, 2)), 'rate.per_user');
    assert.equal(takeAll(rates, token(2, 1)), 3);
    assert.equal(takeAll(rates, token(3, 1)), 1);
    assert.equal(rates.take(token(4, 1)), 'rate.total');
  });

  it('take from all buckets or from none', async (t) => {
    const rates = await new Lives(t).begin({ perUser: perHour(5), perAddress: perHour(1) });
    assert.equal(takeAll(rates, token(1, 1)), 1);
    for (let again = 0; again < 50; again++) rates.take(token(1, 1));
    assert.equal(takeAll(rates, token(1, 2)) + takeAll(rates, token(1, 3)), 2);
    assert.equal(rates.reached(token(1, 4)), undefined);
  });

  it('are not changed by looking, and nothing is written for it', async (t) => {
    const lives = new Lives(t);
    const rates = await lives.begin({ perUser: perHour(1) });
    for (let probe = 0; probe < 100; probe++) assert.equal(rates.reached(token(1)), undefined);
    await rates.stop();
    assert.deepEqual(await lives.saved(), []);
    assert.equal(takeAll(rates, token(1)), 1);
    assert.equal(rates.reached(token(1)), 'rate.per_user');
  });

  it('refill while time goes by', async (t) => {
    const lives = new Lives(t);
    const rates = await lives.begin({ perUser: perHour(4) });
    assert.equal(takeAll(rates, token(1)), 4);
    lives.pass(HOUR_MS / 2);
    assert.equal(takeAll(rates, token(1)), 2);
    lives.pass(100 * HOUR_MS);
    assert.equal(takeAll(rates, token(1)), 4);
  });

  it('get back what was taken for nothing', async (t) => {
    const rates = await new Lives(t).begin({ perUser: perHour(2), total: perHour(10) });
    assert.equal(takeAll(rates, token(1)), 2);
    rates.giveBack(token(1));
    assert.equal(takeAll(rates, token(1)), 1);
  });
});

describe('a restart', () => {
  it('does not reset what was taken, and time goes on meanwhile', async (t) => {
    const lives = new Lives(t);
    const first = await lives.begin({ perUser: perHour(4), perAddress: perHour(3), total: perHour(5) });
    assert.equal(takeAll(first, token(1)), 3);
    await first.stop();
    const second = await lives.begin({ perUser: perHour(4), perAddress: perHour(3), total: perHour(5) });
    assert.equal(second.reached(token(1)), 'rate.per_address');
    assert.equal(takeAll(second, token(1, 2)), 1);
    assert.equal(second.take(token(1, 2)), 'rate.per_user');
    assert.equal(takeAll(second, token(2)), 1);
    await second.stop();
    lives.pass(HOUR_MS);
    assert.equal(takeAll(await lives.begin({ perUser: perHour(4) }), token(1)), 4);
  });

  it('takes over buckets of a rate that was changed or switched off', async (t) => {
    const lives = new Lives(t);
    const first = await lives.begin({ perUser: perHour(100), perAddress: perHour(100) });
    takeAll(first, token(1));
    await first.stop();
    const second = await lives.begin({ perUser: { count: 10, perMs: 60_000 } });
    assert.equal(takeAll(second, token(1)), 0);
    lives.pass(60_000);
    assert.equal(takeAll(second, token(1)), 10);
    await second.stop();
    assert.deepEqual(await lives.saved(), ['user/1']);
  });
});

describe('the wall clock is set', () => {
  const cases = [
    ['back by an hour', -HOUR_MS],
    ['ahead by ten years', TEN_YEARS_MS],
    ['back by ten years', -TEN_YEARS_MS],
  ] as const;

  for (const [how, ms] of cases) {
    it(`${how}, while the daemon runs: no more and no less is left`, async (t) => {
      const lives = new Lives(t);
      const rates = await lives.begin({ perUser: perHour(4) });
      assert.equal(takeAll(rates, token(1), 3), 3);
      lives.jump(ms);
      assert.equal(takeAll(rates, token(1)), 1);
      lives.pass(HOUR_MS / 4);
      assert.equal(takeAll(rates, token(1)), 1);
    });

    it(`${how}, during a restart: nobody is kept out, and nobody gets more than a full bucket`, async (t) => {
      const lives = new Lives(t);
      const first = await lives.begin({ perUser: perHour(4) });
      takeAll(first, token(1), 3);
      takeAll(first, token(2));
      await first.stop();
      lives.jump(ms);
      const second = await lives.begin({ perUser: perHour(4) });
      const [used, empty] = [takeAll(second, token(1)), takeAll(second, token(2))];
      assert.deepEqual([used, empty], ms < 0 ? [1, 0] : [4, 4]);
      lives.pass(HOUR_MS / 4);
      assert.equal(takeAll(second, token(2)), 1);
    });
  }

  it('ahead and back again, with a restart after each: as if it had only been the time between', async (t) => {
    const lives = new Lives(t);
    const first = await lives.begin({ perUser: perHour(4) });
    lives.jump(TEN_YEARS_MS);
    takeAll(first, token(1));
    await first.stop();
    lives.jump(-TEN_YEARS_MS);
    const second = await lives.begin({ perUser: perHour(4) });
    assert.equal(takeAll(second, token(1)), 0);
    lives.pass(HOUR_MS / 4);
    assert.equal(takeAll(second, token(1)), 1);
  });
});

describe('buckets', () => {
  it('leave memory and store when they are full', async (t) => {
    const lives = new Lives(t);
    const rates = await lives.begin({ perUser: perHour(4) });
    for (let user = 1; user <= 10; user++) rates.take(token(user));
    takeAll(rates, token(11));
    await rates.stop();
    assert.equal((await lives.saved()).length, 11);
    lives.pass(HOUR_MS / 2);
    rates.sweep();
    await rates.stop();
    assert.deepEqual(await lives.saved(), ['user/11']);
  });

  it('are bounded: those used longest ago are forgotten', async (t) => {
    const lives = new Lives(t);
    const rates = await lives.begin({ perUser: perHour(1) }, 64);
    for (let user = 1; user <= 65; user++) rates.take(token(user));
    await rates.stop();
    assert.equal((await lives.saved()).length, 63);
    assert.equal(rates.reached(token(1)), undefined);
    assert.equal(rates.reached(token(2)), undefined);
    assert.equal(rates.reached(token(3)), 'rate.per_user');
  });

  it('of a store that cannot write hold in memory, are tried again, and are logged once', async (t) => {
    const lives = new Lives(t);
    const rates = await lives.begin({ perUser: perHour(2) });
    rates.take(token(1));
    await lives.store!.close();
    await rates.stop();
    await rates.stop();
    assert.deepEqual(lives.events, ['rates_unsaved']);
    assert.equal(takeAll(rates, token(1)), 1);
  });
});

describe('a message that could not be kept', () => {
  it('is not counted: it comes again', async (t) => {
    const lives = new Lives(t);
    const rates = await lives.begin({ perUser: perHour(2) });
    const test = await openGate(t, { rates });
    const claims = [
      await claimOf(test.gate, await test.sealed()),
      await claimOf(test.gate, await test.sealed()),
    ];
    await test.store.close();
    await assert.rejects(test.gate.message({ reversePath: 'a@b.example' }, claims, message()));
    assert.equal(takeAll(rates, tokenIn(claims[0]!)), 2);
  });

  it('and a post from the future is put off without being counted', async (t) => {
    const rates = await new Lives(t).begin({ perUser: perHour(1) });
    const test = await openGate(t, { rates });
    const address = await test.sealed();
    const claim = await claimOf(test.gate, address);
    test.clock.now -= 3600;
    const [verdict] = await test.gate.message({ reversePath: 'a@b.example' }, [claim], message());
    assert.equal(verdict?.verdict, 'deferred');
    assert.equal(rates.reached(tokenIn(claim)), undefined);
  });
});
