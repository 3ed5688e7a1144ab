// mailgw-ctl or mailgwd on a terminal of its own, with somebody at the keys: a pseudo terminal by script(1).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { TOOL } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import { runOk } from '../support/process.ts';
import { type Tool } from './tool.ts';

/** The size of a terminal. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const size = ({ columns, rows }: Size): string[] => ['cols', String(columns), 'rows', String(rows)];

/** A terminal on which the tool runs. */
export class Terminal {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #shown = '';

  private constructor(command: string) {
    this.#child = spawn('script', ['-qefc', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#shown += chunk.toString('utf8')));
    this.#ended = once(this.#child, 'close');
  }

  /** Runs the tool, or another program of ours, on a terminal of this size; `environment` as `NAME=value`. */
  static run(
    tool: Tool,
    at: Size,
    args: readonly string[],
    environment: readonly string[] = [],
    program = TOOL,
  ): Terminal {
    const words = [process.execPath, program, '--config', tool.config, ...args].map((word) => `'${word}'`);
    const setUp = `tty; stty ${size(at).join(' ')}`;
    const clean = ['env', '-u', 'COLUMNS', '-u', 'NO_COLOR', 'TERM=xterm', ...environment];
    const terminal = new Terminal(`${setUp}; exec ${[...clean, ...words].join(' ')}`);
    tool.scratch.defer(() => {
      terminal.#child.kill('SIGKILL');
      return Promise.resolve();
    });
    return terminal;
  }

  /** Everything that was shown so far, but for the terminal's own name. */
  get shown(): string {
    return this.#shown.replace(/^.*\r\n/, '');
  }

  /** Waits until this is shown. */
  async until(pattern: RegExp): Promise<void> {
    await eventually(
      () => (pattern.test(this.shown) ? true : undefined),
      () => `${String(pattern)} in ${JSON.stringify(this.shown)}`,
    );
  }

  /** Presses keys. */
  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  /** Sends a signal to the program. */
  async signal(name: NodeJS.Signals): Promise<void> {
    const children = await runOk('pgrep', ['-P', String(this.#child.pid)]);
    process.kill(Number(children), name);
  }

  /** Gives the window another size. */
  async resize(to: Size): Promise<void> {
    const [name = ''] = this.#shown.split('\r\n', 1);
    await runOk('stty', ['-F', name, ...size(to)]);
  }

  /** Waits for the end; the exit status. */
  async ended(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }
}
