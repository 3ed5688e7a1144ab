// Retention in SQLite: its steps stop nobody, and the file does not grow without bound.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { checkStore } from '../../src/store/sqlite/check.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { accept, NOW, newItem } from '../support/item.ts';
import { roundsOf } from '../support/rounds.ts';
import { testScratch } from '../support/scratch.ts';
import { NOTHING, post, postAll, pruneAll } from './contract-retention.ts';

const DAY = 86_400_000;
const MIB = 1024 * 1024;

interface Place {
  readonly path: string;
  readonly store: Store;
}

async function open(t: TestContext, keepContent = false): Promise<Place> {
  const scratch = testScratch(t);
  const path = scratch.path('mailgw.db');
  const store = await openSqliteStore({ path, mode: 'daemon', keepContent });
  scratch.defer(() => store.close());
  return { path, store };
}

describe('retention', () => {
  it('goes in small steps, however much is out of date, and gives the space back', async (t) => {
    const { store, path } = await open(t, true);
    for (let n = 0; n < 40; n++) await post(store, NOW, randomBytes(MIB));
    const bytesBefore = statSync(path).size;
    const gaps: number[] = [];
    let last = performance.now();
    const watch = setInterval(() => {
      gaps.push(performance.now() - last);
      last = performance.now();
    }, 5);
    const { rows, steps } = await pruneAll(store, { ...NOTHING, rowsBefore: NOW + 1, keepFreeBytes: 0 });
    clearInterval(watch);
    assert.equal(rows, 40);
    assert.ok(steps >= 10, `${steps} steps of 4 MiB`);
    assert.ok(Math.max(...gaps) < 100, `the main loop waited ${Math.max(...gaps)} ms`);
    assert.ok(statSync(path).size < MIB, `${bytesBefore} → ${statSync(path).size}`);
    assert.deepEqual(checkStore(path).problems, []);
  });
});

describe('the file', () => {
  const messages = roundsOf(100_000);

  it(`stays small while ${messages} messages go through it`, async (t) => {
    const { store, path } = await open(t);
    const perDay = 1000;
    const backlog = 200;
    let largest = 0;
    for (let n = 0; n < messages; n += backlog) {
      // A fifth of the messages a day at a time, so that every one of them waits among 200.
      const at = NOW + (n / perDay) * DAY;
      await Promise.all(
        Array.from({ length: backlog }, (_, index) =>
          accept(
            store,
            [newItem({ thread: `t/${n + index}`, receivedAt: at })],
            randomBytes(1000 + ((n + index) % 100) * 200),
          ),
        ),
      );
      assert.equal(await postAll(store, at), backlog);
      await pruneAll(store, {
        contentBefore: at,
        rowsBefore: at - DAY,
        dedupeBefore: at - 2 * DAY,
        keepFreeBytes: 4 * MIB,
      });
      largest = Math.max(largest, statSync(path).size);
    }
    t.diagnostic(
      `${messages} messages, ${Math.round((messages * 10.9) / 1024)} MiB of content: at most ${(largest / MIB).toFixed(1)} MiB of file, ${(statSync(path).size / MIB).toFixed(1)} MiB at the end, log ${(statSync(`${path}-wal`).size / MIB).toFixed(1)} MiB`,
    );
    assert.ok(largest < 16 * MIB, `${largest} bytes`);
    assert.ok(statSync(`${path}-wal`).size <= 32 * MIB);
    assert.deepEqual(checkStore(path).problems, []);
  });
});
