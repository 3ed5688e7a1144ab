// kill -9 while the store is made and while it is migrated: there is none, the old one, or the new one, whole.
//
// Method: a first run under crash-shim.c counts the system calls that change the store's files until the daemon
// serves; then the rounds spread their kills over all of them, before a call or, where it is a write, halfway into it.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { CrashShim } from './crash-shim.ts';
import { Chance, failedRound } from './rounds.ts';
import { type FaultSite, makeSite } from './site.ts';
import { inspectStore, type StoreContents } from './store-file.ts';

const rounds = roundsOf(30, 3);

/** Marks a file as a store of mailgw's (PRAGMA application_id). */
const APPLICATION_ID = 0x6d677731;

/** All files of the store but the lock's. */
function filesOf(store: string): string[] {
  const names = readdirSync(dirname(store)).filter((name) => name.startsWith(basename(store)));
  return names.filter((name) => !name.includes('.lock')).map((name) => join(dirname(store), name));
}

function removeStore(store: string): void {
  for (const file of filesOf(store)) rmSync(file);
}

/** A store before its first migration. */
function makeUnmigrated(store: string): void {
  removeStore(store);
  const database = new Sqlite(store);
  database.pragma(`application_id = ${APPLICATION_ID}`);
  database.pragma('journal_mode = WAL');
  database.close();
}

/** Kills starts from what `prepare` leaves at every step; `check` judges what there is after a kill. */
async function crashOnStart(
  t: TestContext,
  prepare: (store: string) => void,
  check: (found: StoreContents | undefined, complete: StoreContents) => void,
): Promise<void> {
  const scratch = testScratch(t);
  const chance = new Chance();
  const shim = await CrashShim.compile(scratch, scratch.path('mailgw.db'));
  const site = await makeSite(scratch, { environment: shim.environment });
  const { daemon, store } = site;
  const look = (): StoreContents => ({ ...inspectStore(store, scratch.path('copy')), items: [] });
  const complete = look();
  prepare(store);
  const steps = await stepsOfStart(site, shim);
  for (let round = 0; round < rounds; round++) {
    const step = 1 + Math.floor(((round + chance.fraction()) * steps.length) / rounds);
    const isTorn = steps[step - 1]?.startsWith('pwrite64') === true && chance.fraction() < 0.5;
    const order = `${isTorn ? 'torn' : 'step'} ${step}`;
    try {
      prepare(store);
      shim.order(order);
      assert.equal(await daemon.startToEnd(), 'SIGKILL');
      check(existsSync(store) ? look() : undefined, complete);
      shim.withdraw();
      await daemon.start();
      assert.equal(await daemon.stop(), 'exit 0');
      assert.deepEqual(look(), complete, 'the next start completes it');
      assert.deepEqual(filesOf(store), [store], 'and leaves nothing else');
    } catch (problem) {
      throw failedRound(problem, `${order} of ${steps.length}`, `seed ${chance.seed}`, scratch.directory);
    }
  }
  t.diagnostic(`${rounds} kills over ${steps.length} steps`);
}

async function stepsOfStart({ daemon }: FaultSite, shim: CrashShim): Promise<string[]> {
  shim.order('count');
  await daemon.start();
  const steps = shim.steps();
  shim.withdraw();
  await daemon.kill9();
  assert.ok(steps.length > 10, steps.join('\n'));
  return steps;
}

describe('kill -9 before the store is there', { concurrency: 2 }, () => {
  it(`while it is made, ${rounds} times: there is no store, or a whole one`, async (t) => {
    await crashOnStart(t, removeStore, (found, complete) => {
      if (found !== undefined) assert.deepEqual(found, complete);
    });
  });

  it(`during its migration, ${rounds} times: there is the old schema, or a later one`, async (t) => {
    await crashOnStart(t, makeUnmigrated, (found, complete) => {
      assert.ok(found, 'a store does not vanish');
      assert.ok(found.version <= complete.version);
      if (found.version === 0) assert.deepEqual(found.schema, []);
      if (found.version === complete.version) assert.deepEqual(found, complete);
    });
  });
});
