// Nothing that was acknowledged is lost in a power cut: the daemon's writes, recorded and cut at every sync.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { checkIntegrity, ensureStore, openConnection } from '../../src/store/sqlite/schema.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { prepareViews } from '../../src/store/sqlite/views.ts';
import { type Daemon, startDaemon } from '../support/daemon.ts';
import { LmtpClient } from '../support/lmtp.ts';
import { replyMessage } from '../support/message.ts';
import { startPlatform } from '../support/platform.ts';
import { Replay, type Unsynced } from '../support/power-cut.ts';
import { type Scratch, suiteScratch } from '../support/scratch.ts';
import { type FileEvent, record, straceUnavailable } from '../support/strace.ts';
import { mountTmpfs, tmpfsUnavailable } from '../support/tmpfs.ts';

const MESSAGES = 100;
const CLIENTS = 4;

const skip = straceUnavailable();

/** A run of the daemon: what it did from the beginning of `replay` on. */
interface Run {
  readonly store: string;
  readonly events: readonly FileEvent[];
  readonly replay: Replay;
}

/** Lets clients send messages at the same time, each one after the other; large enough for checkpoints in between. */
async function send(t: TestContext, daemon: Daemon, addresses: readonly string[]): Promise<void> {
  const sendSome = async (to: string, client: number): Promise<void> => {
    const connection = await LmtpClient.open(t, daemon.socket);
    for (let n = client; n < MESSAGES; n += addresses.length) {
      const body = `${'x'.repeat(70)}\n`.repeat(n % 3 === 0 ? 4 : 3500);
      const [reply] = await connection.deliver(replyMessage({ to, body }), to);
      assert.match(String(reply), /^250 2\.0\.0 queued as /);
    }
  };
  await Promise.all(addresses.map(sendSome));
}

async function runRecorded(t: TestContext, scratch: Scratch): Promise<Run> {
  const platform = await startPlatform(scratch);
  const daemon = await startDaemon(scratch, { sink: platform.sink });
  await daemon.addUser('alice');
  // Before the recording, because it sees the daemon's writes alone.
  const addresses: string[] = [];
  while (addresses.length < CLIENTS) {
    const { reply_to: address } = await daemon.mint({ user: 'alice', thread: `t/${addresses.length}` });
    addresses.push(address);
  }
  const store = scratch.path('mailgw.db');
  const recording = await record(scratch, daemon.pid);
  const replay = new Replay([store, `${store}-wal`]);
  await send(t, daemon, addresses);
  await platform.nthPost(MESSAGES, 60_000);
  return { store, events: await recording.stop(), replay };
}

/** The ids that a write to a socket acknowledges. */
function acknowledged(event: FileEvent): string[] {
  if (event.kind !== 'write' || !event.path.includes('UNIX')) return [];
  return [...event.bytes.toString('latin1').matchAll(/^250 2\.0\.0 queued as (\S+)\r$/gm)].map(
    ([, id = '']) => id,
  );
}

/** The same numbers in every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Opens what a cut left as a daemon does at its start, and gives the ids of its items. */
function reopen(path: string): Set<string> {
  ensureStore(path);
  const database = openConnection(path, { readonly: false, busyTimeoutMs: 0 });
  try {
    checkIntegrity(database, path);
    return new Set(
      prepareViews(database)
        .list({ limit: 10 * MESSAGES })
        .map(({ id }) => id),
    );
  } finally {
    database.close();
  }
}

describe('the order of writes', { skip }, () => {
  const scratch = suiteScratch();
  let run: Run | undefined;
  const recorded = (): Run => {
    assert.ok(run !== undefined);
    return run;
  };

  after(() => scratch.close());

  it(`is the log's fsync, then the 250, for each of ${MESSAGES} messages`, async (t) => {
    run = await runRecorded(t, scratch);
    const { events, store } = run;
    const log = `${store}-wal`;
    const unsynced: Buffer[] = [];
    let covered = 0;
    let synced = Buffer.alloc(0);
    let messages = 0;
    for (const event of events) {
      for (const id of acknowledged(event)) {
        messages += 1;
        assert.ok(synced.includes(id), `${id} was acknowledged before the log with it was synced`);
      }
      if (event.path !== log) continue;
      if (event.kind === 'write') unsynced.push(event.bytes);
      if (event.kind === 'sync-begin') covered = unsynced.length;
      if (event.kind === 'sync-end') synced = Buffer.concat([synced, ...unsynced.splice(0, covered)]);
    }
    assert.equal(messages, MESSAGES);
    const syncs = events.filter(({ kind, path }) => kind === 'sync-end' && path === log).length;
    t.diagnostic(`${messages} messages, ${syncs} syncs of the log, ${events.length} events`);
  });

  it('leaves every acknowledged item at every cut, whatever the disk did with the rest', async (t) => {
    const { events, store, replay } = recorded();
    const directory =
      tmpfsUnavailable() === false ? await mountTmpfs(scratch, 'cut', 2 ** 28) : scratch.path('cut');
    mkdirSync(directory, { recursive: true });
    const rename = (path: string): string => join(directory, path.slice(scratch.directory.length + 1));
    const cutStore = rename(store);
    const random = randomNumbers(1);
    const ids: string[] = [];
    let cuts = 0;
    let checkpoints = 0;
    for (const event of events) {
      ids.push(...acknowledged(event));
      if (!replay.take(event) || event.kind !== 'sync-end') continue;
      cuts += 1;
      if (event.path === store) checkpoints += 1;
      for (const unsynced of ['all', 'none', 'some'] satisfies Unsynced[]) {
        replay.write(unsynced, random, rename);
        rmSync(`${cutStore}-shm`, { force: true });
        const there = reopen(cutStore);
        const missing = ids.filter((id) => !there.has(id));
        assert.deepEqual(missing, [], `cut ${cuts}, ${unsynced} of the unsynced writes`);
        assert.deepEqual(checkStore(cutStore).problems, []);
      }
    }
    t.diagnostic(`${cuts} cuts in three variants, ${checkpoints} of them at checkpoints`);
    assert.equal(ids.length, MESSAGES);
    assert.ok(cuts > 10);
    assert.ok(checkpoints > 0, 'the run was long enough for a checkpoint');
    const reopened = await openSqliteStore({ path: cutStore, mode: 'daemon' });
    assert.equal((await reopened.list({})).length, MESSAGES);
    await reopened.close();
  });
});
