/**
 * What a server costs beside time: start to first greeting, 1,000 idle connections, one mail of nearly 25 MiB, and
 * 10,000 mails queued.
 *
 * Contract: each figure from a fresh process; NaN with a note where it could not be had.
 */

import net from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { Bench } from './bench.ts';
import type { Target } from './client.ts';
import { takeTurn } from './measure.ts';
import type { RunningPeer } from './peers/peer.ts';
import type { Workload } from './plan.ts';
import { usageOf } from './proc-stat.ts';
import { spread } from './stats.ts';

/** One peer's figures. */
export interface Footprint {
  readonly peer: string;
  readonly startMs: number;
  readonly idleRssBytes: number;
  /** RSS that each of the idle connections added. */
  readonly bytesPerConnection: number;
  /** Greatest RSS in the course of the large mail, delivery included. */
  readonly largeMailPeakBytes: number;
  /** RSS with the queue full; NaN for peers that deliver or keep no queue. */
  readonly queuedRssBytes: number;
}

/** The peers whose footprint is taken. */
export const FOOTPRINT_PEERS: readonly string[] = ['mailgw', 'mailgw-paused', 'python', 'naive'];

/** Those of them that a quick run takes. */
export const QUICK_FOOTPRINT_PEERS: readonly string[] = ['mailgw', 'mailgw-paused'];

const CONNECTIONS = 1000;
const CONNECT_AT_A_TIME = 50;
const QUEUED = 10_000;
const QUEUEING_PEER = 'mailgw-paused';
const SETTLE_MS = 300;
/** The largest mail that a limit of 25 MiB lets through, less some room for what a server may add. */
const LARGE_BYTES = 25 * 1024 * 1024 - 4096;

const LARGE: Workload = {
  id: 'large',
  title: 'one mail of 25 MiB',
  sessions: 1,
  connection: 'kept',
  mailBytes: LARGE_BYTES,
  client: 'ours',
};
const QUEUE: Workload = { ...LARGE, id: 'queue', title: '10,000 mails', sessions: 50, mailBytes: 4096 };

/** Takes the peer's figures; `undefined` when it cannot be started. */
export async function footprint(bench: Bench, peer: string): Promise<Footprint | undefined> {
  const starts: number[] = [];
  const fresh = async (look: (running: RunningPeer) => Promise<number>): Promise<number> => {
    const started = await bench.startPeers([peer], 'real');
    const running = started.running.get(peer);
    if (running === undefined) return Number.NaN;
    starts.push(running.startMs);
    const figure = await look(running);
    await started.stop();
    return figure;
  };
  const idleRssBytes = await fresh(async ({ pid }) => {
    await pause(SETTLE_MS);
    return usageOf(pid).rssBytes;
  });
  if (starts.length === 0) return undefined;
  const turn = async (running: RunningPeer, workload: Workload, mails: number) => {
    const sample = await takeTurn(running, workload, mails, bench.sink);
    for (const problem of sample.problems) bench.note(`${peer}, ${workload.title}: ${problem}`);
    return usageOf(running.pid);
  };
  return {
    peer,
    idleRssBytes,
    bytesPerConnection: await fresh((running) => connectionBytes(bench, peer, running)),
    largeMailPeakBytes: await fresh(async (running) => (await turn(running, LARGE, 1)).peakRssBytes),
    queuedRssBytes:
      peer === QUEUEING_PEER
        ? await fresh(async (running) => (await turn(running, QUEUE, QUEUED)).rssBytes)
        : Number.NaN,
    startMs: spread(starts).median,
  };
}

async function connectionBytes(bench: Bench, peer: string, running: RunningPeer): Promise<number> {
  await pause(SETTLE_MS);
  const before = usageOf(running.pid).rssBytes;
  const sockets: net.Socket[] = [];
  for (let opened = 0; opened < CONNECTIONS; opened += CONNECT_AT_A_TIME) {
    const batch = Array.from({ length: CONNECT_AT_A_TIME }, () => connect(running.target));
    for (const socket of await Promise.all(batch)) if (socket !== undefined) sockets.push(socket);
  }
  await pause(SETTLE_MS);
  const after = usageOf(running.pid).rssBytes;
  for (const socket of sockets) socket.destroy();
  if (sockets.length < CONNECTIONS)
    bench.note(`${peer}: only ${sockets.length} of ${CONNECTIONS} connections greeted`);
  return (after - before) / sockets.length;
}

/** Opens a connection and waits for a 220; `undefined` for any other answer. */
function connect(target: Target): Promise<net.Socket | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ ...target });
    const refuse = () => {
      socket.destroy();
      resolve(undefined);
    };
    socket.setTimeout(10_000, refuse);
    socket.on('error', refuse);
    socket.once('data', (chunk: Buffer) => {
      if (chunk.toString('latin1').startsWith('220')) resolve(socket);
      else refuse();
    });
  });
}
