// The hosts of a site are upgraded one after the other, under load: each to a version whose schema is a step further, one of
// them back again, and one killed while both are at work. Nothing accepted is lost, and nothing is posted under two keys.
//
// Method: there is one version of mailgw so far. The later one is a copy of this build whose list of steps has one more, which
// adds a column: what a release does that keeps the old daemons at work.

import assert from 'node:assert/strict';
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MIGRATIONS } from '../../src/store/postgres/migrations.ts';
import { type Postgres, postgresUnavailable, startPostgres } from '../support/postgres.ts';
import { repositoryRoot } from '../support/process.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { makeFleet, underLoad } from './fleet.ts';

const SCHEMA = MIGRATIONS.length;

/** A step is under way between fewer accepted recipients than this. */
const ACCEPTED = 120;

const LATER_STEP = `MIGRATIONS.push({ sql: 'ALTER TABLE item ADD COLUMN later bigint', compatibleFrom: ${SCHEMA} });`;

/** Makes a checkout of the version that comes next. */
function makeLaterVersion(scratch: Scratch): string {
  const checkout = scratch.path('later');
  for (const part of ['package.json', 'bin', 'dist/src', 'src/notices/texts'])
    cpSync(join(repositoryRoot, part), join(checkout, part), { recursive: true });
  symlinkSync(join(repositoryRoot, 'node_modules'), join(checkout, 'node_modules'));
  const steps = join(checkout, 'dist/src/store', 'postgres/migrations.js');
  writeFileSync(steps, `${readFileSync(steps, 'utf8')}\n${LATER_STEP}\n`);
  return checkout;
}

describe('an upgrade of one host at a time', { skip: postgresUnavailable() }, () => {
  const scratch = suiteScratch();
  let server: Postgres;
  let later: string;

  before(async () => {
    server = await startPostgres(scratch, { syncs: true });
    later = makeLaterVersion(scratch);
  });

  after(() => scratch.close());

  it('loses nothing while daemons of two schemas are at work', async (t) => {
    const fleet = await makeFleet(t, server);
    const schema = async (): Promise<string> =>
      await server.sql('SELECT version, compatible_from FROM mailgw_schema', fleet.database);
    const versions = async (): Promise<string> =>
      await server.sql(
        "SELECT string_agg(schema_version::text, ' ' ORDER BY name) FROM host",
        fleet.database,
      );
    await underLoad(
      t,
      () => server,
      fleet,
      async (senders, chance) => {
        const run = async (host: number, checkout: string): Promise<void> => {
          const daemon = fleet.daemons[host]!;
          await senders.acceptedMore(1 + chance.below(ACCEPTED));
          assert.equal(await daemon.stop(), 'exit 0');
          daemon.checkout = checkout;
          await daemon.start();
        };
        await run(0, later);
        assert.equal(await schema(), `${SCHEMA + 1}|${SCHEMA}`);
        assert.equal(await versions(), `${SCHEMA + 1} ${SCHEMA} ${SCHEMA}`);
        await run(1, later);
        // Back again, while the schema is the later one's.
        await run(0, repositoryRoot);
        assert.equal(await versions(), `${SCHEMA} ${SCHEMA + 1} ${SCHEMA}`);
        // What one leaves behind is the other's, whichever of them dies.
        for (const host of [0, 1]) {
          await senders.acceptedMore(1 + chance.below(ACCEPTED));
          await fleet.daemons[host]!.kill9();
          await senders.acceptedMore(ACCEPTED);
          await fleet.daemons[host]!.start();
        }
        for (const host of [0, 2]) await run(host, later);
        await senders.acceptedMore(ACCEPTED);
        assert.equal(await versions(), `${SCHEMA + 1} ${SCHEMA + 1} ${SCHEMA + 1}`);
      },
    );
  });
});
