/**
 * Postfix's smtp-source as a second client, written by others: it shows that the rates are not our client's own.
 *
 * Contract: one recipient, no pipelining, one rate for the whole run, its process start included. Failure: it stops at
 * the first reply that is not the expected one, and then nothing counts as accepted.
 */
import { spawn } from 'node:child_process';
import type { LoadResult } from './client.ts';
import { findCommand } from './peers/command.ts';
import type { RunningPeer } from './peers/peer.ts';
import type { Workload } from './plan.ts';

/** Whether smtp-source is installed. */
export function hasSmtpSource(): boolean {
  return findCommand('smtp-source') !== undefined;
}

/** Sends `mails` mails to the peer as the workload says. */
export async function runSmtpSource(
  peer: RunningPeer,
  workload: Workload,
  mails: number,
  deadlineMs: number,
): Promise<LoadResult> {
  const { target } = peer;
  const where = 'path' in target ? `unix:${target.path}` : `inet:${target.host}:${target.port}`;
  const args = [
    ...(peer.protocol === 'lmtp' ? ['-L'] : []),
    ...(workload.connection === 'kept' ? ['-d'] : []),
    ...['-s', String(workload.sessions), '-m', String(mails), '-l', String(workload.mailBytes)],
    ...['-M', 'client.example', '-f', peer.sender, '-t', peer.recipients[0] ?? '', where],
  ];
  const startedNs = process.hrtime.bigint();
  const { status, output, timedOut } = await run(
    findCommand('smtp-source') ?? 'smtp-source',
    args,
    deadlineMs,
  );
  const endedNs = process.hrtime.bigint();
  const accepted = status === 0 ? mails : 0;
  const refused = new Map(status === 0 ? [] : [[output.trim().slice(0, 120), 1]]);
  const rate = (accepted * 1e9) / Number(endedNs - startedNs);
  const latency = { p50Ms: Number.NaN, p99Ms: Number.NaN };
  return { accepted, refused, broken: 0, timedOut, startedNs, endedNs, rate, ...latency };
}

function run(
  command: string,
  args: readonly string[],
  timeout: number,
): Promise<{ status: number | null; output: string; timedOut: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString('latin1')).slice(0, 1000);
    });
    child.once('error', reject);
    child.once('close', (status, signal) => {
      resolve({ status, output, timedOut: signal !== null });
    });
  });
}
