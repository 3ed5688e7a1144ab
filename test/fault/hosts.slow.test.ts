// Several daemons on one PostgreSQL, and everything that dies: nothing accepted is lost, nothing is posted under two keys,
// and each thread stays in order over all hosts.
//
// Method: clients as Postfix is send all the time, each connection to any of three daemons, and a mail that one did not
// answer to another. Then daemons are killed, or stopped and woken; the server is killed; connections are cut at random
// bytes. MAILGW_ROUNDS=10 for ten times what CI does.

import { after, before, describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CuttingProxy } from '../support/cutting-proxy.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { roundsOf } from '../support/rounds.ts';
import { suiteScratch, testScratch } from '../support/scratch.ts';
import { type Fleet, type FleetOptions, makeFleet, underLoad } from './fleet.ts';
import type { Chance } from './rounds.ts';
import type { Senders } from './senders.ts';

const ROUNDS = roundsOf(30, 4);
const CUTS = roundsOf(50, 10);

/** A fault comes after fewer accepted recipients than this. */
const ACCEPTED = 60;

/** How long the stopped daemon sleeps: longer than its leases and everybody's patience with it. */
const ASLEEP_MS = 90_000;

describe('several daemons on one PostgreSQL', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;

  before(async () => {
    server = await startPostgres(scratch, { syncs: true });
  });

  after(() => scratch.close());

  /** Runs a fault under load on three hosts of their own. */
  async function onFleet(
    t: TestContext,
    fault: (fleet: Fleet, senders: Senders, chance: Chance) => Promise<void>,
    options: FleetOptions = {},
  ): Promise<void> {
    const fleet = await makeFleet(t, server, options);
    await underLoad(
      t,
      () => server,
      fleet,
      (...rest) => fault(fleet, ...rest),
    );
  }

  it(`${ROUNDS} kills of any of them`, async (t) => {
    await onFleet(t, async ({ daemons }, senders, chance) => {
      for (let round = 0; round < ROUNDS; round++) {
        await senders.acceptedMore(1 + chance.below(ACCEPTED));
        const daemon = chance.oneOf(daemons);
        await daemon.kill9();
        await senders.acceptedMore(chance.below(ACCEPTED)); // the others go on
        await daemon.start();
      }
    });
  });

  it(`${ROUNDS} kills of the server`, async (t) => {
    await onFleet(t, async (_fleet, senders, chance) => {
      for (let round = 0; round < ROUNDS; round++) {
        await senders.acceptedMore(1 + chance.below(ACCEPTED));
        await server.stop(chance.oneOf(['SIGKILL', 'SIGQUIT', 'SIGINT']));
        await delay(chance.below(300));
        await server.start();
      }
      await senders.acceptedMore(ACCEPTED);
    });
  });

  it(`${CUTS} connections to the server that are cut at any byte`, async (t) => {
    const proxy = await CuttingProxy.start(testScratch(t), server.port);
    const urlOf = (_: number, database: string): string =>
      `postgresql://postgres@127.0.0.1:${proxy.port}/${database}`;
    await onFleet(
      t,
      async (_fleet, senders) => {
        // Some fail while they are made, most in the midst of what they were asked.
        proxy.begin({ toServer: 150_000, toClient: 30_000 });
        while (proxy.cuts < CUTS) await senders.acceptedMore(ACCEPTED);
        proxy.reach = undefined;
        await senders.acceptedMore(ACCEPTED);
      },
      { urlOf },
    );
    t.diagnostic(`${proxy.cuts} connections cut`);
  });

  it('a daemon that is stopped for 90 s and woken', async (t) => {
    await onFleet(t, async ({ daemons }, senders) => {
      await senders.acceptedMore(ACCEPTED);
      process.kill(daemons[0]!.pid, 'SIGSTOP');
      await delay(ASLEEP_MS);
      process.kill(daemons[0]!.pid, 'SIGCONT');
      await senders.acceptedMore(ACCEPTED);
    });
  });
});
