import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { StoreFiles } from '../../src/store/sqlite/store-files.ts';
import { testScratch } from '../support/scratch.ts';

/** Longer than a directory takes to be taken for settled. */
const LATER_MS = 60_000;

const fill = (store: string): void => {
  for (const suffix of ['', '-wal', '-shm']) writeFileSync(store + suffix, suffix);
};

/** Files that were seen in their places, in a directory that has been left alone for long. */
function settled(t: TestContext, make: (store: string) => string = (store) => store): [string, StoreFiles] {
  const scratch = testScratch(t);
  mkdirSync(scratch.path('store'));
  const real = scratch.path('store', 'mailgw.db');
  fill(real);
  const store = make(real);
  const files = new StoreFiles(store, () => Date.now() + LATER_MS);
  assert.equal(files.lossSinceLastLook(), undefined);
  // The kernel's clock for files goes in steps, and a real directory is looked at later than in the same one.
  const { ctimeMs } = statSync(dirname(store));
  const clock = scratch.path('clock');
  do writeFileSync(clock, readFileSync('/proc/uptime'));
  while (statSync(clock).mtimeMs <= ctimeMs);
  return [store, files];
}

describe('the files of a store that has settled', () => {
  for (const [name, deed] of [
    [
      'the database is removed',
      (store: string) => {
        rmSync(store);
      },
    ],
    [
      'the log is removed',
      (store: string) => {
        rmSync(`${store}-wal`);
      },
    ],
    [
      'the index is removed',
      (store: string) => {
        rmSync(`${store}-shm`);
      },
    ],
    [
      'the database is moved away',
      (store: string) => {
        renameSync(store, `${store}.old`);
      },
    ],
    [
      'another file takes the place of the database',
      (store: string) => {
        writeFileSync(`${store}.new`, 'restored');
        renameSync(`${store}.new`, store);
      },
    ],
    [
      'the directory is removed',
      (store: string) => {
        rmSync(dirname(store), { recursive: true });
      },
    ],
    [
      'the directory is another one, with files of the same names',
      (store: string) => {
        renameSync(dirname(store), `${dirname(store)}.old`);
        mkdirSync(dirname(store));
        fill(store);
      },
    ],
  ] as const) {
    it(`are missed at the next commit: ${name}`, (t) => {
      const [store, files] = settled(t);
      deed(store);
      assert.match(files.lossSinceLastLook() ?? '', /not what the next start opens$/);
      // And at every later one.
      assert.match(files.lossSinceLastLook() ?? '', /not what the next start opens$/);
    });
  }

  it('are looked at themselves behind a link, whose directory does not change with them', (t) => {
    const [store, files] = settled(t, (real) => {
      const links = `${dirname(real)}/links`;
      mkdirSync(links);
      for (const suffix of ['', '-wal', '-shm']) symlinkSync(real + suffix, `${links}/mailgw.db${suffix}`);
      return `${links}/mailgw.db`;
    });
    rmSync(`${dirname(dirname(store))}/mailgw.db`);
    assert.match(files.lossSinceLastLook() ?? '', /is not there any more/);
  });

  it('are in their places while others come and go beside them', (t) => {
    const [store, files] = settled(t);
    writeFileSync(`${store}.backup`, 'x');
    assert.equal(files.lossSinceLastLook(), undefined);
    rmSync(`${store}.backup`);
    assert.equal(files.lossSinceLastLook(), undefined);
  });
});
