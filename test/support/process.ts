// Child processes of the tests: the real programs, started by path, ended by pid.
//
// Contract: nothing here goes through a shell. A daemon's output goes to a file, so that no pipe can fill up and
// stop it. Every daemon still running when the test process exits is killed, so that a crashed test leaves nothing.

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** The repository's root: the nearest directory above this module that holds package.json. */
export const repositoryRoot = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(from: string): string {
  if (existsSync(join(from, 'package.json'))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error('no package.json above the test');
  return findRoot(parent);
}

/** What a program that ran to its end left. */
export interface RunResult {
  /** Exit status, or null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end and collects its output; rejects only if it cannot be started. */
export async function run(program: string, args: readonly string[], input = ''): Promise<RunResult> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program that ends without reading its input is no failure of ours.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  return {
    code,
    stdout: Buffer.concat(stdout).toString('utf8'),
    stderr: Buffer.concat(stderr).toString('utf8'),
  };
}

/** Runs a program and returns its standard output; throws with all of its output if it does not exit with 0. */
export async function runOk(program: string, args: readonly string[], input = ''): Promise<string> {
  const result = await run(program, args, input);
  if (result.code !== 0) {
    throw new Error(
      `${program} ${args.join(' ')}: exit ${String(result.code)}\n${result.stdout}${result.stderr}`,
    );
  }
  return result.stdout;
}

/** A long-running program whose output goes to a file. */
export class DaemonProcess {
  readonly #child: ChildProcess;
  readonly #output: string;
  readonly #exited: Promise<string>;
  #ended: string | undefined;

  /** Starts `program`; its standard output and error are appended to the file `output`. */
  constructor(program: string, args: readonly string[], output: string, environment: NodeJS.ProcessEnv = {}) {
    const file = openSync(output, 'a');
    this.#output = output;
    this.#child = spawn(program, args, {
      stdio: ['ignore', file, file],
      env: { ...process.env, ...environment },
    });
    closeSync(file);
    const killWithUs = () => this.#child.kill('SIGKILL');
    process.on('exit', killWithUs);
    this.#exited = new Promise((resolve) => {
      const end = (how: string) => {
        this.#ended ??= how;
        process.off('exit', killWithUs);
        resolve(this.#ended);
      };
      this.#child.on('error', (error) => {
        end(error.message);
      });
      this.#child.on('exit', (code, signal) => {
        end(signal ?? `exit ${String(code)}`);
      });
    });
  }

  /** The process id. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`not started: ${this.#ended ?? 'unknown'}`);
    return this.#child.pid;
  }

  /** How the process ended (`exit 0`, `SIGKILL`), or undefined while it runs. */
  get ended(): string | undefined {
    return this.#ended;
  }

  /** Everything it has printed so far. */
  output(): string {
    return readFileSync(this.#output, 'utf8');
  }

  /** Sends a signal and waits for the end, `exit N` or the signal's name; throws after `withinMs`. */
  async end(signal: NodeJS.Signals, withinMs = 30_000): Promise<string> {
    if (this.#ended === undefined) this.#child.kill(signal);
    return await this.gone(signal, withinMs);
  }

  /** Waits for the end that `after` brings about, `exit N` or a signal's name; throws after `withinMs`. */
  async gone(after: string, withinMs = 30_000): Promise<string> {
    const timer = new AbortController();
    const late = delay(withinMs, undefined, { signal: timer.signal }).catch(() => undefined);
    const how = await Promise.race([this.#exited, late]);
    timer.abort();
    if (how === undefined)
      throw new Error(`pid ${this.pid} still runs ${withinMs} ms after ${after}\n${this.output()}`);
    return how;
  }
}
