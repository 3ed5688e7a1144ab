// A private Cyrus IMAP server (Debian's cyrus-imapd 3.6).
//
// Contract, failure and limits as of imap-servers.ts. Its user has a password of its own SASL database; the folders are
// made at the first login.

import { chownSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  type ImapServer,
  libraryPath,
  missingServer,
  NOBODY,
  nextSecond,
  startServer,
  takesLogin,
} from './imap-servers.ts';
import { DaemonProcess, run } from './process.ts';
import type { Scratch } from './scratch.ts';

const MASTER = 'usr/lib/cyrus/bin/master';

/** Why Cyrus cannot run here, or false if it can. */
export const cyrusUnavailable = (): string | false => missingServer('cyrus', MASTER);

/** Starts a Cyrus that ends with the scratch. */
export const startCyrus = (scratch: Scratch): Promise<ImapServer> =>
  startServer(scratch, 'cyrus', MASTER, (...given) => new Cyrus(...given));

class Cyrus implements ImapServer {
  readonly port: number;
  readonly user = 'alice';
  readonly password = 'secret';
  readonly inbox = 'INBOX';
  readonly done = 'Done';
  readonly #directory: string;
  readonly #root: string;
  #process: DaemonProcess | undefined;

  constructor(directory: string, root: string, port: number) {
    this.#directory = directory;
    this.#root = root;
    this.port = port;
  }

  async prepare(): Promise<void> {
    for (const name of ['', 'conf', 'spool', 'run', 'proc']) mkdirSync(join(this.#directory, name));
    writeFileSync(this.#at('imapd.conf'), this.#settings());
    writeFileSync(this.#at('cyrus.conf'), this.#services());
    await this.#tool(
      'usr/sbin/saslpasswd2',
      ['-p', '-c', '-f', this.#at('sasldb2'), '-u', hostname(), this.user],
      this.password,
    );
    for (const name of ['', ...readdirSync(this.#directory)]) {
      chownSync(join(this.#directory, name), NOBODY.uid, NOBODY.gid);
    }
  }

  async start(): Promise<void> {
    const args = [
      '-D',
      '-C',
      this.#at('imapd.conf'),
      '-M',
      this.#at('cyrus.conf'),
      '-p',
      this.#at('run/pid'),
    ];
    const started = new DaemonProcess(
      join(this.#root, MASTER),
      args,
      this.#at('log'),
      libraryPath(this.#root),
    );
    this.#process = started;
    await takesLogin(this, () => `${started.ended ?? 'runs'}\n${started.output()}`);
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    // SIGQUIT ends its children with it (cyrmaster(8)).
    await running?.end('SIGQUIT');
  }

  async renumber(): Promise<void> {
    await nextSecond();
    const inbox = this.#mailbox();
    for (const name of readdirSync(inbox).filter((file) => file.startsWith('cyrus.'))) {
      rmSync(join(inbox, name));
    }
    await this.#asNobody('usr/lib/cyrus/bin/reconstruct', ['-C', this.#at('imapd.conf'), '-u', this.user]);
  }

  /** The directory of INBOX, whose name is an id that only Cyrus knows. */
  #mailbox(): string {
    const find = (directory: string): string | undefined => {
      if (existsSync(join(directory, '1.'))) return directory;
      for (const entry of readdirSync(directory, { withFileTypes: true })) {
        const found = entry.isDirectory() ? find(join(directory, entry.name)) : undefined;
        if (found !== undefined) return found;
      }
      return undefined;
    };
    const found = find(this.#at('spool'));
    if (found === undefined) throw new Error('INBOX has no first message');
    return found;
  }

  #at(name: string): string {
    return join(this.#directory, name);
  }

  async #tool(program: string, args: readonly string[], input: string): Promise<void> {
    const env = Object.entries(libraryPath(this.#root)).map(([name, value]) => `${name}=${value}`);
    const result = await run('env', [...env, join(this.#root, program), ...args], input);
    if (result.code !== 0) throw new Error(`${program}: ${result.stdout}${result.stderr}`);
  }

  async #asNobody(program: string, args: readonly string[]): Promise<void> {
    const env = Object.entries(libraryPath(this.#root)).map(([name, value]) => `${name}=${value}`);
    const drop = ['--reuid', String(NOBODY.uid), '--regid', String(NOBODY.gid), '--clear-groups'];
    const result = await run('setpriv', [...drop, 'env', ...env, join(this.#root, program), ...args]);
    if (result.code !== 0) throw new Error(`${program}: ${result.stdout}${result.stderr}`);
  }

  #settings(): string {
    const at = (name: string): string => this.#at(name);
    return `configdirectory: ${at('conf')}
partition-default: ${at('spool')}
defaultpartition: default
cyrus_user: nobody
cyrus_group: nogroup
admins: cyrus
allowplaintext: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: ${at('sasldb2')}
autocreate_quota: 0
autocreate_inbox_folders: ${this.done}
duplicatesuppression: no
unixhierarchysep: yes
altnamespace: yes
proc_path: ${at('proc')}
mboxname_lockpath: ${at('run/lock')}
temp_path: ${at('run')}
lmtpsocket: ${at('run/lmtp')}
idlesocket: ${at('run/idle')}
notifysocket: ${at('run/notify')}
`;
  }

  #services(): string {
    const command = (name: string, args = ''): string =>
      `cmd="${join(this.#root, 'usr/lib/cyrus/bin', name)} -C ${this.#at('imapd.conf')}${args}"`;
    return `START {
  recover ${command('ctl_cyrusdb', ' -r')}
}
SERVICES {
  imap ${command('imapd')} listen="127.0.0.1:${this.port}" proto="tcp4" prefork=0 maxchild=20
}
DAEMON {
  idled ${command('idled')}
}
`;
  }
}
