/**
 * Measures a group: calibrates how many mails fill the time at each peer, then goes round by round, every peer once in
 * each, so that what the machine does meanwhile falls on all of them.
 *
 * Contract: a ratio is only ever taken inside one round. A peer that delivers is given the time to deliver everything
 * before the next one's turn, and its CPU counts until then. Failure: what a peer did wrong is in `problems`.
 */
import { randomBytes } from 'node:crypto';
import { type LoadResult, runLoad } from './client.ts';
import { buildMail } from './message.ts';
import { RECIPIENTS, type RunningPeer } from './peers/peer.ts';
import type { Workload } from './plan.ts';
import { type Usage, usageOf } from './proc-stat.ts';
import type { Posted, Sink } from './sink-client.ts';
import { runSmtpSource } from './smtp-source.ts';

/** One peer's turn in one round. */
export interface Sample {
  readonly mails: number;
  readonly acceptedPerSecond: number;
  /** From the first MAIL to the last post; NaN where the peer does not deliver, 0 where it did not deliver all. */
  readonly deliveredPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuUsPerMail: number;
  readonly rssBytes: number;
  readonly problems: readonly string[];
}

/** How long and how often. */
export interface Pace {
  readonly rounds: number;
  /** What one turn should last. */
  readonly seconds: number;
}

/** A workload's samples by peer name, in the order of the rounds. */
export type Rounds = ReadonlyMap<string, readonly Sample[]>;

const LEAST_CPU_MS = 50;
const MAX_MAILS = 20_000;
const MAX_OCTETS = 64 * 1024 * 1024;
const TURN_DEADLINE_MS = 60_000;
/** A peer that delivers may take as long as it goes on posting in every such span, up to so many spans. */
const DELIVERY_SPAN_MS = 10_000;
const DELIVERY_SPANS = 12;

/** Measures one workload at all peers. */
export async function measureWorkload(
  peers: ReadonlyMap<string, RunningPeer>,
  workload: Workload,
  pace: Pace,
  sink: Sink,
): Promise<Rounds> {
  const counts = new Map<string, number>();
  for (const [name, peer] of peers) counts.set(name, await calibrate(peer, workload, pace.seconds, sink));
  const rounds = new Map<string, Sample[]>([...peers.keys()].map((name) => [name, []]));
  for (let round = 0; round < pace.rounds; round++) {
    for (const [name, peer] of peers) {
      rounds.get(name)?.push(await takeTurn(peer, workload, counts.get(name) ?? 1, sink));
    }
  }
  return rounds;
}

/** What every process takes before anything is measured, so that compilers which learn have learnt. */
const WARM_UP: Workload = {
  id: 'warm-up',
  title: 'warm-up',
  sessions: 10,
  connection: 'kept',
  mailBytes: 4096,
  client: 'ours',
};
const WARM_UP_MAILS = 4000;
const WARM_UP_SECONDS = 6;

/** Sends each process of each peer 4,000 mails, or as many as it takes in 6 s. */
export async function warmUp(peers: ReadonlyMap<string, RunningPeer>, sink: Sink): Promise<void> {
  for (const peer of peers.values()) {
    const processes = 1 + (peer.otherTargets?.length ?? 0);
    const { acceptedPerSecond } = await takeTurn(peer, WARM_UP, 200 * processes, sink);
    const mails = Math.min(WARM_UP_MAILS, Math.ceil(acceptedPerSecond * WARM_UP_SECONDS)) * processes;
    await takeTurn(peer, WARM_UP, mails, sink);
  }
}

/** Tries the workload and returns the number of mails that should take it about `seconds`. */
async function calibrate(
  peer: RunningPeer,
  workload: Workload,
  seconds: number,
  sink: Sink,
): Promise<number> {
  const first = await takeTurn(peer, workload, sessionsOf(peer, workload) * 2, sink);
  const warmUp = mailsFor(first.acceptedPerSecond, seconds, workload);
  const second = await takeTurn(peer, workload, warmUp, sink);
  return mailsFor(second.acceptedPerSecond, seconds, workload);
}

function mailsFor(rate: number, seconds: number, workload: Workload): number {
  const most = Math.min(MAX_MAILS, Math.floor(MAX_OCTETS / workload.mailBytes));
  const wanted = Number.isFinite(rate) ? Math.ceil(rate * seconds) : 0;
  return Math.max(workload.sessions * 2, Math.min(most, wanted));
}

const sessionsOf = ({ sessionsTimes = 1 }: RunningPeer, { sessions }: Workload): number =>
  sessions * sessionsTimes;

/** Sends `mails` mails to the peer, waits for their delivery where it delivers, and reads what that took. */
export async function takeTurn(
  peer: RunningPeer,
  workload: Workload,
  mails: number,
  sink: Sink,
): Promise<Sample> {
  const postedBefore = await postedAt(peer, sink);
  const cpuBefore = usageOfAll(peer).cpuMs;
  const result = await send(peer, workload, mails);
  const delivery = await delivered(peer, sink, postedBefore, result);
  const { cpuMs, rssBytes } = usageOfAll(peer);
  return {
    mails: result.accepted,
    acceptedPerSecond: result.rate,
    deliveredPerSecond: delivery.perSecond,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuUsPerMail: perMail(cpuMs - cpuBefore, result.accepted),
    rssBytes,
    problems: [...problemsOf(result, mails), ...delivery.problems],
  };
}

/** What all processes of a peer have used. */
function usageOfAll({ pid, otherPids = [] }: RunningPeer): Pick<Usage, 'cpuMs' | 'rssBytes'> {
  const all = [pid, ...otherPids].map(usageOf);
  const sum = (figure: (usage: Usage) => number) => all.reduce((total, usage) => total + figure(usage), 0);
  return { cpuMs: sum(({ cpuMs }) => cpuMs), rssBytes: sum(({ rssBytes }) => rssBytes) };
}

/** Microseconds of CPU per mail; NaN where the kernel's tick is too coarse to tell. */
function perMail(cpuMs: number, mails: number): number {
  return cpuMs < LEAST_CPU_MS ? Number.NaN : (cpuMs * 1000) / mails;
}

function send(peer: RunningPeer, workload: Workload, mails: number): Promise<LoadResult> {
  if (workload.client === 'smtp-source') return runSmtpSource(peer, workload, mails, TURN_DEADLINE_MS);
  return runLoad({
    target: peer.target,
    otherTargets: peer.otherTargets,
    protocol: peer.protocol,
    sessions: sessionsOf(peer, workload),
    mails,
    connection: workload.connection,
    mail: buildMail(workload.mailBytes, peer.sender, randomBytes(6).toString('hex')),
    sender: peer.sender,
    recipients: peer.recipients.slice(0, workload.threads ?? RECIPIENTS),
    deadlineMs: TURN_DEADLINE_MS,
  });
}

async function postedAt(peer: RunningPeer, sink: Sink): Promise<number> {
  if (peer.sinkPath === undefined) return 0;
  return (await sink.posted(peer.sinkPath))?.distinct ?? 0;
}

async function delivered(
  peer: RunningPeer,
  sink: Sink,
  postedBefore: number,
  result: LoadResult,
): Promise<{ readonly perSecond: number; readonly problems: readonly string[] }> {
  if (peer.sinkPath === undefined || result.accepted === 0) return { perSecond: Number.NaN, problems: [] };
  const wanted = postedBefore + result.accepted;
  const posted = await patiently(sink, peer.sinkPath, wanted);
  if (posted === undefined || posted.distinct < wanted) {
    const lacking = wanted - (posted?.distinct ?? 0);
    return { perSecond: 0, problems: [`${lacking} of ${result.accepted} mails not delivered`] };
  }
  const perSecond = (result.accepted * 1e9) / Number(posted.atNs - result.startedNs);
  const repeated = posted.posts - posted.distinct;
  return { perSecond, problems: repeated === 0 ? [] : [`${repeated} posts repeated so far`] };
}

/** Waits until the path has `wanted` posts, as long as there is progress; returns what it has then. */
async function patiently(sink: Sink, path: string, wanted: number): Promise<Posted | undefined> {
  let before = -1;
  for (let span = 0; span < DELIVERY_SPANS; span++) {
    const reached = await sink.reached(path, wanted, DELIVERY_SPAN_MS);
    if (reached !== undefined) return reached;
    const distinct = (await sink.posted(path))?.distinct ?? 0;
    if (distinct <= before) break;
    before = distinct;
  }
  return sink.posted(path);
}

function problemsOf(result: LoadResult, mails: number): string[] {
  return [
    ...[...result.refused].map(([reply, count]) => `${count} × ${reply}`),
    ...(result.broken > 0 ? [`${result.broken} connections broken`] : []),
    ...(result.timedOut ? ['not done in time'] : []),
    ...(result.accepted < mails ? [`${mails - result.accepted} of ${mails} mails not accepted`] : []),
  ];
}
