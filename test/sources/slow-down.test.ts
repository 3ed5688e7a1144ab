// Slowing down who guesses: the delays by themselves, the memory for clients, and the real daemon's answers.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { delayMs, GuessesByClient, SlowDown } from '../../src/sources/slow-down.ts';
import { startIntake } from '../support/intake.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { PolicyClient } from '../support/policy.ts';
import { testScratch } from '../support/scratch.ts';

const BAD = 'reply+nothing@reply.example.org';
const FOREVER = { bad_address_delay: '60s', bad_address_delay_longest: '60s' };

describe('the delay of an answer', () => {
  it('is none for the first bad address, doubles from the second on, and has an end', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 5000].map((count) =>
      delayMs(count, { firstMs: 500, longestMs: 10_000 }),
    );
    assert.deepEqual(delays, [0, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    assert.equal(delayMs(5000, { firstMs: 0, longestMs: 10_000 }), 0);
  });

  it('is waited for by a few at a time only, and by none once the daemon stops', async () => {
    const slowDown = new SlowDown(() => ({ firstMs: 3_600_000, longestMs: 3_600_000, maxWaiting: 2 }));
    const waiting = [slowDown.pause(2), slowDown.pause(3)];
    assert.ok(waiting.every((pause) => pause !== undefined));
    assert.equal(slowDown.pause(9), undefined);
    slowDown.end();
    await Promise.all(waiting);
    assert.equal(slowDown.pause(9), undefined);
  });
});

describe('bad addresses by client', () => {
  it('are counted in a row, and forgotten after a while without another', () => {
    let now = 0;
    const guesses = new GuessesByClient(
      () => 600_000,
      () => now,
    );
    assert.deepEqual([guesses.count('192.0.2.1'), guesses.count('192.0.2.1')], [1, 2]);
    assert.equal(guesses.count('192.0.2.2'), 1);
    now += 600_000;
    assert.equal(guesses.count('192.0.2.1'), 3);
    now += 600_001;
    assert.equal(guesses.count('192.0.2.1'), 1);
    assert.equal(guesses.size, 1);
  });

  it('count one /64 of IPv6 as one client, however it is written', () => {
    const guesses = new GuessesByClient(
      () => 600_000,
      () => 0,
    );
    const one = ['2001:db8::1', '2001:DB8:0:0::2', '2001:db8:0:0:ffff:1:2:3', '2001:0db8::'];
    assert.deepEqual(
      one.map((address) => guesses.count(address)),
      [1, 2, 3, 4],
    );
    for (const other of ['2001:db8:0:1::1', '2001:db8:1::1', '::1', 'unknown', '192.0.2.1']) {
      assert.equal(guesses.count(other), 1, other);
    }
  });

  it('take no more memory from any number of clients', () => {
    const guesses = new GuessesByClient(
      () => 600_000,
      () => 0,
    );
    for (let client = 0; client < 20_000; client++) guesses.count(`10.${client >> 8}.${client & 255}.1`);
    assert.ok(guesses.size <= 4096, String(guesses.size));
    assert.equal(guesses.count('x'.repeat(100_000)), 1);
  });
});

describe('the real daemon', () => {
  it('lets the second bad address of an LMTP session wait, and no other session with it', async (t) => {
    const intake = await startIntake(testScratch(t), { rate: FOREVER, lmtp: { command_timeout: '1s' } });
    const guessing = await LmtpClient.open(t, intake.socket);
    await guessing.say('MAIL FROM:<>');
    assert.match(await guessing.say(`RCPT TO:<${BAD}>`), /^550 5\.1\.1/);
    guessing.write(`RCPT TO:<${BAD}>\r\n`);
    const other = await LmtpClient.open(t, intake.socket);
    const replies = await other.sayAll('MAIL FROM:<>', `RCPT TO:<${BAD}>`, `RCPT TO:<${intake.alice}>`);
    assert.match(replies[1]!, /^550 /);
    assert.match(replies[2]!, /^250 /);
    assert.doesNotMatch(guessing.dialogue, /550[^]*550/);
    // The stop does not wait for it.
    const stopped = intake.daemon.stop();
    assert.match(await guessing.reply(), /^550 5\.1\.1/);
    guessing.vanish(); // a transaction under way may end
    other.vanish();
    assert.equal(await stopped, 'exit 0');
  });

  it('delays the answer by what is configured', async (t) => {
    const rate = { bad_address_delay: '100ms', bad_address_delay_longest: '200ms' };
    const intake = await startIntake(testScratch(t), { rate });
    const client = await LmtpClient.open(t, intake.socket);
    await client.say('MAIL FROM:<>');
    const start = performance.now();
    for (let guess = 0; guess < 4; guess++) await client.say(`RCPT TO:<${BAD}>`);
    assert.ok(performance.now() - start >= 490, 'none, 100, 200 and 200 ms');
    client.vanish(); // a transaction under way would hold the stop up
  });

  it("remembers a policy service's client over connections, and never lets a good address wait", async (t) => {
    const scratch = testScratch(t);
    const path = scratch.path('policy.sock');
    const intake = await startIntake(scratch, { rate: FOREVER, policy: { socket: path } });
    const [first, second, third] = [
      await PolicyClient.open(t, path),
      await PolicyClient.open(t, path),
      await PolicyClient.open(t, path),
    ];
    const guesser = { client_address: '2001:db8::1' };
    assert.match(await first.ask(BAD, guesser), /^550 /);
    const waits = second.ask(BAD, { client_address: '2001:db8::2' });
    assert.match(await third.ask(BAD, { client_address: '2001:db8:1::1' }), /^550 /);
    assert.equal(await third.ask(intake.alice, guesser), 'DUNNO');
    assert.equal(await first.ask(intake.alice), 'DUNNO');
    assert.equal(await Promise.race([waits, third.ask('x@example.com')]), 'DUNNO');
    await intake.daemon.stop();
    assert.match(await waits, /^550 /);
  });
});
