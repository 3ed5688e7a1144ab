// The SQLite files: pragmas, modes, the one daemon, migrations, and files that are no store of ours.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import Sqlite from 'better-sqlite3';
import { ensureStore, openConnection } from '../../src/store/sqlite/schema.ts';
import { openSqliteStore, StoreError } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { writeConfig } from '../support/daemon.ts';
import { NO_SINK } from '../support/intake.ts';
import { accept, ids, lease, NOW, newItem, queued } from '../support/item.ts';
import { type RunResult, repositoryRoot, run } from '../support/process.ts';
import { type Scratch, testScratch } from '../support/scratch.ts';

/** Opens a store that closes with the scratch, or earlier. */
async function open(scratch: Scratch, mode: 'daemon' | 'tool' = 'daemon'): Promise<Store> {
  const store = await openSqliteStore({ path: scratch.path('mailgw.db'), mode });
  scratch.defer(() => store.close());
  return store;
}

/** A closed store with some items in it; its path. */
async function closedStore(scratch: Scratch, count = 3): Promise<string> {
  const store = await open(scratch);
  for (let n = 0; n < count; n++) {
    await accept(store, [newItem({ thread: `t/${n}` })], randomBytes(9000));
  }
  await store.close();
  return scratch.path('mailgw.db');
}

describe('pragmas and tables', () => {
  it('a writing connection is synchronous=FULL on every open, not on the first alone (G1)', async (t) => {
    const path = await closedStore(testScratch(t));
    for (let start = 0; start < 3; start++) {
      const database = openConnection(path, { readonly: false, busyTimeoutMs: 0 });
      const pragma = (name: string): unknown => database.pragma(name, { simple: true });
      assert.equal(pragma('synchronous'), 2);
      assert.equal(pragma('journal_mode'), 'wal');
      assert.equal(pragma('foreign_keys'), 1);
      database.close();
    }
  });

  it('every table is STRICT', async (t) => {
    const database = new Sqlite(await closedStore(testScratch(t)), { readonly: true });
    t.after(() => database.close());
    const tables = database.pragma('table_list') as { name: string; type: string; strict: number }[];
    const ours = tables.filter(({ name, type }) => type === 'table' && !name.startsWith('sqlite_'));
    assert.ok(ours.length >= 8);
    assert.deepEqual(
      ours.filter(({ strict }) => strict !== 1),
      [],
    );
  });

  it('every file is for its owner alone, whatever the umask (mode 0600)', async (t) => {
    const scratch = testScratch(t);
    const before = process.umask(0);
    try {
      await queued(await open(scratch));
    } finally {
      process.umask(before);
    }
    const modes = readdirSync(scratch.directory).map(
      (name) => [name, statSync(scratch.path(name)).mode & 0o777] as const,
    );
    assert.deepEqual(modes.sort(), [
      ['mailgw.db', 0o600],
      ['mailgw.db-shm', 0o600],
      ['mailgw.db-wal', 0o600],
      ['mailgw.db.lock', 0o600],
    ]);
  });

  it('missing directories are made, closed to others', async (t) => {
    const scratch = testScratch(t);
    const path = scratch.path('var', 'lib', 'mailgw.db');
    const store = await openSqliteStore({ path, mode: 'daemon' });
    await store.close();
    assert.equal(statSync(scratch.path('var', 'lib')).mode & 0o007, 0);
  });
});

describe('one daemon per store (G4)', () => {
  it('a second daemon is refused, tools are not; a closed store is free', async (t) => {
    const scratch = testScratch(t);
    const first = await open(scratch);
    const refusal = { name: 'StoreError', kind: 'locked', message: /is in use by another mailgwd/ };
    await assert.rejects(open(scratch), refusal);
    const tool = await open(scratch, 'tool');
    const id = await queued(tool);
    assert.deepEqual(ids(await lease(first)), [id]);
    await first.close();
    await open(scratch);
  });

  it('a daemon voids the leases of a dead one at its start, a tool does not', async (t) => {
    const scratch = testScratch(t);
    const dead = await open(scratch);
    const leased = await queued(dead);
    const behind = await queued(dead);
    await lease(dead);
    await dead.close();
    const tool = await open(scratch, 'tool');
    assert.equal((await tool.get(leased))?.state, 'leased');
    const daemon = await open(scratch);
    assert.equal((await daemon.get(leased))?.state, 'ready');
    const [again] = await lease(daemon, Date.now());
    assert.deepEqual([again?.id, again?.attempts], [leased, 2]);
    assert.equal((await daemon.get(behind))?.state, 'ready');
  });

  it('at a start, an older item that was released meanwhile goes first (G5)', async (t) => {
    const scratch = testScratch(t);
    const dead = await open(scratch);
    const held = newItem({ hold: 'spam' });
    await accept(dead, [held]);
    await queued(dead);
    await lease(dead);
    await dead.operate('release', held.id, NOW);
    await dead.close();
    assert.deepEqual(ids(await lease(await open(scratch), Date.now())), [held.id]);
  });

  it('processes that make the same store at once share it', async (t) => {
    const scratch = testScratch(t);
    const stores = await Promise.all(Array.from({ length: 6 }, () => open(scratch, 'tool')));
    for (const [index, store] of stores.entries()) await queued(store, { thread: `t/${index}` });
    assert.equal((await stores[0]!.counts()).byState.ready, 6);
    const left = readdirSync(scratch.directory).filter((name) => name.includes('.new-'));
    assert.deepEqual(left, []);
  });
});

describe('a closed store', () => {
  it('is one file that holds everything, so that a copy of it is a backup', async (t) => {
    const scratch = testScratch(t);
    const path = await closedStore(scratch);
    assert.equal(existsSync(`${path}-wal`), false);
    const copy = scratch.path('copy.db');
    copyFileSync(path, copy);
    const store = await openSqliteStore({ path: copy, mode: 'daemon' });
    assert.equal((await store.counts()).byState.ready, 3);
    await store.close();
  });
});

describe('migrations', () => {
  it('a newer schema is refused and left alone', async (t) => {
    const scratch = testScratch(t);
    const path = await closedStore(scratch);
    const database = new Sqlite(path);
    const version = database.pragma('user_version', { simple: true }) as number;
    database.pragma(`user_version = ${version + 1}`);
    database.close();
    for (const mode of ['daemon', 'tool'] as const) {
      await assert.rejects(open(scratch, mode), {
        name: 'StoreError',
        kind: 'newer-schema',
        message: new RegExp(`mailgw\\.db has schema ${version + 1}, this mailgw knows ${version};`),
      });
    }
    const after = new Sqlite(path);
    assert.equal(after.pragma('user_version', { simple: true }), version + 1);
    after.close();
  });
});

/** Files that stand where a store should, by what is wrong with them. */
const DAMAGES: readonly {
  readonly what: string;
  readonly kind: StoreError['kind'];
  readonly message: RegExp;
  readonly make: (path: string) => void;
}[] = [
  {
    what: 'a text',
    kind: 'not-a-database',
    message: /is not a database/,
    make: (path) => {
      writeFileSync(path, 'precious\n'.repeat(2000));
    },
  },
  {
    what: 'noise',
    kind: 'not-a-database',
    message: /is not a database/,
    make: (path) => {
      writeFileSync(path, randomBytes(20_000));
    },
  },
  {
    what: 'an empty file',
    kind: 'not-a-database',
    message: /is empty; restore it from a backup/,
    make: (path) => {
      truncateSync(path, 0);
    },
  },
  {
    what: 'a store cut in its first page',
    kind: 'not-a-database',
    message: /is not a (database|mailgw store)|is damaged/,
    make: (path) => {
      truncateSync(path, 60);
    },
  },
  {
    what: 'a store cut in the middle',
    kind: 'damaged',
    message: /is damaged .*restore it from a backup/,
    make: (path) => {
      truncateSync(path, Math.floor(statSync(path).size / 8192) * 4096);
    },
  },
  {
    what: 'a store with noise in its pages',
    kind: 'damaged',
    message: /is damaged .*restore it from a backup/,
    make: (path) => {
      const file = openSync(path, 'r+');
      for (let page = 1; page < 12; page++) writeSync(file, randomBytes(4096), 0, 4096, page * 4096);
      closeSync(file);
    },
  },
  {
    what: 'a database of some other program',
    kind: 'not-a-database',
    message: /is not a mailgw store/,
    make: (path) => {
      writeFileSync(path, '');
      const database = new Sqlite(path);
      database.exec('CREATE TABLE precious (x)');
      database.close();
    },
  },
];

describe('files that are no sound store', () => {
  for (const { what, kind, message, make } of DAMAGES) {
    it(`${what} is refused in one line with the path, and not touched`, async (t) => {
      const scratch = testScratch(t);
      const path = await closedStore(scratch);
      make(path);
      const before = readFileSync(path);
      await assert.rejects(open(scratch), (error: unknown) => {
        assert.ok(error instanceof StoreError);
        assert.equal(error.kind, kind);
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(path) && !error.message.includes('\n'));
        return true;
      });
      assert.ok(readFileSync(path).equals(before));
    });
  }

  it('a directory is refused', async (t) => {
    const scratch = testScratch(t);
    mkdirSync(scratch.path('mailgw.db'));
    await assert.rejects(open(scratch), { name: 'StoreError', message: /mailgw\.db/ });
  });

  it('a file where the directory should be is refused', async (t) => {
    const scratch = testScratch(t);
    writeFileSync(scratch.path('file'), 'precious');
    const path = scratch.path('file', 'mailgw.db');
    await assert.rejects(openSqliteStore({ path, mode: 'daemon' }), { name: 'StoreError', message: /file/ });
  });
});

describe('the daemon on a store that it cannot use', () => {
  const NOBODY = 65534;
  const skip =
    process.getuid?.() === 0 && existsSync('/usr/bin/setpriv')
      ? false
      : 'unavailable: only root can run a daemon as somebody else, with setpriv';

  /** Runs the daemon as nobody on the store in the scratch directory. */
  async function startAsNobody(t: TestContext, spoil: (path: string) => void): Promise<RunResult> {
    const scratch = testScratch(t);
    const path = await closedStore(scratch);
    const config = writeConfig(scratch, scratch.path('lmtp.sock'), { sink: NO_SINK });
    for (const name of readdirSync(scratch.directory)) chownSync(scratch.path(name), NOBODY, NOBODY);
    chownSync(scratch.directory, NOBODY, NOBODY);
    spoil(path);
    const id = String(NOBODY);
    const privileges = [`--reuid=${id}`, `--regid=${id}`, '--clear-groups'];
    const mailgwd = join(repositoryRoot, 'bin', 'mailgwd');
    return await run('setpriv', [...privileges, process.execPath, mailgwd, '--config', config]);
  }

  const cases: readonly (readonly [string, (path: string) => void])[] = [
    [
      'is read-only',
      (path) => {
        chmodSync(path, 0o400);
      },
    ],
    [
      'belongs to somebody else',
      (path) => {
        chownSync(path, 0, 0);
      },
    ],
    [
      'lies in a directory closed to it',
      (path) => {
        chownSync(dirname(path), 0, 0);
      },
    ],
  ];
  for (const [what, spoil] of cases) {
    it(`ends with EX_IOERR and one line that names the place when it ${what}`, { skip }, async (t) => {
      const { code, stderr } = await startAsNobody(t, spoil);
      assert.equal(code, 74, stderr);
      assert.match(
        stderr,
        /^mailgwd: store\.path: \/[^\n]* is not readable and writable for user 65534 [^\n]*\n$/,
      );
    });
  }

  it('ends with EX_UNAVAILABLE when another daemon has it', async (t) => {
    const scratch = testScratch(t);
    await open(scratch);
    const config = writeConfig(scratch, scratch.path('lmtp.sock'), { sink: NO_SINK });
    const mailgwd = join(repositoryRoot, 'bin', 'mailgwd');
    const { code, stderr } = await run(process.execPath, [mailgwd, '--config', config]);
    assert.equal(code, 69);
    assert.match(stderr, /^mailgwd: store\.path: [^\n]* only one may run on a store\n$/);
  });

  it('a log that another process removes as we look is no error', async (t) => {
    const scratch = testScratch(t);
    const path = await closedStore(scratch);
    const source = `const { rmSync, writeFileSync } = require('node:fs');
      const log = ${JSON.stringify(`${path}-wal`)};
      process.stdout.write('begun');
      for (;;) { writeFileSync(log, ''); rmSync(log, { force: true }); }`;
    const other = spawn(process.execPath, ['--eval', source], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(other.stdout, 'data');
      for (let look = 0; look < 300; look++) ensureStore(path);
    } finally {
      other.kill('SIGKILL');
      await once(other, 'exit');
    }
  });
});
