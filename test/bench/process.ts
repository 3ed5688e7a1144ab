/**
 * Processes of the peers: started in the foreground with their output in a file, awaited at their greeting, ended by pid.
 *
 * Contract: every process that is started here ends with the benchmark, also when the benchmark fails: SIGTERM, then
 * SIGKILL after five seconds, to our own children only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import net from 'node:net';
import type { Target } from './client.ts';

/** A process of ours. */
export interface Started {
  readonly pid: number;
  /** Whether it still runs. */
  alive(): boolean;
  /** Last lines of its output, for an error message. */
  lastOutput(): string;
  stop(): Promise<void>;
}

/** How a process is started. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

const KILL_AFTER_MS = 5000;
const POLL_MS = 2;

const running = new Map<ChildProcess, Started>();

/** Ends what is left; for an interrupted run. */
export async function stopStarted(): Promise<void> {
  await Promise.all([...running.values()].map((started) => started.stop()));
}

/** Ends what is left at once; for the moment in which nothing can be awaited any more. */
export function killStarted(): void {
  for (const child of running.keys()) child.kill('SIGKILL');
}

/** Starts a process; throws when there is no such command. */
export async function startProcess(launch: Launch): Promise<Started> {
  const log = openSync(launch.logFile, 'a');
  const child = spawn(launch.command, launch.args, {
    env: { ...process.env, ...launch.env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${launch.command} has no pid`);
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => {
      running.delete(child);
      resolve();
    });
  });
  const started: Started = {
    pid,
    alive: () => running.has(child),
    lastOutput: () => readFileSync(launch.logFile, 'utf8').trimEnd().split('\n').slice(-4).join(' | '),
    stop: async () => {
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
      await ended;
      clearTimeout(kill);
    },
  };
  running.set(child, started);
  return started;
}

/** Connects again and again until the server greets; returns the milliseconds since `sinceMs` (performance.now). */
export async function awaitGreeting(
  target: Target,
  started: Started,
  sinceMs: number,
  timeoutMs = 20_000,
): Promise<number> {
  for (;;) {
    if (await greets(target)) return performance.now() - sinceMs;
    if (!started.alive()) throw new Error(`ended at once: ${started.lastOutput()}`);
    if (performance.now() - sinceMs > timeoutMs) throw new Error(`no greeting: ${started.lastOutput()}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function greets(target: Target): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ ...target });
    const settle = (greeted: boolean) => {
      socket.destroy();
      resolve(greeted);
    };
    socket.setTimeout(2000, () => {
      settle(false);
    });
    socket.on('error', () => {
      settle(false);
    });
    socket.once('data', (chunk) => {
      settle(chunk.toString('latin1').startsWith('220'));
    });
    socket.once('end', () => {
      settle(false);
    });
  });
}
