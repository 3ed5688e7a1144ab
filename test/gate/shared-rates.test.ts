// Rates that two hosts share through one PostgreSQL, with clocks that the tests set.

import assert from 'node:assert/strict';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { RateSettings } from '../../src/gate/limits.ts';
import { openRates, type Rates } from '../../src/gate/rates.ts';
import { mintSealedToken, parseToken, type Token } from '../../src/mail/token.ts';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';

const HOUR_MS = 3_600_000;
const KEY = Buffer.alloc(32, 1);

function token(userNumber: number): Token {
  return parseToken(mintSealedToken(KEY, { userNumber, threadNumber: 1, repliedTo: 1, locator: 't' }))!;
}

/** How many can be taken now. */
function takeAll(rates: Rates, of: Token, most = 1000): number {
  let taken = 0;
  while (taken < most && rates.take(of) === undefined) taken += 1;
  return taken;
}

describe('rates of two hosts', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch);
  });

  after(() => scratch.close());

  /** Two hosts on a database, and their clocks, which go together. */
  async function hosts(t: TestContext, perUser: RateSettings['perUser']) {
    const database = await server.database();
    const clock = { wall: Date.now(), monotonic: 1000 };
    const settings: RateSettings = { perUser, perAddress: 'off', total: 'off' };
    const begin = async (host: string): Promise<Rates & { store: Store }> => {
      const store = await openPostgresStore({ url: server.url(database), mode: 'tool', host });
      testScratch(t).defer(() => store.close());
      const rates = await openRates({
        settings: () => settings,
        buckets: store,
        log: () => undefined,
        now: () => clock.wall,
        monotonic: () => clock.monotonic,
      });
      return Object.assign(rates, { store });
    };
    const pass = (ms: number): void => {
      clock.wall += ms;
      clock.monotonic += ms;
    };
    return { begin, pass };
  }

  const exchange = async (...rates: readonly Rates[]): Promise<void> => {
    for (const each of [...rates, ...rates]) await each.exchange();
  };

  it('are one rate, after an exchange', async (t) => {
    const { begin } = await hosts(t, { count: 7, perMs: HOUR_MS });
    const [one, two] = [await begin('one'), await begin('two')];
    assert.equal(takeAll(one, token(1), 3), 3);
    await exchange(one, two);
    assert.equal(takeAll(two, token(1), 2), 2);
    await exchange(one, two);
    assert.equal(takeAll(one, token(1)), 2);
    await exchange(one, two);
    assert.equal(two.reached(token(1)), 'rate.per_user');
    assert.equal(two.reached(token(2)), undefined);
  });

  it('are not added twice, however often they are read', async (t) => {
    const { begin } = await hosts(t, { count: 4, perMs: HOUR_MS });
    const [one, two] = [await begin('one'), await begin('two')];
    one.take(token(1));
    for (let round = 0; round < 5; round++) await exchange(one, two);
    assert.equal(takeAll(two, token(1)), 3);
  });

  it('give back for all what one has taken for nothing', async (t) => {
    const { begin } = await hosts(t, { count: 3, perMs: HOUR_MS });
    const [one, two] = [await begin('one'), await begin('two')];
    assert.equal(takeAll(one, token(1)), 3);
    await exchange(one, two);
    assert.equal(two.reached(token(1)), 'rate.per_user');
    one.giveBack(token(1));
    await exchange(one, two);
    assert.equal(takeAll(two, token(1)), 1);
  });

  it('know after a restart what the others have taken, and begin a new life when a bucket was full', async (t) => {
    const { begin, pass } = await hosts(t, { count: 4, perMs: HOUR_MS });
    const [one, two] = [await begin('one'), await begin('two')];
    assert.equal(takeAll(one, token(1), 2), 2);
    await exchange(one, two);
    const again = await begin('two');
    assert.equal(takeAll(again, token(1)), 2);
    await exchange(one, again);
    pass(HOUR_MS);
    one.sweep();
    again.sweep();
    await exchange(one, again);
    assert.deepEqual([one.buckets, again.buckets], [0, 0]);
    assert.deepEqual(await one.store.loadBuckets(), []);
    assert.equal(takeAll(one, token(1), 3), 3);
    await exchange(one, again);
    assert.equal(takeAll(again, token(1)), 1);
  });

  it('go beyond the rate by what the other takes between two exchanges, and not again and again', async (t) => {
    const [count, seconds, greed] = [20, 90, 5];
    const { begin, pass } = await hosts(t, { count, perMs: count * 1000 });
    const [one, two] = [await begin('one'), await begin('two')];
    let taken = 0;
    for (let second = 0; second < seconds; second++) {
      taken += takeAll(one, token(1), greed) + takeAll(two, token(1), greed);
      await Promise.all([one.exchange(), two.exchange()]);
      await Promise.all([one.exchange(), two.exchange()]);
      pass(1000);
    }
    const allowed = count + seconds - 1;
    t.diagnostic(`taken ${taken}, allowed ${allowed}`);
    assert.ok(taken <= allowed + greed, `${taken} of ${allowed}`);
    assert.ok(taken >= allowed - 2, `${taken} of ${allowed}`);
  });
});
