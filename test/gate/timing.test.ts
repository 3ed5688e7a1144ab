// How long an answer takes tells nothing about an address that the answer itself does not say.
//
// Statistic: Mann and Whitney's U as a share, the chance that an answer of one kind takes longer than one of another;
// 0.5 is no difference at all. Samples are taken in turns in random order on one connection, without Postfix or a
// network between. Two addresses of the same kind are the control: their distance from 0.5 is what this machine makes
// of nothing, and is added to the bounds. A real difference shows in every run, so the best of three counts.
// Bounds: an observer who has one answer of each guesses which is which in fewer than 58 (why an address is refused)
// and 65 (good or refused, which the answer says anyway) of 100 cases.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { formatReplyAddress, matchRecipient } from '../../src/mail/address.ts';
import { decodeBase32, encodeBase32 } from '../../src/mail/base32.ts';
import { type Intake, startIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { FORM } from '../support/mint.ts';
import { PolicyClient } from '../support/policy.ts';
import { testScratch } from '../support/scratch.ts';
import { chanceOfLonger, type Kind, median, sampleInTurns } from '../support/timing.ts';

const ROUNDS = 800;
const RUNS = 3;
const REFUSED_BOUND = 0.08;
const GOOD_BOUND = 0.15;

/** The address with one byte of its token changed: 5 is the user's, 10 the thread's, from 15 on the MAC's. */
function changed(address: string, byte: number): string {
  const match = matchRecipient([FORM], address);
  const bytes = decodeBase32(match.kind === 'token' ? match.token : '') ?? new Uint8Array(30);
  bytes[byte] = (bytes[byte] ?? 0) ^ 0x55;
  return formatReplyAddress(FORM, encodeBase32(bytes));
}

/** Addresses by what is the matter with them; those that end in "too" are the controls. */
async function addressesOf({ alice, bob, store }: Intake): Promise<Record<string, string>> {
  await store.setUser('bob', { enabled: false });
  return {
    good: alice,
    'good too': alice,
    forged: changed(alice, 20),
    'forged too': changed(alice, 25),
    'unknown user': changed(alice, 5),
    'unknown thread': changed(alice, 10),
    'disabled user': bob,
  };
}

/** How far two kinds are from being the same: 0 is no difference, 0.5 the largest. */
function distance(samples: ReadonlyMap<string, number[]>, a: string, b: string): number {
  return Math.abs(chanceOfLonger(samples.get(a) ?? [], samples.get(b) ?? []) - 0.5);
}

/** What goes beyond its bound in one run. */
function differences(samples: ReadonlyMap<string, number[]>): string[] {
  const control = Math.max(distance(samples, 'good', 'good too'), distance(samples, 'forged', 'forged too'));
  const beyond = (other: string, bound: number): string[] => {
    const found = distance(samples, 'forged', other);
    return found <= bound + control ? [] : [`${other}: ${found} > ${bound} + ${control}`];
  };
  return [
    ...['unknown user', 'unknown thread', 'disabled user'].flatMap((kind) => beyond(kind, REFUSED_BOUND)),
    ...beyond('good', GOOD_BOUND),
  ];
}

async function assertAlike(t: TestContext, kinds: readonly Kind[]): Promise<void> {
  let found: string[] = [];
  for (let run = 0; run < RUNS; run++) {
    const samples = await sampleInTurns(kinds, ROUNDS);
    for (const [name, all] of samples) {
      const chance = chanceOfLonger(samples.get('forged') ?? [], all).toFixed(3);
      t.diagnostic(`${name}: median ${Math.round(median(all) * 1000)} µs, longer than forged ${chance}`);
    }
    found = differences(samples);
    if (found.length === 0) return;
  }
  assert.deepEqual(found, []);
}

describe('the time that an answer takes', () => {
  it('at RCPT does not tell what is the matter with an address', async (t) => {
    const intake = await startIntake(testScratch(t));
    const client = await LmtpClient.open(t, intake.socket);
    const kinds = Object.entries(await addressesOf(intake)).map(([name, address]) => ({
      name,
      prepare: () => client.sayAll('RSET', 'MAIL FROM:<>'),
      once: () => client.say(`RCPT TO:<${address}>`),
    }));
    await assertAlike(t, kinds);
    await client.say('QUIT');
  });

  it('in the policy service does not tell it either', async (t) => {
    const scratch = testScratch(t);
    const path = scratch.path('policy.sock');
    const intake = await startIntake(scratch, { policy: { socket: path } });
    const client = await PolicyClient.open(t, path);
    const kinds = Object.entries(await addressesOf(intake)).map(([name, address]) => ({
      name,
      once: () => client.ask(address),
    }));
    await assertAlike(t, kinds);
  });

  it('is told apart by this statistic where it differs by a fifth', () => {
    const noise = (index: number, of: number): number => 100 + ((index * 37) % of);
    const a = Array.from({ length: 800 }, (_, index) => noise(index, 50));
    const b = a.map((ms) => ms + 20);
    assert.equal(chanceOfLonger(a, a), 0.5);
    assert.ok(chanceOfLonger(a, b) > 0.75);
    assert.ok(chanceOfLonger(b, a) < 0.25);
  });
});
