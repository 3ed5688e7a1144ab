// Whoever holds a reply address cannot use up what its owner may send; and has a limit as well.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { GateOptions } from '../../src/gate/gate.ts';
import { openRates, type Rates } from '../../src/gate/rates.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { testScratch } from '../support/scratch.ts';
import { message, openGate, reasonOf, send, type TestGate } from './gate.ts';

const HOUR_MS = 3_600_000;
const RESULTS = 'Authentication-Results: mx.example.org;';
const RECEIVED = 'Received: from client.example by mx.example.org; Fri, 20 Nov 2026 09:14:30 +0000';

/** Mail of mallory's in alice's name, in every way that no filter vouches for. */
const UNVOUCHED: Readonly<Record<string, readonly string[]>> = {
  'a failed check': [`${RESULTS} dmarc=fail header.from=example.com`],
  'no result': [],
  'a stranger': [`${RESULTS} dmarc=pass header.from=evil.example`, 'From: mallory@evil.example'],
  'a machine': ['Auto-Submitted: auto-replied'],
  'no author': ['From: a@example.com, b@example.com'],
};

interface Place {
  readonly test: TestGate;
  readonly rates: Rates;
  readonly address: string;
  readonly arrive: (lines: readonly string[]) => Promise<string>;
  readonly alice: () => Promise<string>;
}

async function openPlace(t: TestContext, options: Partial<GateOptions>): Promise<Place> {
  const scratch = testScratch(t);
  const buckets = await openSqliteStore({ path: scratch.path('buckets.db'), mode: 'tool' });
  scratch.defer(() => buckets.close());
  const rate = { count: 5, perMs: HOUR_MS };
  const settings = {
    perUser: { count: 8, perMs: HOUR_MS },
    perAddress: rate,
    total: { count: 9, perMs: HOUR_MS },
  };
  const rates = await openRates({
    settings: () => settings,
    ...{ buckets, log: () => undefined, now: () => 0, monotonic: () => 1000 },
  });
  const test = await openGate(t, { authservId: 'mx.example.org', rates, ...options });
  const address = await test.sealed();
  const arrive = (lines: readonly string[]): Promise<string> =>
    send(test, address, message([...lines, RECEIVED, `To: ${address}`]));
  const alice = (): Promise<string> => arrive([`${RESULTS} dmarc=pass header.from=example.com`]);
  return { test, rates, address, arrive, alice };
}

describe('mail that nobody vouches for', () => {
  for (const [name, policy] of [
    ['discarded', { senderPolicy: 'strict' }],
    ['held', { senderPolicy: 'strict', spoofed: 'hold' }],
    ['flagged', { senderPolicy: 'flag' }],
  ] as const) {
    for (const [what, lines] of Object.entries(UNVOUCHED)) {
      it(`uses up nothing of its user's, and is limited itself: ${what}, ${name}`, async (t) => {
        const { arrive, alice } = await openPlace(t, policy);
        const verdicts: string[] = [];
        for (let mail = 0; mail < 12; mail++) verdicts.push(await arrive(lines));
        assert.equal(verdicts.filter((verdict) => verdict === 'deferred: rate-limited').length, 7);
        for (let mail = 0; mail < 5; mail++) assert.equal(await alice(), 'queued');
      });
    }
  }

  it('has as many as its user, over all addresses and in all', async (t) => {
    const { test, alice } = await openPlace(t, { senderPolicy: 'strict' });
    const verdicts: string[] = [];
    for (let thread = 0; thread < 12; thread++) {
      const address = await test.sealed({ thread: `t/${thread}` });
      verdicts.push(await send(test, address, message([RECEIVED, `To: ${address}`])));
    }
    assert.equal(verdicts.filter((verdict) => verdict === 'discarded: spoofed').length, 8);
    assert.equal(await alice(), 'queued');
  });

  it('is its user’s where the policy asks nobody', async (t) => {
    const { test, address, arrive } = await openPlace(t, { senderPolicy: 'off' });
    for (let mail = 0; mail < 5; mail++) assert.equal(await arrive([]), 'queued');
    assert.equal(reasonOf(await test.gate.recipient(address)), 'rate-limited');
  });

  it('keeps its count over a restart', async (t) => {
    const { rates, arrive } = await openPlace(t, { senderPolicy: 'strict' });
    for (let mail = 0; mail < 5; mail++) await arrive([]);
    await rates.stop();
    await rates.load();
    assert.equal(await arrive([]), 'deferred: rate-limited');
  });
});

describe('a user beyond the rate', () => {
  it('is told at RCPT, and leaves the buckets of others’ mail alone', async (t) => {
    const { test, address, alice } = await openPlace(t, { senderPolicy: 'strict' });
    for (let mail = 0; mail < 5; mail++) assert.equal(await alice(), 'queued');
    assert.equal(reasonOf(await test.gate.recipient(address)), 'rate-limited');
  });
});
