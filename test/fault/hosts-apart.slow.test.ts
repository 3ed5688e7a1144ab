// Several daemons and a database that is somewhere else: a host is cut off from it, and its standby takes its place. Nothing
// accepted is lost, nothing is posted under two keys, and each thread stays in order over all hosts.
//
// Method: as in hosts.slow.test.ts. Each host has a network of its own, whose link is pulled out; the primary is killed, its
// synchronous standby is promoted, and what is left of the old one is made anew as a standby of the new one.

import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { follow, postgresUnavailable, startPostgres, startStandby } from '../support/postgres.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { type FleetOptions, makeFleet, underLoad } from './fleet.ts';
import { CENTRE, makeNetworks, networksUnavailable, RANGE } from './networks.ts';

/** A fault comes after fewer accepted recipients than this. */
const ACCEPTED = 60;

const CUTS = roundsOf(30, 3);
const FAILOVERS = roundsOf(4, 1);

/** Longer than a lease of a host that nobody hears of. */
const APART_MS = 45_000;

describe('hosts and a database that is somewhere else', {
  skip: postgresUnavailable() || (await networksUnavailable()),
}, () => {
  it(`${CUTS} times a host is cut off from the database, and once for ${APART_MS / 1000} s`, async (t) => {
    const scratch = testScratch(t);
    const server = await startPostgres(scratch, { syncs: true, trusts: RANGE });
    const networks = await makeNetworks(scratch, 3);
    const options: FleetOptions = {
      platform: CENTRE,
      within: (host) => networks[host]!.within,
      urlOf: (_, database) => `postgresql://postgres@${CENTRE}:${server.port}/${database}?sslmode=disable`,
    };
    const fleet = await makeFleet(t, server, options);
    await underLoad(
      t,
      () => server,
      fleet,
      async (senders, chance) => {
        for (let round = 0; round < CUTS; round++) {
          await senders.acceptedMore(1 + chance.below(ACCEPTED));
          const network = chance.oneOf(networks);
          await network.link('down');
          await delay(chance.below(3000));
          await network.link('up');
        }
        await networks[0]!.link('down');
        await delay(APART_MS);
        await networks[0]!.link('up');
        await senders.acceptedMore(ACCEPTED);
      },
    );
  });

  it(`${FAILOVERS} times the standby takes the place of a primary that was killed`, async (t) => {
    const scratch = testScratch(t);
    let primary = await startPostgres(scratch, { syncs: true });
    let standby = await startStandby(scratch, primary, 'standby');
    const servers = `127.0.0.1:${primary.port},127.0.0.1:${standby.port}`;
    const urlOf = (_: number, database: string): string => `postgresql://postgres@${servers}/${database}`;
    const fleet = await makeFleet(t, primary, { urlOf });
    await underLoad(
      t,
      () => primary,
      fleet,
      async (senders, chance) => {
        for (let round = 0; round < FAILOVERS; round++) {
          await senders.acceptedMore(1 + chance.below(ACCEPTED));
          await primary.stop('SIGKILL');
          await standby.promote();
          [primary, standby] = [standby, primary];
          await follow(primary, standby);
        }
        await senders.acceptedMore(ACCEPTED);
      },
    );
  });
});
