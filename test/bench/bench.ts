/**
 * What a run of the benchmark works with: scratch directory, sink, shim and peers, and the notes of what was left out.
 *
 * Contract: `startPeers` starts what can be started and notes the rest; `close` ends every process and removes the
 * scratch directory. Limits: the scratch directory must be on the disk to be measured, not in memory.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Options } from './options.ts';
import { createPeers } from './peers/all.ts';
import type { Missing, Peer, RunningPeer } from './peers/peer.ts';
import { killStarted } from './process.ts';
import { buildShim } from './shim.ts';
import { type Sink, startSink } from './sink-client.ts';

const TMPFS = 0x01021994;
const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url));

/** Peers are ended together; `running` keeps the order in which they take turns. */
export interface StartedPeers {
  readonly running: ReadonlyMap<string, RunningPeer>;
  stop(): Promise<void>;
}

/** A run's equipment. */
export class Bench {
  /** Plain sentences on what was left out or went wrong. */
  readonly notes: string[] = [];
  readonly peers: ReadonlyMap<string, Peer>;
  readonly sink: Sink;
  readonly scratch: string;
  readonly #options: Options;
  readonly #shim: { readonly env: Readonly<Record<string, string>> } | Missing;
  #starts = 0;

  private constructor(options: Options, scratch: string, sink: Sink) {
    this.#options = options;
    this.scratch = scratch;
    this.sink = sink;
    this.peers = createPeers(scratch);
    this.#shim = buildShim(sourceDirectory(), scratch);
    if ('missing' in this.#shim)
      this.note(`left out: every comparison with a fixed fsync: ${this.#shim.missing}`);
    if (isInMemory(scratch)) this.note(`${scratch} is in memory: its fsync does nothing; give --scratch`);
  }

  /** Makes the scratch directory, starts the sink and compiles the shim. */
  static async open(options: Options): Promise<Bench> {
    const parent = options.scratch ?? (isInMemory(tmpdir()) ? '/var/tmp' : tmpdir());
    mkdirSync(parent, { recursive: true });
    const scratch = mkdtempSync(path.join(parent, 'mailgw-bench-'));
    // Dovecot delivers as another user.
    chmodSync(scratch, 0o755);
    process.once('exit', () => {
      killStarted();
      rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
    });
    return new Bench(options, scratch, await startSink());
  }

  /** Takes a note once and prints it. */
  note(text: string): void {
    if (this.notes.includes(text)) return;
    this.notes.push(text);
    console.log(`  note: ${text}`);
  }

  /** Whether there is such a disk. */
  hasDisk(disk: 'fixed' | 'real'): boolean {
    return disk === 'real' || !('missing' in this.#shim);
  }

  /** Starts those of the named peers that are wanted and can be had. */
  async startPeers(names: readonly string[], disk: 'fixed' | 'real'): Promise<StartedPeers> {
    const running = new Map<string, RunningPeer>();
    for (const name of names) {
      const started = await this.#start(name, disk);
      if (started !== undefined) running.set(name, started);
    }
    const stop = async () => {
      await Promise.all([...running.values()].map((peer) => peer.stop()));
    };
    return { running, stop };
  }

  /** Ends the sink; peers have been stopped by those who started them. */
  close(): void {
    this.sink.stop();
  }

  async #start(name: string, disk: 'fixed' | 'real'): Promise<RunningPeer | undefined> {
    const peer = this.peers.get(name);
    const wanted = this.#options.peers.length === 0 || this.#options.peers.includes(name);
    if (peer === undefined || !wanted) return undefined;
    const directory = path.join(this.scratch, `${++this.#starts}-${name}`);
    mkdirSync(directory);
    try {
      const started = await peer.start({
        directory,
        env: disk === 'fixed' && !('missing' in this.#shim) ? this.#shim.env : {},
        sink: this.sink,
        mailgwRoot: path.resolve(this.#options.mailgwRoot ?? REPOSITORY),
        sourceDirectory: sourceDirectory(),
      });
      if (!('missing' in started)) return started;
      this.note(`left out: ${name}: ${started.missing}`);
    } catch (error) {
      this.note(`left out: ${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    return undefined;
  }
}

function sourceDirectory(): string {
  return path.join(REPOSITORY, 'test', 'bench');
}

function isInMemory(directory: string): boolean {
  return statfsSync(directory).type === TMPFS;
}
