// A private rspamd as a milter: the package's own rules and modules, with what postfix-examples/ say, on a Unix socket.
//
// Contract: startRspamd returns once it takes connections; it ends with the scratch. It asks no network: what lives on DNS
// or on Redis is off. Compiling its rules for speed is off too, which would take longer than the tests.
// Failure: rspamdUnavailable() says why the machine cannot run it; the tests skip with that sentence.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { DaemonProcess, repositoryRoot } from './process.ts';
import type { Scratch } from './scratch.ts';

const PROGRAM = '/usr/bin/rspamd';
const READY_WITHIN_MS = 120_000;

/** What this rspamd takes for spam. rspamd's own test messages would not do: it writes no results for them. */
export const SPAM = 'Cheap watches, while stocks last.';

/** Why rspamd cannot run here, or false if it can: the value of a test's `skip`. */
export function rspamdUnavailable(): string | false {
  if (process.getuid?.() !== 0) return 'unavailable: rspamd is started as root';
  return existsSync(PROGRAM) ? false : 'unavailable: rspamd is not installed';
}

/** A running rspamd. */
export interface Rspamd {
  /** Its milter, as Postfix names it. */
  readonly milter: string;
  stop(): Promise<void>;
}

/** What identifies a sender; they want a name server. */
const IDENTITY = ['spf', 'dkim', 'dmarc'];

/** Starts one that ends with the scratch; with a name server on the loopback it judges senders by SPF, DKIM and DMARC. */
export async function startRspamd(scratch: Scratch, nameServerPort?: number): Promise<Rspamd> {
  const socket = scratch.path('rspamd', 'milter.sock');
  const files: Record<string, string> = {
    'milter_headers.conf': readFileSync(
      join(repositoryRoot, 'postfix-examples/rspamd-milter_headers.conf'),
      'utf8',
    ),
    'options.inc': `disable_hyperscan = true;
dns { nameserver = ["127.0.0.1:${nameServerPort ?? 9}"]; timeout = ${nameServerPort === undefined ? '100ms' : '2s'}; retransmits = 1; }
`,
    'logging.inc': 'type = "console"; level = "info";',
    'worker-proxy.inc': `bind_socket = "${socket} mode=0666"; upstream "local" { self_scan = yes; }`,
  };
  const identity = nameServerPort === undefined ? IDENTITY : [];
  for (const off of ['rbl', 'fuzzy_check', 'asn', 'arc', 'phishing', ...identity])
    files[`${off}.conf`] = 'enabled = false;';
  for (const worker of ['normal', 'controller']) files[`worker-${worker}.inc`] = 'enabled = false;';
  const places = ['rspamd/local.d', 'rspamd/db'].map((name) => scratch.path(name));
  for (const place of places) mkdirSync(place, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(places[0] ?? '', name), text);
  const rule = `config['regexp']['SPAM_OF_THE_TEST'] = { re = '/${SPAM}/{mime}', score = 9 }\n`;
  writeFileSync(scratch.path('rspamd', 'rspamd.local.lua'), rule);

  const variables = { DBDIR: 'db', RUNDIR: '', LOGDIR: '', LOCAL_CONFDIR: '' };
  const daemon = new DaemonProcess(
    PROGRAM,
    [
      ...['--no-fork', '--insecure', '--user=root', '--group=root'],
      ...Object.entries(variables).map(([name, place]) => `--var=${name}=${scratch.path('rspamd', place)}`),
    ],
    scratch.path('rspamd.log'),
  );
  const stop = async (): Promise<void> => {
    if (daemon.ended === undefined) await daemon.end('SIGTERM');
  };
  scratch.defer(stop);
  const look = (): true | undefined => {
    if (daemon.ended !== undefined) throw new Error(`rspamd ended: ${daemon.ended}\n${daemon.output()}`);
    return existsSync(socket) ? true : undefined;
  };
  await eventually(look, () => daemon.output(), READY_WITHIN_MS);
  return { milter: `unix:${socket}`, stop };
}
