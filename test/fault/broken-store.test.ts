// Stores that cannot be used: what the real daemon says of them, how it ends, and that it never takes mail.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import { writeConfig } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { newItem } from '../support/item.ts';
import { repositoryRoot, runOk } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';
import { mountTmpfs, tmpfsUnavailable } from '../support/tmpfs.ts';

const isRoot = process.getuid?.() === 0;
const skipUnlessRoot = isRoot ? false : 'unavailable: only root can start a daemon as somebody else';

/** The user and group that nothing belongs to. */
const NOBODY = 65_534;

interface Place {
  readonly scratch: Scratch;
  readonly config: string;
  readonly socket: string;
  readonly directory: string;
  readonly store: string;
}

/** A configuration whose store is in a directory of its own. */
function place(t: TestContext, directory?: string): Place {
  const scratch = testScratch(t);
  return placeIn(scratch, directory ?? scratch.path('store'));
}

function placeIn(scratch: Scratch, directory: string): Place {
  mkdirSync(directory, { recursive: true });
  const socket = scratch.path('lmtp.sock');
  const store = join(directory, 'mailgw.db');
  const config = writeConfig(scratch, socket, { sink: NO_SINK, settings: { store: { path: store } } });
  return { scratch, config, socket, directory, store };
}

/** A store with some messages in it, closed in order: one file. */
async function fill(store: string, messages = 50): Promise<void> {
  const open = await openSqliteStore({ path: store, mode: 'tool' });
  for (let n = 0; n < messages; n++)
    await open.accept([newItem({ thread: `t/${n}` })], Buffer.alloc(8000, n));
  await open.close();
}

/** Starts the daemon, which must refuse to: its status and what it said. */
async function refusal(
  { config, socket }: Place,
  uid?: number,
): Promise<{ code: number | null; said: string }> {
  const child = spawn(process.execPath, [join(repositoryRoot, 'bin', 'mailgwd'), '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const [said, code] = await Promise.all([
    buffer(child.stderr),
    new Promise<number | null>((resolve) => child.once('exit', resolve)),
  ]);
  assert.equal(existsSync(socket), false, 'no socket: nobody can be told 250');
  return { code, said: said.toString('utf8') };
}

async function refuses(where: Place, code: number, said: RegExp, uid?: number): Promise<void> {
  const result = await refusal(where, uid);
  assert.equal(result.code, code, result.said);
  assert.match(result.said, said);
  assert.match(result.said, /^mailgwd: store\.path: [^\n]*\n$/, 'one line');
}

/** Hands everything in the scratch directory to nobody, secrets included. */
async function giveToNobody({ scratch }: Place): Promise<void> {
  await runOk('chown', ['-R', `${NOBODY}:${NOBODY}`, scratch.directory]);
}

describe('mailgwd does not start on a store', () => {
  it('that another mailgwd serves: 69', async (t) => {
    const where = place(t);
    const other = await openSqliteStore({ path: where.store, mode: 'daemon' });
    t.after(() => other.close());
    await refuses(where, 69, /is in use by another mailgwd; only one may run on a store/);
  });

  it('that another process has locked: 69', async (t) => {
    const where = place(t);
    await fill(where.store);
    const other = new Sqlite(where.store);
    t.after(() => other.close());
    other.exec("BEGIN IMMEDIATE; UPDATE item SET state = 'leased', lease_until = 1");
    await refuses(where, 69, /is locked by another process; "fuser -v \S+" names it/);
  });

  it('that is garbage, or cut off within its first page: 78', async (t) => {
    const where = place(t);
    writeFileSync(where.store, Buffer.alloc(20_000, 'no database '));
    await refuses(where, 78, /mailgw\.db is not a database; restore it from a backup, or/);
    rmSync(where.store);
    await fill(where.store);
    truncateSync(where.store, 60);
    await refuses(where, 78, /mailgw\.db is not a mailgw store; restore it from a backup, or/);
  });

  it('that is empty: 78, and the file stays as it is', async (t) => {
    const where = place(t);
    writeFileSync(where.store, '');
    await refuses(where, 78, /mailgw\.db is empty; restore it from a backup, or/);
    assert.equal(readFileSync(where.store).length, 0);
  });

  it("that is somebody else's database: 78, and the file stays as it is", async (t) => {
    const where = place(t);
    const other = new Sqlite(where.store);
    other.exec('CREATE TABLE precious (thing)');
    other.close();
    const bytes = readFileSync(where.store);
    await refuses(where, 78, /mailgw\.db is not a mailgw store; restore/);
    assert.deepEqual(readFileSync(where.store), bytes);
  });

  it('that is cut off at any page, or overwritten in the middle: 74', async (t) => {
    const where = place(t);
    await fill(where.store);
    const whole = readFileSync(where.store);
    for (const share of [0.1, 0.5, 0.9, 1]) {
      writeFileSync(where.store, whole);
      truncateSync(where.store, Math.max(4096, Math.floor((whole.length * share) / 4096) * 4096 - 4096));
      await refuses(
        where,
        74,
        /mailgw\.db is damaged \([^)]*\).*; stop mailgwd, keep the file, and restore it from/,
      );
    }
    const garbled = Buffer.from(whole);
    garbled.fill(0xa5, 4096 * 3, 4096 * 6);
    writeFileSync(where.store, garbled);
    await refuses(where, 74, /mailgw\.db is damaged /);
  });

  it('of a newer schema: 69', async (t) => {
    const where = place(t);
    await fill(where.store);
    const other = new Sqlite(where.store);
    other.pragma('user_version = 99');
    other.close();
    await refuses(where, 69, /has schema 99, this mailgw knows \d+; run the newer mailgw, or restore/);
  });

  it('where a directory is: 74', async (t) => {
    const where = place(t);
    mkdirSync(where.store);
    await refuses(where, 74, /mailgw\.db is a directory; store\.path names a file/);
  });

  it('whose directory cannot be made: 73', async (t) => {
    const scratch = testScratch(t);
    writeFileSync(scratch.path('file'), '');
    const where = placeIn(scratch, scratch.path('other'));
    const text = readFileSync(where.config, 'utf8').replace(where.directory, scratch.path('file', 'below'));
    writeFileSync(where.config, text);
    await refuses(where, 73, /file\/below cannot be made: .*; make it, owned by the user of mailgwd/);
  });

  it('whose log is something else: 74, and the log stays as it is', async (t) => {
    const where = place(t);
    await fill(where.store);
    writeFileSync(`${where.store}-wal`, Buffer.alloc(50_000, 'garbage '));
    await refuses(where, 74, /mailgw\.db-wal is not its write-ahead log\); stop mailgwd, keep the file/);
    assert.equal(readFileSync(`${where.store}-wal`).length, 50_000);
  });

  for (const [what, spoil] of [
    [
      'file',
      (where: Place) => {
        chmodSync(where.store, 0o444);
      },
    ],
    [
      'directory',
      (where: Place) => {
        chmodSync(where.directory, 0o555);
      },
    ],
  ] as const) {
    it(`whose ${what} is read-only for an unprivileged user: 74`, { skip: skipUnlessRoot }, async (t) => {
      const where = place(t);
      await fill(where.store);
      await giveToNobody(where);
      spoil(where);
      await refuses(
        where,
        74,
        /is not readable and writable for user 65534 \(it belongs to user 65534, mode 0\d+\)/,
        NOBODY,
      );
    });
  }

  it('that belongs to somebody else: 74, and it says how to hand it over', {
    skip: skipUnlessRoot,
  }, async (t) => {
    const where = place(t);
    await fill(where.store);
    await giveToNobody(where);
    chownSync(where.store, 0, 0);
    chmodSync(where.store, 0o600);
    await refuses(
      where,
      74,
      /mailgw\.db is not readable .* belongs to user 0, mode 0600\); .*chown 65534 /,
      NOBODY,
    );
  });

  it('on a file system that is mounted read-only: 74', { skip: tmpfsUnavailable() }, async (t) => {
    const scratch = testScratch(t);
    const where = placeIn(scratch, await mountTmpfs(scratch, 'disk', 64 * 1024 * 1024));
    await fill(where.store);
    await runOk('mount', ['-o', 'remount,ro', where.directory]);
    await refuses(where, 74, /is on a file system that is mounted read-only; mount it read-write/);
  });

  it('on a file system without a byte left for it: 74', { skip: tmpfsUnavailable() }, async (t) => {
    const scratch = testScratch(t);
    const where = placeIn(scratch, await mountTmpfs(scratch, 'disk', 16_384));
    await refuses(where, 74, /full; free some space/);
  });
});

describe('a log that is gone or cut', () => {
  /** A store as a crash leaves it: 20 messages in the database, 20 more in the log. */
  async function crashed(t: TestContext): Promise<Place> {
    const where = place(t);
    await fill(where.store, 20);
    const open = await openSqliteStore({ path: where.store, mode: 'tool' });
    for (let n = 0; n < 20; n++) await open.accept([newItem({ thread: `u/${n}` })], Buffer.alloc(8000, n));
    for (const suffix of ['', '-wal']) copyFileSync(where.store + suffix, `${where.store}.copy${suffix}`);
    await open.close();
    return { ...where, store: `${where.store}.copy` };
  }

  async function items(store: string): Promise<number> {
    const open = await openSqliteStore({ path: store, mode: 'daemon' });
    try {
      return (await open.list({})).length;
    } finally {
      await open.close();
    }
  }

  it('gives everything when it is whole', async (t) => {
    assert.equal(await items((await crashed(t)).store), 40);
  });

  it('gives what the database has when it is gone: that is how a clean stop leaves it', async (t) => {
    const { store } = await crashed(t);
    rmSync(`${store}-wal`);
    assert.equal(await items(store), 20);
  });

  it('gives what stands before the cut or the garbled page, in whole transactions', async (t) => {
    for (const spoil of ['cut', 'garble'] as const) {
      const { store } = await crashed(t);
      const log = readFileSync(`${store}-wal`);
      const middle = log.length >> 1;
      writeFileSync(
        `${store}-wal`,
        spoil === 'cut' ? log.subarray(0, middle) : log.fill(0x5a, middle, middle + 500),
      );
      const left = await items(store);
      assert.ok(left > 20 && left < 40, `${spoil}: ${left}`);
    }
  });
});

describe('the log of another store', () => {
  it('beside a restored store: the message names it and the command that ends the circle', async (t) => {
    const where = place(t);
    await fill(where.store, 20);
    const copy = readFileSync(where.store);
    await fill(where.store, 200);
    const open = await openSqliteStore({ path: where.store, mode: 'tool' });
    for (let n = 0; n < 50; n++) await open.accept([newItem({ thread: `u/${n}` })], Buffer.alloc(8000, n));
    const log = readFileSync(`${where.store}-wal`);
    await open.close();
    writeFileSync(where.store, copy);
    writeFileSync(`${where.store}-wal`, log);
    const { code, said } = await refusal(where);
    assert.equal(code, 74, said);
    const [, command = ''] = /may be the log of another store: "(mv [^"]+)" moves it aside/.exec(said) ?? [];
    await runOk('sh', ['-c', command]);
    const store = await openSqliteStore({ path: where.store, mode: 'daemon' });
    t.after(() => store.close());
    assert.equal((await store.list({})).length, 20);
  });

  it('where there is no store: no new one is made beside it', async (t) => {
    const where = place(t);
    await fill(where.store, 5);
    const open = await openSqliteStore({ path: where.store, mode: 'tool' });
    await open.accept([newItem({ thread: 'u/1' })], Buffer.alloc(8000));
    copyFileSync(`${where.store}-wal`, `${where.store}.log`);
    await open.close();
    rmSync(where.store);
    copyFileSync(`${where.store}.log`, `${where.store}-wal`);
    await refuses(
      where,
      74,
      /mailgw\.db is not there, and the log of a store is: \S+-wal; .*mv \S+-wal \S+-wal\.old/,
    );
    assert.equal(existsSync(where.store), false);
  });
});
