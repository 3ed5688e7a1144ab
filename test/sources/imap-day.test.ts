// A day of a mailbox's, by a clock that the test sets: IDLE dies every hour, and the server says nothing of it.
//
// Method: a proxy in front of Dovecot drops what the server tells an idling client, or all there is. Messages come at any
// time. The deadline of a command runs by the real clock, so that the time until a dead line is noticed is added here.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { COMMAND_MS } from '../../src/sources/imap/connection.ts';
import { Chance } from '../fault/rounds.ts';
import { itemsIn, message } from '../gate/gate.ts';
import { dovecotUnavailable, startDovecot } from '../support/dovecot.ts';
import { eventually } from '../support/eventually.ts';
import { ImapProxy } from '../support/imap-proxy.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { imapBench, mailboxOf, standing } from './imap.ts';
import { SetPace } from './pace.ts';

const HOURS = roundsOf(24, 4);
const HOUR_MS = 3_600_000;
const LATEST_MS = 5 * 60_000;

describe('a mailbox whose IDLE dies', { skip: dovecotUnavailable() }, () => {
  it(`has every message within five minutes, ${HOURS} hours long`, async (t) => {
    const scratch = testScratch(t);
    const dovecot = await startDovecot(scratch);
    const proxy = await ImapProxy.start(scratch, () => dovecot.port);
    writeFileSync(scratch.path('password'), dovecot.password, { mode: 0o600 });
    const bench = await imapBench(t, [mailboxOf(dovecot, scratch.path('password'), { port: proxy.port })]);
    const to = await bench.test.sealed();
    const client = await dovecot.connect();
    const pace = new SetPace();
    const source = bench.open({ pace, commandMs: 300 });
    await standing(source, 'serving');
    const chance = new Chance();
    const count = async (): Promise<number> => (await itemsIn(bench.test)).length;
    const latest = { ms: 0, seed: chance.seed };
    for (let hour = 0; hour < HOURS; hour++) {
      await pace.asleep();
      const isDead = hour % 2 === 1;
      proxy.way = isDead ? 'dead' : 'deaf';
      const quiet = chance.below(HOUR_MS / 6);
      if (!isDead) await pace.advance(quiet);
      const before = await count();
      await client.append(message([`To: ${to}`]));
      const came = pace.now();
      while ((await count()) === before) {
        await pace.asleep();
        pace.step(1000);
        assert.ok(pace.now() - came < LATEST_MS, `seed ${chance.seed}, hour ${hour}: still not there`);
      }
      latest.ms = Math.max(latest.ms, pace.now() - came + (isDead ? COMMAND_MS : 0));
      proxy.way = 'open';
      await standing(source, 'serving');
      await pace.advance(HOUR_MS - quiet - (pace.now() - came));
    }
    assert.ok(latest.ms <= LATEST_MS, `a message was ${latest.ms / 1000} s late, seed ${latest.seed}`);
    await eventually(
      async () => ((await count()) === HOURS ? true : undefined),
      () => 'messages are missing',
    );
    assert.ok(proxy.connections > HOURS / 2, 'dead lines were replaced');
    t.diagnostic(
      `the latest came after ${Math.round(latest.ms / 1000)} s, over ${proxy.connections} connections`,
    );
    client.end();
  });
});
