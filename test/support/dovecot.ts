// A private Dovecot with one mailbox, and a client that speaks IMAP to it by hand.
//
// Contract: startDovecot returns once it takes logins; it ends with the scratch. Mail is a Maildir of the user nobody's, as
// Dovecot serves none of root's. It listens on loopback ports of its own.
// Failure: dovecotUnavailable() says why the machine cannot run it; the tests skip with that sentence.

import { chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { DaemonProcess, runOk } from './process.ts';
import type { Scratch } from './scratch.ts';

const PROGRAM = '/usr/sbin/dovecot';

/** The user nobody and the group nogroup of Debian. */
const NOBODY = 65_534;

/** Why Dovecot cannot run here, or false if it can: the value of a test's `skip`. */
export function dovecotUnavailable(): string | false {
  if (process.getuid?.() !== 0) return 'unavailable: dovecot is started as root';
  if (!existsSync('/usr/lib/dovecot/imap')) return 'unavailable: dovecot-imapd is not installed';
  return false;
}

/** What may be another. */
export interface DovecotOptions {
  /** The capabilities that the server is to have, where not all of its own. */
  readonly capabilities?: string;
}

/** A message in a folder, as a test looks at it. */
export interface Filed {
  readonly uid: number;
  readonly flags: readonly string[];
}

/** A running Dovecot. */
export class Dovecot {
  readonly user = 'replies';
  readonly password = 'correct horse';
  readonly #scratch: Scratch;
  readonly #capabilities: string | undefined;
  #ports = { plain: 0, tls: 0 };
  #daemon: DaemonProcess | undefined;

  constructor(scratch: Scratch, { capabilities }: DovecotOptions) {
    this.#scratch = scratch;
    this.#capabilities = capabilities;
  }

  /** The port without encryption, which takes STARTTLS. */
  get port(): number {
    return this.#ports.plain;
  }

  /** The port of TLS. */
  get tlsPort(): number {
    return this.#ports.tls;
  }

  /** The certificate that the server shows, for 127.0.0.1 and localhost. */
  get certificate(): string {
    return this.#scratch.path('dovecot', 'cert.pem');
  }

  /** Writes its configuration, once. */
  async configure(): Promise<void> {
    const path = (...names: string[]): string => this.#scratch.path('dovecot', ...names);
    mkdirSync(path('mail'), { recursive: true });
    chownSync(path('mail'), NOBODY, NOBODY);
    this.#ports = { plain: await freePort(), tls: await freePort() };
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      path('key.pem'),
    ];
    await runOk('openssl', ['req', '-x509', ...key, '-out', path('cert.pem'), '-days', '30', ...subject]);
    writeFileSync(path('users'), `${this.user}:{PLAIN}${this.password}\n`);
    const lines = [
      ...[`base_dir = ${path('run')}`, `state_dir = ${path('state')}`, `log_path = ${path('log')}`],
      ...['protocols = imap', 'listen = 127.0.0.1', 'ssl = yes', 'disable_plaintext_auth = no'],
      ...[`ssl_cert = <${path('cert.pem')}`, `ssl_key = <${path('key.pem')}`, 'first_valid_uid = 0'],
      ...[`mail_location = maildir:${path('mail')}/%u`, 'mail_fsync = never', 'auth_failure_delay = 0'],
      `passdb {\n driver = passwd-file\n args = scheme=PLAIN ${path('users')}\n}`,
      `userdb {\n driver = static\n args = uid=${NOBODY} gid=${NOBODY} home=${path('mail')}/%u\n}`,
      `service imap-login {\n chroot =\n inet_listener imap {\n  port = ${this.port}\n }`,
      ` inet_listener imaps {\n  port = ${this.tlsPort}\n  ssl = yes\n }\n}`,
      ...['anvil', 'stats'].map((service) => `service ${service} {\n chroot =\n}`),
      'mail_max_userip_connections = 100',
      ...(this.#capabilities === undefined
        ? []
        : [`protocol imap {\n imap_capability = ${this.#capabilities}\n}`]),
    ];
    writeFileSync(path('dovecot.conf'), `${lines.join('\n')}\n`);
  }

  /** Starts it, and waits until it takes logins. */
  async start(): Promise<void> {
    const path = (name: string): string => this.#scratch.path('dovecot', name);
    const daemon = new DaemonProcess(PROGRAM, ['-F', '-c', path('dovecot.conf')], path('output'));
    this.#daemon = daemon;
    await eventually(
      async () => {
        if (daemon.ended !== undefined) throw new Error(`dovecot ended: ${daemon.ended}\n${daemon.output()}`);
        const client = await this.connect().catch(() => undefined);
        client?.end();
        return client === undefined ? undefined : true;
      },
      () => daemon.output(),
    );
  }

  /** Ends it, sessions and all. */
  async stop(): Promise<void> {
    if (this.#daemon?.ended === undefined) await this.#daemon?.end('SIGTERM');
  }

  /** Makes the folder's UIDs others, as a lost index does: they begin at 1 again under another UIDVALIDITY. */
  async renumber(): Promise<void> {
    await this.stop();
    const mail = this.#scratch.path('dovecot', 'mail', this.user);
    for (const name of ['dovecot-uidlist', 'dovecot.index', 'dovecot.index.log', 'dovecot.index.cache'])
      rmSync(`${mail}/${name}`, { force: true });
    await this.start();
  }

  /** Logs in by hand. */
  async connect(): Promise<ImapClient> {
    const client = await ImapClient.open(this.port);
    await client.ask(`LOGIN ${this.user} "${this.password}"`);
    return client;
  }
}

/** Starts one that ends with the scratch. */
export async function startDovecot(scratch: Scratch, options: DovecotOptions = {}): Promise<Dovecot> {
  const dovecot = new Dovecot(scratch, options);
  await dovecot.configure();
  scratch.defer(() => dovecot.stop());
  await dovecot.start();
  return dovecot;
}

/** A client that sends one command after the other. */
export class ImapClient {
  readonly #socket: Socket;
  #received = '';
  #tag = 0;
  #news: () => void = () => undefined;
  #isOver = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#news();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isOver = true;
      this.#news();
    });
  }

  /** Connects and reads the greeting. */
  static async open(port: number): Promise<ImapClient> {
    const client = new ImapClient(createConnection(port, '127.0.0.1'));
    await client.#until(/^\* OK.*\r\n/m);
    return client;
  }

  /** Sends a command, with a literal after it; gives everything that came with its OK, or rejects with its NO. */
  async ask(command: string, literal?: Buffer | string): Promise<string> {
    this.#tag += 1;
    const tag = `t${this.#tag}`;
    this.#received = '';
    if (literal === undefined) this.#socket.write(`${tag} ${command}\r\n`);
    else {
      const bytes = Buffer.from(literal);
      this.#socket.write(`${tag} ${command} {${bytes.length}}\r\n`);
      await this.#until(/^\+/m);
      this.#socket.write(Buffer.concat([bytes, Buffer.from('\r\n')]));
    }
    const answer = await this.#until(new RegExp(`^${tag} (OK|NO|BAD).*\\r\\n`, 'm'));
    if (!new RegExp(`^${tag} OK`, 'm').test(answer)) throw new Error(`${command}: ${answer}`);
    return answer;
  }

  /** Puts a message into a folder; gives its UID (RFC 4315 §3), or 0 where the server does not say. */
  async append(message: Buffer | string, folder = 'INBOX'): Promise<number> {
    const answer = await this.ask(`APPEND ${folder}`, message);
    return Number(/APPENDUID \d+ (\d+)/.exec(answer)?.[1] ?? 0);
  }

  /** Lists a folder's messages with their flags, less \Recent. */
  async list(folder = 'INBOX'): Promise<Filed[]> {
    await this.ask(`EXAMINE ${folder}`);
    const answer = await this.ask('UID FETCH 1:* (FLAGS)');
    await this.ask('UNSELECT');
    return [...answer.matchAll(/^\* \d+ FETCH \((.*)\)\r$/gm)].map(([, items = '']) => {
      const flags = /FLAGS \(([^)]*)\)/.exec(items)?.[1]?.split(' ') ?? [];
      const shown = flags.filter((flag) => flag !== '' && flag !== '\\Recent');
      return { uid: Number(/UID (\d+)/.exec(items)?.[1] ?? 0), flags: shown };
    });
  }

  /** Leaves without a word. */
  end(): void {
    this.#socket.destroy();
  }

  async #until(sign: RegExp): Promise<string> {
    while (!sign.test(this.#received)) {
      if (this.#isOver) throw new Error(`the server has closed the connection: ${this.#received}`);
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
    return this.#received;
  }
}
