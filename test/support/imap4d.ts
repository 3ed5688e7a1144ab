// A private imap4d of GNU Mailutils 3.15 on a Maildir.
//
// Contract, failure and limits as of imap-servers.ts. It has neither UIDPLUS nor MOVE nor keywords; its UIDs begin at 1
// again, under another UIDVALIDITY, once somebody has worked on the files of a mailbox.
// It answers SEARCH UID n:* with nothing, and knows an upper bound only as a number.

import { chownSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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
import { DaemonProcess, runOk } from './process.ts';
import type { Scratch } from './scratch.ts';

const PROGRAM = 'usr/sbin/imap4d';
const DOMAIN = 'test.example';

/** Why imap4d cannot run here, or false if it can. */
export const imap4dUnavailable = (): string | false => missingServer('imap4d', PROGRAM);

/** Starts an imap4d that ends with the scratch. */
export const startImap4d = (scratch: Scratch): Promise<ImapServer> =>
  startServer(scratch, 'imap4d', PROGRAM, (...given) => new Imap4d(...given));

class Imap4d implements ImapServer {
  readonly port: number;
  readonly user = `alice@${DOMAIN}`;
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
    for (const name of ['', 'passwd', 'home']) mkdirSync(this.#at(name));
    const folders = ['home/INBOX', 'home/Done'];
    const home = folders.flatMap((name) => [name, `${name}/cur`, `${name}/new`, `${name}/tmp`]);
    for (const name of home) mkdirSync(this.#at(name));
    const hash = (await runOk('openssl', ['passwd', '-6', '-stdin'], this.password)).trim();
    const { uid, gid } = NOBODY;
    writeFileSync(this.#at(`passwd/${DOMAIN}`), `alice:${hash}:${uid}:${gid}::${this.#at('home')}:/bin/sh\n`);
    writeFileSync(this.#at('conf'), this.#settings());
    for (const name of ['home', ...home]) chownSync(this.#at(name), uid, gid);
  }

  async start(): Promise<void> {
    const args = [`--config-file=${this.#at('conf')}`];
    const program = join(this.#root, PROGRAM);
    const started = new DaemonProcess(program, args, this.#at('log'), libraryPath(this.#root));
    this.#process = started;
    await takesLogin(this, () => `${started.ended ?? 'runs'}\n${started.output()}`);
  }

  async stop(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    await running?.end('SIGTERM');
  }

  async renumber(): Promise<void> {
    await nextSecond();
    const inbox = this.#at('home/INBOX');
    rmSync(join(inbox, '.mu-prop'));
    const current = join(inbox, 'cur');
    // The UID stands in the name of the file: a copy by hand does not have it.
    for (const name of readdirSync(current)) {
      renameSync(join(current, name), join(current, name.replace(/,a=[^:]*/, '')));
    }
  }

  #at(name: string): string {
    return join(this.#directory, name);
  }

  #settings(): string {
    return `mode daemon;
foreground yes;
pidfile ${this.#at('pid')};
max-children 20;
logging { syslog no; };
gsasl { enable no; };
auth { authentication generic:virtdomain; authorization virtdomain; };
virtdomain { passwd-dir ${this.#at('passwd')}; };
mailbox { mailbox-pattern "maildir:${this.#at('home')}/INBOX"; mailbox-type maildir; };
server 127.0.0.1:${this.port} { transcript no; };
`;
  }
}
