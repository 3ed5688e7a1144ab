// mailgw-ctl on a configuration that its own init made in a scratch directory.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import Sqlite from 'better-sqlite3';
import type { NewItem } from '../../src/store/item.ts';
import { openSqliteStore } from '../../src/store/sqlite/store.ts';
import type { Store } from '../../src/store/store.ts';
import { runCommand, runProcess, TOOL } from '../support/command.ts';
import { type RunResult, run } from '../support/process.ts';
import type { Scratch } from '../support/scratch.ts';
import { isServing, serveStore } from './serving.ts';

/** One object of `--json`. */
export type Row = Record<string, unknown>;

/** Runs the tool with nothing but these arguments; with an environment, `NAME=value`, always as a process. */
export async function runTool(
  args: readonly string[],
  environment: readonly string[] = [],
): Promise<RunResult> {
  if (environment.length > 0) return await runProcess(args, environment);
  const at = args.indexOf('--config');
  return await runCommand(at === -1 ? undefined : args[at + 1], args);
}

/** An initialised scratch directory and the tool in it. */
export class Tool {
  readonly scratch: Scratch;
  readonly config: string;
  /** The store that a daemon of this process has open, where one serves. */
  served: Store | undefined;

  constructor(scratch: Scratch) {
    this.scratch = scratch;
    this.config = scratch.path('mailgw.toml');
  }

  /** Runs a command. */
  async run(...args: string[]): Promise<RunResult> {
    return await runCommand(this.config, ['--config', this.config, ...args]);
  }

  /** Runs a command that must succeed without a word on standard error; its standard output. */
  async text(...args: string[]): Promise<string> {
    const result = await this.run(...args);
    assert.deepEqual([result.code, result.stderr], [0, ''], `${args.join(' ')}: ${JSON.stringify(result)}`);
    return result.stdout;
  }

  /** Runs a command with `--json` that must succeed; its objects. */
  async rows(...args: string[]): Promise<Row[]> {
    const result = await this.run('--json', ...args);
    assert.equal(result.code, 0, `${args.join(' ')}: ${JSON.stringify(result)}`);
    return parseRows(result.stdout);
  }

  /** Runs a command with `--json` that prints one object. */
  async row(...args: string[]): Promise<Row> {
    const rows = await this.rows(...args);
    assert.equal(rows.length, 1, `${args.join(' ')}: ${JSON.stringify(rows)}`);
    return rows[0] ?? {};
  }

  /** Runs a command that must fail with `code` and say exactly `lines`; nothing on standard output. */
  async fails(code: number, lines: string | RegExp, ...args: string[]): Promise<void> {
    const result = await this.run(...args);
    assert.equal(result.code, code, `${args.join(' ')}: ${JSON.stringify(result)}`);
    assert.equal(result.stdout, '');
    if (typeof lines === 'string') assert.equal(result.stderr, `mailgw-ctl: ${lines}\n`);
    else assert.match(result.stderr, lines);
  }

  /** Opens the store in this process, as a daemon has it open while the tool runs. */
  async open(mode: 'daemon' | 'tool' = 'daemon'): Promise<Store> {
    if (mode === 'daemon' && this.served !== undefined)
      return { ...this.served, close: () => Promise.resolve() };
    return await openSqliteStore({ path: this.scratch.path('mailgw.db'), mode });
  }
}

/** The objects of `--json` output. */
export function parseRows(stdout: string): Row[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Row);
}

/** A tool whose scratch directory `init` has set up, and whose store is served where stores are. */
export async function initialise(scratch: Scratch): Promise<Tool> {
  const tool = new Tool(scratch);
  const words = ['init', '--domain', 'reply.example.org', '--directory', scratch.directory];
  const { code, stderr } = await runCommand(tool.config, words);
  assert.equal(code, 0, stderr);
  if (isServing()) tool.served = await serveStore(scratch, tool.config);
  return tool;
}

/** A new item for the store, with whatever the test cares about. */
export function newItem(over: Partial<NewItem> = {}): NewItem {
  return {
    id: randomBytes(13).toString('hex'),
    user: 'alice',
    thread: 'acme/site/issue/7',
    repliedToAt: Date.UTC(2026, 10, 19, 17, 2, 11),
    fingerprint: randomBytes(16).toString('latin1'),
    messageId: '<reply-1@example.com>',
    reversePath: 'alice@example.com',
    receivedAt: Date.UTC(2026, 10, 20, 9, 14, 3, 120),
    hold: undefined,
    authentication: { policy: 'strict', result: 'pass' },
    spam: undefined,
    ...over,
  };
}

/** Changes the file of a store behind mailgw's back. */
export function tamper(path: string, sql: string): void {
  const database = new Sqlite(path);
  database.pragma('foreign_keys = OFF');
  database.exec(sql);
  database.close();
}

/** Runs the tool on a terminal of the given width; what it showed. */
export async function onTerminal(
  tool: Tool,
  columns: number,
  environment: string,
  ...args: string[]
): Promise<string> {
  const words = [process.execPath, TOOL, '--config', tool.config, ...args]
    .map((word) => `'${word}'`)
    .join(' ');
  const command = `stty cols ${columns}; env -u COLUMNS -u NO_COLOR ${environment} ${words}`;
  return (await run('script', ['-qec', command, '/dev/null'])).stdout;
}
