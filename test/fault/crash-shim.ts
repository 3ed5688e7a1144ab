// Compiles crash-shim.c and gives it orders: kills a daemon at one exact step of its work on its store.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot, runOk } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';

/** The shim for one store. */
export class CrashShim {
  /** Put into the daemon's environment. */
  readonly environment: NodeJS.ProcessEnv;
  readonly #order: string;

  private constructor(library: string, store: string, order: string) {
    this.environment = { LD_PRELOAD: library, CRASH_STORE: store, CRASH_ORDER: order };
    this.#order = order;
  }

  /** Compiles the shim for the store at `store`; it has no order yet. */
  static async compile(scratch: Scratch, store: string): Promise<CrashShim> {
    const library = scratch.path('crash-shim.so');
    const source = join(repositoryRoot, 'test', 'fault', 'crash-shim.c');
    await runOk('cc', ['-O2', '-shared', '-fPIC', '-o', library, source]);
    return new CrashShim(library, store, scratch.path('crash-order'));
  }

  /** Gives an order; a running daemon counts its steps from here. The orders are those of crash-shim.c. */
  order(order: string): void {
    writeFileSync(`${this.#order}.draft`, order);
    renameSync(`${this.#order}.draft`, this.#order);
  }

  /** Takes the order back from daemons that have not read it yet. */
  withdraw(): void {
    rmSync(this.#order, { force: true });
  }

  /** The calls of the steps that a daemon with the order `count` has taken. */
  steps(): string[] {
    const file = `${this.#order}.steps`;
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }
}
