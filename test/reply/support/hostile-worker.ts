/** A worker that does what its message says: the ways in which a parser can die, on command. */
import { parentPort, threadId, workerData } from 'node:worker_threads';
import type { WorkerRules } from '../../../src/reply/parse-worker.ts';

const port = parentPort;

/** Fills the heap until there is no more. */
function hoard(): number {
  const kept: unknown[] = [];
  for (;;) kept.push(new Array(1000).fill(kept.length).map(String));
}

/** Runs for ever. */
function spin(): number {
  let turns = 0;
  while (turns >= 0) turns = (turns + 1) % 1_000_000;
  return turns;
}

function obey(command: string): void {
  if (command === 'spin') spin();
  if (command === 'hoard') hoard();
  if (command === 'throw') throw new TypeError('thrown on command');
  if (command === 'exit') process.exit(3);
  port?.postMessage({ kind: 'refused', reason: 'report', diagnostic: `${command} ${threadId}` });
}

port?.on('message', (raw: Uint8Array) => {
  Atomics.add((workerData as WorkerRules).begun, 0, 1);
  obey(Buffer.from(raw).toString());
});
port?.postMessage('ready');
