// A mailbox for the tests: an SMTP server on the loopback that keeps what it is sent, octet by octet (RFC 5321).
//
// Contract: every message that was taken is kept with its envelope, in order of arrival; dots are removed, nothing else.
// Replies to RCPT may be chosen. The server is our own few lines, so that no library tidies up what is to be looked at.

import { createServer, type Socket } from 'node:net';
import { eventually } from './eventually.ts';
import { Place } from './place.ts';
import type { Scratch } from './scratch.ts';

/** One message as it came. */
export interface ReceivedMail {
  /** The whole MAIL command after `FROM:`. */
  readonly mailFrom: string;
  /** The paths after `TO:`, parameters included. */
  readonly recipients: readonly string[];
  readonly raw: Buffer;
  /** The header block, as it stands on the wire, and the body. */
  readonly header: string;
  readonly body: Buffer;
}

/** Starts a mailbox that closes with the scratch. */
export async function startMailbox(scratch: Scratch): Promise<Mailbox> {
  const mailbox = new Mailbox();
  scratch.defer(() => mailbox.down());
  await mailbox.up();
  return mailbox;
}

/** A recording SMTP server. */
export class Mailbox {
  /** What was taken. */
  readonly mails: ReceivedMail[] = [];
  /** Every command line of every client. */
  readonly commands: string[] = [];
  /** The reply to RCPT. */
  rcptReply = '250 2.1.5 OK';
  /** The reply to the end of data; undefined never answers. */
  dataReply: string | undefined = '250 2.0.0 taken';
  /** Whether the connection breaks in the midst of a message. */
  breaksInData = false;
  /** Connections that were made, and most of them at a time. */
  readonly connections = { made: 0, most: 0 };
  readonly #sockets = new Set<Socket>();
  readonly #place = new Place();

  /** The port, stable from the first up() on. */
  get port(): number {
    return this.#place.port;
  }

  /** `host:port`, as notice.server takes it. */
  get server(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Listens, on the same port as before if it was up before. */
  async up(): Promise<void> {
    const server = createServer((socket) => {
      this.#serve(socket);
    });
    await this.#place.up(server);
  }

  /** Stops listening and drops every connection. */
  async down(): Promise<void> {
    await this.#place.down(() => {
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  /** The nth message, counted from 1, as soon as it is there. */
  async nthMail(n: number, withinMs = 20_000): Promise<ReceivedMail> {
    const look = () => this.mails[n - 1];
    return await eventually(look, () => `mail ${n}: ${this.mails.length} came`, withinMs);
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    this.connections.made++;
    this.connections.most = Math.max(this.connections.most, this.#sockets.size);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => undefined);
    let received = Buffer.alloc(0);
    let mailFrom = '';
    let recipients: string[] = [];
    let inData = false;
    const say = (line: string): void => void socket.write(`${line}\r\n`);
    const take = (raw: Buffer): void => {
      const end = raw.indexOf('\r\n\r\n');
      this.mails.push({
        mailFrom,
        recipients,
        raw,
        header: raw.toString('latin1', 0, end + 2),
        body: raw.subarray(end + 4),
      });
      if (this.dataReply !== undefined) say(this.dataReply);
    };
    const command = (line: string): void => {
      this.commands.push(line);
      const [, verb = '', argument = ''] = /^(\w+)[ ]?(.*)$/.exec(line) ?? [];
      switch (verb.toUpperCase()) {
        case 'EHLO':
          socket.write('250-mailbox.example.com\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 50000000\r\n');
          return;
        case 'MAIL':
          mailFrom = argument.slice('FROM:'.length);
          recipients = [];
          say('250 2.1.0 OK');
          return;
        case 'RCPT':
          recipients.push(argument.slice('TO:'.length));
          say(this.rcptReply);
          return;
        case 'DATA':
          inData = true;
          say('354 go on');
          return;
        case 'QUIT':
          socket.end('221 2.0.0 bye\r\n');
          return;
        default:
          say(verb.toUpperCase() === 'RSET' ? '250 2.0.0 OK' : '500 5.5.1 what?');
      }
    };
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (inData && this.breaksInData) return void socket.destroy();
      for (;;) {
        const end = received.indexOf(inData ? '\r\n.\r\n' : '\r\n');
        if (end === -1) return;
        const part = received.subarray(0, end + 2);
        received = received.subarray(end + (inData ? 5 : 2));
        if (inData) {
          inData = false;
          take(Buffer.from(part.toString('latin1').replaceAll(/^\./gm, ''), 'latin1'));
        } else {
          command(part.toString('latin1').trimEnd());
        }
      }
    });
    say('220 mailbox.example.com ESMTP');
  }
}

/** The values of a header field, unfolded, not decoded. */
export function fieldsOf({ header }: ReceivedMail, name: string): string[] {
  const unfolded = header.replaceAll(/\r\n(?=[ \t])/g, '');
  const wanted = `${name.toLowerCase()}: `;
  return unfolded
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(wanted))
    .map((line) => line.slice(wanted.length));
}

/** The text of a notice: its first text part, decoded. */
export function textOf(mail: ReceivedMail): string {
  const boundary = /boundary="([^"]+)"/.exec(mail.header)?.[1];
  const whole = mail.body.toString('latin1');
  const part =
    boundary === undefined ? whole : (whole.split(`--${boundary}`)[1] ?? '').replace(/^[^]*?\r\n\r\n/, '');
  const bytes = part
    .replaceAll('=\r\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8').replaceAll('\r\n', '\n');
}

/** The file that goes along with a notice. */
export function fileOf(mail: ReceivedMail): Buffer | undefined {
  const boundary = /boundary="([^"]+)"/.exec(mail.header)?.[1];
  if (boundary === undefined) return undefined;
  const part = mail.body.toString('latin1').split(`--${boundary}`)[2] ?? '';
  return Buffer.from(part.replace(/^[^]*?\r\n\r\n/, ''), 'base64');
}
