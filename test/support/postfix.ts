// A private Postfix: own configuration, queue and data directories below a scratch, smtpd on a free loopback port.
//
// Contract: configured from postfix-examples/, so that what the admin is told to install is what the tests run; only
// the paths are replaced. Every Postfix command gets `-c DIR`: nothing of an installed Postfix is read or touched.
// Retries come within seconds; mail to anywhere but the reply domain is discarded, bounces included.
// Failure: postfixUnavailable() says why the machine cannot run it; the tests skip with that sentence.
// Limits: Postfix's master wants root.

import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REPLY_DOMAIN } from './daemon.ts';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { repositoryRoot, run, runOk } from './process.ts';
import type { Scratch } from './scratch.ts';
import { type Submission, type SubmissionResult, submit } from './smtp.ts';

/** The settings of a main.cf by name. */
export type MainCf = Map<string, string>;

/** What a test may choose. */
export interface PostfixOptions {
  /** Files of postfix-examples/ that are read after main.cf; a later setting wins. */
  readonly variants?: readonly string[];
  /** Nothing of postfix-examples/: a Postfix that has not heard of mailgw. */
  readonly bare?: boolean;
  /** Settings that win over the examples. */
  readonly settings?: Record<string, string>;
  /** The port of its smtpd, where somebody must know it beforehand; default a free one. */
  readonly port?: number;
  /** Lines for master.cf. */
  readonly services?: string;
  /** Contents of texthash tables: `NAME` is available to settings as `texthash:$config_directory/NAME`. */
  readonly tables?: Record<string, string>;
}

/** The reply domain that the examples are written for. */
const EXAMPLE_DOMAIN = 'reply.example.org';

const PUSH_EVERY_MS = 2000;

/** Why a private Postfix cannot run here, or false if it can: the value of a test's `skip`. */
export function postfixUnavailable(): string | false {
  if (process.getuid?.() !== 0) return 'unavailable: Postfix can only be started by root';
  if (!existsSync('/usr/sbin/postfix')) return 'unavailable: Postfix is not installed';
  return false;
}

/** Reads a file of postfix-examples/ with the example's domain and paths replaced by the test's. */
export function readExample(name: string, configDirectory: string): string {
  return readFileSync(join(repositoryRoot, 'postfix-examples', name), 'utf8')
    .replaceAll(EXAMPLE_DOMAIN, REPLY_DOMAIN)
    .replaceAll('/etc/postfix/', `${configDirectory}/`);
}

/** The settings in a main.cf: comments dropped, continued lines joined (postconf(5)). */
export function parseMainCf(text: string): MainCf {
  const logical = text.replaceAll(/^\s*(?:#.*)?\n/gm, '').replaceAll(/\n[ \t]+/g, ' ');
  const settings: MainCf = new Map();
  for (const line of logical.split('\n').filter((each) => each !== '')) {
    const [, name, value] = /^(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`not a main.cf setting: ${line}`);
    settings.set(name, value);
  }
  return settings;
}

/** Where the LMTP socket of a Postfix in this scratch belongs. */
export function lmtpSocketIn(scratch: Scratch): string {
  return scratch.path('queue', 'mailgw', 'lmtp.sock');
}

/** Where the policy service's socket belongs. */
export function policySocketIn(scratch: Scratch): string {
  return scratch.path('queue', 'mailgw', 'policy.sock');
}

/** Starts a private Postfix that stops when the scratch closes. */
export async function startPostfix(scratch: Scratch, options: PostfixOptions = {}): Promise<Postfix> {
  const port = options.port ?? (await freePort());
  const configDirectory = await configurePostfix(scratch, port, options);
  scratch.defer(async () => {
    await run('postfix', ['-c', configDirectory, 'stop']);
  });
  await runOk('postfix', ['-c', configDirectory, 'start']);
  return new Postfix(configDirectory, port, scratch.path('mail.log'));
}

/** Writes main.cf, master.cf and tables of a private Postfix, and starts nothing; the directory for `-c`. */
export async function configurePostfix(
  scratch: Scratch,
  port: number,
  options: PostfixOptions = {},
): Promise<string> {
  const configDirectory = scratch.path('postfix');
  for (const name of ['postfix', 'queue', 'data']) mkdirSync(scratch.path(name), { recursive: true });
  await chownToPostfix(scratch.path('data'));
  writeFileSync(join(configDirectory, 'main.cf'), mainCf(scratch, configDirectory, options));
  writeFileSync(join(configDirectory, 'master.cf'), masterCf(port, configDirectory, options));
  for (const [name, table] of Object.entries(options.tables ?? {})) {
    writeFileSync(join(configDirectory, name), table);
  }
  return configDirectory;
}

async function chownToPostfix(directory: string): Promise<void> {
  const uid = Number(await runOk('id', ['-u', 'postfix']));
  chownSync(directory, uid, 0);
}

function mainCf(scratch: Scratch, configDirectory: string, options: PostfixOptions): string {
  const settings = parseMainCf(`
compatibility_level = 3.6
queue_directory = ${scratch.path('queue')}
data_directory = ${scratch.path('data')}
maillog_file = ${scratch.path('mail.log')}
maillog_file_prefixes = ${scratch.directory}
myhostname = mx.example.org
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
default_transport = discard:outside
notify_classes =
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
transport_retry_time = 1s
`);
  const examples = options.bare === true ? [] : ['main.cf', ...(options.variants ?? [])];
  for (const example of examples) {
    for (const [name, value] of parseMainCf(readExample(example, configDirectory))) settings.set(name, value);
  }
  for (const [name, value] of Object.entries(options.settings ?? {})) settings.set(name, value);
  return [...settings].map(([name, value]) => `${name} = ${value}\n`).join('');
}

function masterCf(
  port: number,
  configDirectory: string,
  { bare = false, services = '' }: PostfixOptions,
): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
${bare ? '' : readExample('master.cf', configDirectory)}${services}`;
}

/** A running private Postfix. */
export class Postfix {
  /** The directory for `-c`. */
  readonly configDirectory: string;
  /** Where its smtpd listens on 127.0.0.1. */
  readonly port: number;
  readonly #log: string;

  constructor(configDirectory: string, port: number, log: string) {
    this.configDirectory = configDirectory;
    this.port = port;
    this.#log = log;
  }

  /** Submits a message over SMTP. */
  async send(submission: Submission): Promise<SubmissionResult> {
    return await submit(this.port, submission);
  }

  /** Submits a message that must be taken for every recipient; returns Postfix's queue id. */
  async accept(submission: Submission): Promise<string> {
    const { queueId, ...replies } = await this.send(submission);
    const refused = replies.recipients.some(({ code }) => code !== 250);
    if (queueId === undefined || refused) throw new Error(`Postfix refused: ${JSON.stringify(replies)}`);
    return queueId;
  }

  /** Everything logged so far. */
  log(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : '';
  }

  /** The lines of one queue id. */
  linesOf(queueId: string): string[] {
    return this.log()
      .split('\n')
      .filter((line) => line.includes(` ${queueId}: `));
  }

  /** The first match of a regular expression in the log after its first `since` characters, as soon as it is there. */
  async waitForLog(wanted: RegExp, since = 0, withinMs = 20_000): Promise<RegExpExecArray> {
    const look = () => wanted.exec(this.log().slice(since)) ?? undefined;
    return await eventually(look, () => `${String(wanted)} in the log\n${this.log()}`, withinMs);
  }

  /** Waits until Postfix has removed this message from its queue; returns its log lines. */
  async done(queueId: string, withinMs = 20_000): Promise<string[]> {
    const removed = new RegExp(` ${queueId}: removed$`, 'm');
    await this.#pushing(() => removed.test(this.log()), `the end of ${queueId}`, withinMs);
    return this.linesOf(queueId);
  }

  /** The queue as `postqueue -j` prints it: one JSON object per message. */
  async queue(): Promise<string[]> {
    const text = await runOk('postqueue', ['-c', this.configDirectory, '-j']);
    return text.split('\n').filter((line) => line !== '');
  }

  /** Waits until the queue is empty. */
  async queueEmpty(withinMs = 20_000): Promise<void> {
    await this.#pushing(async () => (await this.queue()).length === 0, 'an empty queue', withinMs);
  }

  /**
   * Waits until `reached`, with a push every two seconds: with queue runs as quick as ours the queue manager now and
   * then meets a message whose delivery agent has not let go of it yet ("skipped, still being delivered"), and then
   * leaves it alone for a minute.
   */
  async #pushing(reached: () => boolean | Promise<boolean>, what: string, withinMs: number): Promise<void> {
    let pushedAt = performance.now();
    const look = async (): Promise<true | undefined> => {
      if (await reached()) return true;
      if (performance.now() - pushedAt > PUSH_EVERY_MS) {
        pushedAt = performance.now();
        await this.flush();
      }
      return undefined;
    };
    await eventually(look, () => `${what}\n${this.log()}`, withinMs);
  }

  /** Makes Postfix try every deferred message now. */
  async flush(): Promise<void> {
    await runOk('postqueue', ['-c', this.configDirectory, '-f']);
  }
}
