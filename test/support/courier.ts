// A private Courier IMAP server (Debian's courier-imap 5.0) on a Maildir.
//
// Contract, failure and limits as of imap-servers.ts. Greeting and LOGIN are answered here, since those of Courier's own
// want a daemon at a fixed path; everything after them is Courier's imapd, which the login starts as Courier's would.
// It has IDLE, UIDPLUS and keywords, and neither MOVE nor LITERAL+.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
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
import { repositoryRoot, runOk } from './process.ts';
import type { Scratch } from './scratch.ts';

const PROGRAM = 'usr/bin/imapd';
const CAPABILITY =
  'IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE';

/** Why Courier cannot run here, or false if it can. */
export const courierUnavailable = (): string | false =>
  missingServer('courier', 'usr/lib/courier/courier/imaplogin');

/** Starts a Courier that ends with the scratch. */
export const startCourier = (scratch: Scratch): Promise<ImapServer> =>
  startServer(scratch, 'courier', PROGRAM, (...given) => new Courier(...given));

class Courier implements ImapServer {
  readonly port: number;
  readonly user = 'alice';
  readonly password = 'secret';
  readonly inbox = 'INBOX';
  readonly done = 'INBOX.Done';
  readonly #directory: string;
  readonly #root: string;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ChildProcess>();
  readonly #shim: string;
  #server: Server | undefined;
  #said = '';

  constructor(directory: string, root: string, port: number) {
    this.#directory = directory;
    this.#shim = join(directory, 'fam-shim.so');
    this.#root = root;
    this.port = port;
  }

  async prepare(): Promise<void> {
    const folders = ['Maildir', 'Maildir/.Done'];
    const all = ['', ...folders.flatMap((name) => [name, `${name}/cur`, `${name}/new`, `${name}/tmp`])];
    for (const name of all) {
      mkdirSync(join(this.#directory, name));
      chownSync(join(this.#directory, name), NOBODY.uid, NOBODY.gid);
    }
    const source = join(repositoryRoot, 'test', 'support', 'fam-shim.c');
    await runOk('cc', ['-O2', '-shared', '-fPIC', '-o', this.#shim, source]);
  }

  async start(): Promise<void> {
    const server = createServer((socket) => {
      this.#greet(socket);
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    await takesLogin(this, () => this.#said);
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    const ending = [...this.#sessions].map((session) => once(session, 'exit'));
    for (const session of this.#sessions) session.kill('SIGTERM');
    await Promise.all(ending);
  }

  async renumber(): Promise<void> {
    await nextSecond();
    rmSync(join(this.#directory, 'Maildir', 'courierimapuiddb'));
  }

  /** Answers until somebody has logged in. */
  #greet(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.write(`* OK [CAPABILITY ${CAPABILITY}] Courier-IMAP ready.\r\n`);
    let received = '';
    const read = (chunk: Buffer): void => {
      received += chunk.toString('latin1');
      for (let end = received.indexOf('\r\n'); end >= 0; end = received.indexOf('\r\n')) {
        const [tag = '', name = '', ...rest] = received.slice(0, end).split(' ');
        received = received.slice(end + 2);
        if (name.toUpperCase() !== 'LOGIN') {
          const untagged = name.toUpperCase() === 'CAPABILITY' ? `* CAPABILITY ${CAPABILITY}\r\n` : '';
          socket.write(`${untagged}${tag} OK done.\r\n`);
          continue;
        }
        const [user, password] = rest.map((word) => word.replaceAll('"', ''));
        if (user !== this.user || password !== this.password) {
          socket.write(`${tag} NO Login failed.\r\n`);
          continue;
        }
        socket.off('data', read);
        this.#serve(socket, tag);
        return;
      }
    };
    socket.on('data', read);
  }

  #serve(socket: Socket, tag: string): void {
    const session = spawn(join(this.#root, PROGRAM), ['Maildir'], {
      cwd: this.#directory,
      ...NOBODY,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...libraryPath(this.#root),
        ...{ HOME: this.#directory, AUTHENTICATED: this.user, IMAPLOGINTAG: tag },
        ...{ TCPREMOTEIP: '127.0.0.1', TCPREMOTEPORT: String(socket.remotePort) },
        ...{ IMAP_CAPABILITY: CAPABILITY, IMAP_KEYWORDS: '1', IMAP_UMASK: '022' },
        ...{ IMAP_USELOCKS: '0', IMAP_ENHANCEDIDLE: '0', LD_PRELOAD: this.#shim },
      },
    });
    this.#sessions.add(session);
    session.on('exit', () => {
      this.#sessions.delete(session);
      socket.destroy();
    });
    session.stdin.on('error', () => undefined);
    session.stderr.on('data', (chunk: Buffer) => {
      this.#said = (this.#said + chunk.toString('latin1')).slice(-2000);
    });
    socket.pipe(session.stdin);
    session.stdout.pipe(socket);
  }
}
