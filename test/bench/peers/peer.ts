/**
 * What the benchmark knows of a peer: how to start it as a real process, and where to send mail to it.
 *
 * Contract: a peer that cannot be had on this machine says so (`missing`) and is left out; it never fails the run.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Target } from '../client.ts';
import { awaitGreeting, type Started, startProcess } from '../process.ts';
import type { Sink } from '../sink-client.ts';

/** What a peer is given to start with. */
export interface PeerContext {
  /** Scratch directory of this start, empty. */
  readonly directory: string;
  /** Environment that slows or leaves fsync: LD_PRELOAD or nothing. */
  readonly env: Readonly<Record<string, string>>;
  readonly sink: Sink;
  /** The mailgw checkout under test. */
  readonly mailgwRoot: string;
  /** Where this benchmark's sources lie, for what is not compiled (Python, C). */
  readonly sourceDirectory: string;
}

/** A peer that has greeted. */
export interface RunningPeer {
  readonly pid: number;
  readonly target: Target;
  /** Where the other processes of the peer listen, where it has several; sessions take them in turn. */
  readonly otherTargets?: readonly Target[];
  /** How many times the sessions of the workload it is given; once by default. */
  readonly sessionsTimes?: number;
  /** Other processes whose CPU and memory are the peer's. */
  readonly otherPids?: readonly number[];
  readonly protocol: 'lmtp' | 'smtp';
  readonly sender: string;
  readonly recipients: readonly string[];
  /** From spawn to first greeting. */
  readonly startMs: number;
  /** The sink's path that it posts to, where it delivers. */
  readonly sinkPath?: string;
  /** Whether it still runs. */
  alive(): boolean;
  lastOutput(): string;
  stop(): Promise<void>;
}

/** Why a peer is left out. */
export interface Missing {
  readonly missing: string;
}

/** One contender. */
export interface Peer {
  readonly name: string;
  /** One line for the report: what it is and what its 250 promises. */
  readonly label: string;
  /** Whether a 250 means that the mail was synced to disk. */
  readonly durable: boolean;
  start(context: PeerContext): Promise<RunningPeer | Missing>;
}

/** The reverse-path and From of every mail. */
export const SENDER = 'reader@client.example';

/** How many mailboxes or threads the mails go to in turn, where a workload does not say; and how many it may say. */
export const RECIPIENTS = 20;
export const MOST_RECIPIENTS = 1000;

const LONGEST_SOCKET_PATH = 107;

/** Makes the peer's socket path in its scratch directory; throws when the system cannot bind a path so long. */
export function socketPath(context: PeerContext): string {
  mkdirSync(context.directory, { recursive: true });
  const socket = path.join(context.directory, 'lmtp.sock');
  if (socket.length > LONGEST_SOCKET_PATH)
    throw new Error(`too long for a Unix socket, give --scratch: ${socket}`);
  return socket;
}

/** A path of the sink for this start alone: a peer's idempotency keys may begin anew with every fresh store. */
export function sinkPathOf(context: PeerContext): string {
  return `/${path.basename(context.directory)}`;
}

/** Starts the process that serves `target` over LMTP and waits for its greeting. */
export async function launchPeer(
  context: PeerContext,
  command: string,
  args: readonly string[],
  served: {
    readonly target: Target;
    readonly recipients?: readonly string[];
    readonly sinkPath?: string;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<RunningPeer> {
  const since = performance.now();
  const started: Started = await startProcess({
    command,
    args,
    env: { ...context.env, ...served.env },
    logFile: path.join(context.directory, 'output.log'),
  });
  try {
    const startMs = await awaitGreeting(served.target, started, since);
    return {
      ...started,
      target: served.target,
      protocol: 'lmtp',
      sender: SENDER,
      recipients: served.recipients ?? numberedRecipients(),
      startMs,
      ...(served.sinkPath === undefined ? {} : { sinkPath: served.sinkPath }),
    };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

function numberedRecipients(): string[] {
  return Array.from({ length: RECIPIENTS }, (_, index) => `user${index + 1}@reply.example`);
}
