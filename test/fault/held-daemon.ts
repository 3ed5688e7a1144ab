// The real daemon on a socket that a parent holds, as under systemd: it ends and comes back, the socket stays.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { repositoryRoot } from '../support/process.ts';
import { type FaultSite, MAILGWD } from './site.ts';

/** A daemon that is always started again. */
export class HeldDaemon {
  readonly #holder: ChildProcess;
  readonly #ends: Interface;

  /** Starts it on the site's configuration; it ends with the scratch. */
  constructor({ scratch, daemon }: FaultSite) {
    const log = openSync(scratch.path('mailgwd.log'), 'a');
    const holder = join(repositoryRoot, 'test', 'fault', 'socket-holder.py');
    const command = [process.execPath, MAILGWD, '--config', daemon.config];
    this.#holder = spawn('python3', [holder, daemon.socket, ...command], { stdio: ['pipe', 'pipe', log] });
    closeSync(log);
    this.#ends = createInterface(this.#holder.stdout!);
    scratch.defer(async () => {
      this.#holder.stdin!.end();
      if (this.#holder.exitCode === null) await once(this.#holder, 'exit');
    });
  }

  /** Sends a signal and waits for the daemon's end; its successor has begun to start then. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<string> {
    const ended = once(this.#ends, 'line');
    this.#holder.stdin!.write(`${signal}\n`);
    const [how] = (await ended) as [string];
    return how;
  }
}
