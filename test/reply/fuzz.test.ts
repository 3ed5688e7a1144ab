/**
 * Mutated messages through the whole of reply/: none throws, none takes over 2 s, none is blank without a reason.
 * MAILGW_FUZZ_SEED sets the seed, which a failure prints.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { roundsOf } from '../support/rounds.ts';

const COUNT = roundsOf(100_000, 2000);
const SEED = Number(process.env['MAILGW_FUZZ_SEED'] ?? Date.now() % 1_000_000);
const WORKERS = Math.min(availableParallelism(), Math.ceil(COUNT / 1000));

/** The slowest message of one worker in milliseconds. */
async function fuzz(seed: number, count: number): Promise<number> {
  const worker = new Worker(new URL('./support/fuzz-worker.js', import.meta.url), {
    workerData: { seed, count },
  });
  const [slowestMs] = (await once(worker, 'message')) as [number];
  return slowestMs;
}

describe('mutated messages', () => {
  it(`${COUNT} of them, seed ${SEED}: none throws, hangs, or is blank without a reason`, async () => {
    const share = Math.ceil(COUNT / WORKERS);
    const all = Array.from({ length: WORKERS }, (_, index) => fuzz(SEED + index, share));
    const slowestMs = Math.max(...(await Promise.all(all)));
    assert.ok(slowestMs < 2000, `${slowestMs} ms`);
  });
});
