// Scratch directories for tests that run real programs.
//
// Contract: a scratch owns a directory below the system's temporary directory (short, so that Unix socket paths
// in it stay below 108 bytes) and the things started in it. close() ends those in the reverse order of their start,
// then removes the directory if every test that used it passed.
// Failure: when a test failed, or none ended, the directory stays and its path is printed.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, type TestContext } from 'node:test';

type Closer = () => void | Promise<void>;

/** A directory of one test or suite, and what must be ended before it goes. */
export class Scratch {
  /** Absolute path; mode 0755, so that Postfix's own user can reach what is inside. */
  readonly directory: string;
  readonly #closers: Closer[] = [];
  #passed = 0;
  #failed = 0;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'mailgw-'));
    chmodSync(this.directory, 0o755);
  }

  /** The absolute path of something inside. */
  path(...names: string[]): string {
    return join(this.directory, ...names);
  }

  /** Runs `closer` when the scratch closes, before every closer that was added earlier. */
  defer(closer: Closer): void {
    this.#closers.push(closer);
  }

  /** Counts the result of one ended test. */
  note(result: object): void {
    // @types/node 20 does not know TestContext.passed yet; Node has it since 20.12.
    if ('passed' in result && result.passed === true) this.#passed += 1;
    else this.#failed += 1;
  }

  /** Ends everything that was started here; removes the directory unless a test failed. */
  async close(): Promise<void> {
    const problems: unknown[] = [];
    for (const closer of this.#closers.splice(0).reverse()) {
      try {
        await closer();
      } catch (problem) {
        problems.push(problem);
      }
    }
    if (this.#failed > 0 || this.#passed === 0 || problems.length > 0) {
      console.error(`scratch directory kept: ${this.directory}`);
    } else {
      rmSync(this.directory, { recursive: true, force: true });
    }
    if (problems.length > 0) throw new AggregateError(problems, `closing ${this.directory}`);
  }
}

/** A scratch that closes with the test `t`. */
export function testScratch(t: TestContext): Scratch {
  const scratch = new Scratch();
  t.after(async () => {
    scratch.note(t);
    await scratch.close();
  });
  return scratch;
}

/** A scratch for the suite whose body calls this: counts its tests; the suite's own `after` must close it. */
export function suiteScratch(): Scratch {
  const scratch = new Scratch();
  afterEach((t) => {
    scratch.note(t);
  });
  return scratch;
}
