// The real mailgwd and mailgw-ctl, run on a configuration in a scratch directory.
//
// Contract: startDaemon returns once the LMTP socket greets with 220. Sender policy, spam, rates and notices
// are off unless the test gives them. The store survives restart(), so a test can kill and start as often as it likes.
// Failure: a daemon that ends instead of greeting rejects with everything it printed.

import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { dirname, join } from 'node:path';
import { tomlValue } from '../../src/config/text.ts';
import { runCommand } from './command.ts';
import { eventually } from './eventually.ts';
import { DaemonProcess, type RunResult, repositoryRoot } from './process.ts';
import type { Scratch } from './scratch.ts';

/** Settings by section and key, as in mailgw.toml. */
export type Settings = Record<
  string,
  Record<string, string | number | boolean | readonly string[] | readonly Readonly<Record<string, string>>[]>
>;

/** Where the daemon posts to. */
export interface SinkAddress {
  readonly url: string;
  /** `whsec_` and base64. */
  readonly secret: string;
}

/** A table of `[[sink]]`. */
export type SinkTable = Readonly<Record<string, string>>;

/** What a test may choose. */
export interface DaemonOptions {
  readonly sink: SinkAddress;
  /** Takes the place of the sink: the tables of several. */
  readonly sinks?: readonly SinkTable[];
  /** Path of the LMTP socket; default `lmtp.sock` in the scratch directory. */
  readonly socket?: string;
  /** Added to, or replacing, the defaults below. */
  readonly settings?: Settings;
  /** Changes the settings as a whole: what is replaced by them is gone. */
  readonly change?: (settings: Settings) => Settings;
  /** Added to the file: tables of a list, such as `[[webhook]]`. */
  readonly tables?: string;
  /** Added to the daemon's environment. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** One JSON object printed by `mailgw-ctl --json`. */
export type Row = Record<string, unknown>;

/** A minted reply address, as `mailgw-ctl address mint` prints it. */
export interface Minted {
  readonly reply_to: string;
  readonly message_id: string;
}

/** What to mint. */
export interface MintOptions {
  readonly user: string;
  readonly thread: string;
  /** RFC 3339; default now. */
  readonly repliedTo?: string;
  readonly bound?: boolean;
}

const READY_WITHIN_MS = 40_000;

/** The domain of every reply address in the tests. */
export const REPLY_DOMAIN = 'reply.example.org';

/** Writes a configuration into the scratch directory, starts mailgwd on it and waits for the greeting. */
export async function startDaemon(scratch: Scratch, options: DaemonOptions): Promise<Daemon> {
  const socket = options.socket ?? scratch.path('lmtp.sock');
  const config = writeConfig(scratch, socket, options);
  const daemon = new Daemon(socket, config, scratch.path('mailgwd.log'), options.environment ?? {});
  scratch.defer(async () => {
    await daemon.stop();
  });
  await daemon.start();
  return daemon;
}

/** Writes mailgw.toml and the secrets it names; returns the path of the configuration. */
export function writeConfig(scratch: Scratch, socket: string, options: DaemonOptions): string {
  const secretFile = (name: string, text: string): string => {
    writeFileSync(scratch.path(name), `${text}\n`, { mode: 0o600 });
    return scratch.path(name);
  };
  mkdirSync(dirname(socket), { recursive: true });
  const settings: Settings = {
    lmtp: { socket },
    reply: {
      domain: REPLY_DOMAIN,
      prefix: 'reply+',
      max_age: '90d',
      pepper_file: secretFile('pepper', randomBytes(32).toString('base64')),
    },
    store: { path: scratch.path('mailgw.db') },
    sender: { policy: 'off' },
    rate: { per_user: 'off', per_address: 'off', total: 'off', bad_address_delay: '0s' },
    spam: { source: 'off' },
    notice: { kinds: [] },
    sink: {
      type: 'webhook',
      url: options.sink.url,
      secret_file: secretFile('webhook.secret', options.sink.secret),
    },
  };
  for (const [section, keys] of Object.entries(options.settings ?? {})) {
    settings[section] = { ...settings[section], ...keys };
  }
  const changed = options.change?.(settings) ?? settings;
  const { sink, ...others } = changed;
  const tail = options.sinks === undefined ? toToml({ sink: sink ?? {} }) : sinkTables(options.sinks);
  writeFileSync(scratch.path('mailgw.toml'), toToml(others) + tail + (options.tables ?? ''));
  return scratch.path('mailgw.toml');
}

/** Writes `[[sink]]` tables as TOML. */
export function sinkTables(tables: readonly SinkTable[]): string {
  return tables
    .map((table) => {
      const lines = Object.entries(table).map(([key, value]) => `${key} = ${tomlValue(value)}\n`);
      return `[[sink]]\n${lines.join('')}`;
    })
    .join('');
}

/** Writes settings as TOML. */
export function toToml(settings: Settings): string {
  const lines = Object.entries(settings).flatMap(([section, keys]) => [
    `[${section}]`,
    ...Object.entries(keys).map(([key, value]) => `${key} = ${tomlValue(value)}`),
  ]);
  return `${lines.join('\n')}\n`;
}

/** A running (or stopped, or killed) mailgwd and its command line tool. */
export class Daemon {
  /** Path of the LMTP socket. */
  readonly socket: string;
  /** Path of the configuration file. */
  readonly config: string;
  readonly #log: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #within: readonly string[];
  /** The checkout whose daemon starts next: that of the tests, until another is named. */
  checkout = repositoryRoot;
  #process: DaemonProcess | undefined;

  /** `within` is a command that runs it in surroundings of its own, and becomes it: its process id is the daemon's. */
  constructor(
    socket: string,
    config: string,
    log: string,
    environment: NodeJS.ProcessEnv,
    within: readonly string[] = [],
  ) {
    this.#within = within;
    this.socket = socket;
    this.config = config;
    this.#log = log;
    this.#environment = environment;
  }

  /** The process id of the running daemon. */
  get pid(): number {
    if (this.#process === undefined) throw new Error('mailgwd does not run');
    return this.#process.pid;
  }

  /** Starts the daemon and waits until its LMTP socket greets. */
  async start(): Promise<void> {
    const started = this.#spawn();
    const look = async (): Promise<true | undefined> => {
      if (started.ended !== undefined)
        throw new Error(`mailgwd ended: ${started.ended}\n${started.output()}`);
      return (await greets(this.socket)) ? true : undefined;
    };
    await eventually(look, () => `a greeting on ${this.socket}\n${started.output()}`, READY_WITHIN_MS);
  }

  /** Waits until it has said that all of it serves, and not the LMTP socket alone. */
  async ready(): Promise<void> {
    const last = (event: string): number => this.log().lastIndexOf(`"event":"${event}"`);
    await eventually(
      () => (last('ready') > last('starting') ? true : undefined),
      () => this.log(),
      READY_WITHIN_MS,
    );
  }

  /** Starts a daemon that is expected to end before it greets; how it ended. */
  async startToEnd(): Promise<string> {
    this.#spawn();
    return await this.gone();
  }

  #spawn(): DaemonProcess {
    const program = join(this.checkout, 'bin', 'mailgwd');
    const [command, ...args] = [...this.#within, process.execPath, program, '--config', this.config];
    this.#process = new DaemonProcess(command, args, this.#log, this.#environment);
    return this.#process;
  }

  /** Waits until it has ended without a signal of ours; how it ended. */
  async gone(): Promise<string> {
    const how = await this.#process?.gone('what should end it');
    this.#process = undefined;
    return how ?? 'not started';
  }

  /** Stops it as systemd does, with SIGTERM; returns how it ended, `exit 0` when all is well. */
  async stop(): Promise<string> {
    return await this.#end('SIGTERM');
  }

  /** Kills it with no chance to clean up. */
  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops it and starts it again on the same store. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async #end(signal: NodeJS.Signals): Promise<string> {
    const how = await this.#process?.end(signal);
    this.#process = undefined;
    return how ?? 'exit 0';
  }

  /** Everything all runs of the daemon have logged. */
  log(): string {
    return readFileSync(this.#log, 'utf8');
  }

  /** Runs `mailgw-ctl --config … --json ARGS`, which must succeed, and returns the objects it prints. */
  async ctl(...args: string[]): Promise<Row[]> {
    const result = await this.tryCtl(...args);
    if (result.code !== 0) {
      throw new Error(
        `mailgw-ctl ${args.join(' ')}: exit ${String(result.code)}\n${result.stdout}${result.stderr}`,
      );
    }
    return result.stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Row);
  }

  /** Like ctl, for a command that is expected to fail. */
  async tryCtl(...args: string[]): Promise<RunResult> {
    return await runCommand(this.config, ['--config', this.config, '--json', ...args]);
  }

  /** Adds a user with one registered address. */
  async addUser(user: string, address = `${user}@example.com`): Promise<void> {
    await this.ctl('user', 'add', user, '--address', address);
  }

  /** Mints a reply address for an existing user. */
  async mint(options: MintOptions): Promise<Minted> {
    const { user, thread, repliedTo, bound = false } = options;
    const args = ['address', 'mint', '--user', user, '--thread', thread];
    if (repliedTo !== undefined) args.push('--replied-to', repliedTo);
    if (bound) args.push('--bound');
    const [row] = await this.ctl(...args);
    if (typeof row?.reply_to !== 'string' || typeof row.message_id !== 'string') {
      throw new Error(`address mint printed ${JSON.stringify(row)}`);
    }
    return { reply_to: row.reply_to, message_id: row.message_id };
  }
}

/** Whether a server on this Unix socket greets with 220 (RFC 5321 §3.1). */
async function greets(socket: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const connection = createConnection(socket);
    const answer = (greeted: boolean) => {
      connection.destroy();
      resolve(greeted);
    };
    connection.once('data', (chunk) => {
      answer(chunk.toString('latin1').startsWith('220'));
    });
    connection.once('error', () => {
      answer(false);
    });
    connection.once('close', () => {
      answer(false);
    });
  });
}
