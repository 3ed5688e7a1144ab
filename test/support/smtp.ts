// An SMTP client that says one line at a time and keeps the whole dialogue (RFC 5321); an LMTP client can be made of it.
//
// Contract: sends exactly the octets it is given, dot-stuffed (RFC 5321 §4.5.2), and reports every reply; a refusal
// is a value, not an error. Failure: a connection that closes early or a silent server rejects with the transcript.

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

/** One reply, its lines joined by a newline. */
export interface SmtpReply {
  readonly code: number;
  readonly text: string;
}

/** What a test sends. */
export interface Submission {
  readonly from: string;
  readonly to: readonly string[];
  /** The message; a string is sent as UTF-8. Lines end in CR LF. */
  readonly data: string | Buffer;
  /** Asks for SMTPUTF8 (RFC 6531). */
  readonly smtpUtf8?: boolean;
}

/** What the server said to one submission. */
export interface SubmissionResult {
  readonly mail: SmtpReply;
  /** One per recipient, in order. */
  readonly recipients: readonly SmtpReply[];
  /** Undefined when no recipient was accepted. */
  readonly data: SmtpReply | undefined;
  /** Postfix's queue id, from `250 2.0.0 Ok: queued as ID`. */
  readonly queueId: string | undefined;
}

const SILENCE_MS = 30_000;

/** Submits one message over a new connection to the loopback. */
export async function submit(port: number, submission: Submission): Promise<SubmissionResult> {
  const session = await SmtpSession.open(port);
  await session.say('EHLO client.example.com');
  const parameters = submission.smtpUtf8 === true ? ' BODY=8BITMIME SMTPUTF8' : ' BODY=8BITMIME';
  const mail = await session.say(`MAIL FROM:<${submission.from}>${parameters}`);
  const recipients: SmtpReply[] = [];
  for (const recipient of submission.to) recipients.push(await session.say(`RCPT TO:<${recipient}>`));
  const data = recipients.some(({ code }) => code === 250)
    ? await session.content(submission.data)
    : undefined;
  await session.say('QUIT');
  session.close();
  return { mail, recipients, data, queueId: / queued as (\w+)/.exec(data?.text ?? '')?.[1] };
}

/** One connection to a server. */
export class SmtpSession {
  readonly #socket: Socket;
  #received = '';
  #transcript = '';
  #closed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setTimeout(SILENCE_MS, () => socket.destroy());
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('utf8');
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#transcript += `${error.message}\n`;
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Connects to a port of the loopback or to a Unix socket, and reads the greeting. */
  static async open(server: number | string): Promise<SmtpSession> {
    const socket =
      typeof server === 'number' ? createConnection(server, '127.0.0.1') : createConnection(server);
    await once(socket, 'connect');
    const session = new SmtpSession(socket);
    await session.reply();
    return session;
  }

  /** The dialogue so far: what was said after `C: `, what the server replied after `S: `. */
  get transcript(): string {
    return this.#transcript;
  }

  /** Says one line and returns its reply. */
  async say(line: string): Promise<SmtpReply> {
    this.#transcript += `C: ${line}\n`;
    this.#socket.write(`${line}\r\n`);
    return await this.reply();
  }

  /** Sends a message with DATA; returns the reply to its end, or the one that refused DATA. */
  async content(data: string | Buffer): Promise<SmtpReply> {
    const go = await this.say('DATA');
    if (go.code !== 354) return go;
    this.#transcript += `C: (${data.length} octets)\n`;
    this.#socket.write(dotStuffed(Buffer.from(data)));
    return await this.say('.');
  }

  /** Drops the connection. */
  close(): void {
    this.#socket.destroy();
  }

  /** Reads one reply. */
  async reply(): Promise<SmtpReply> {
    for (;;) {
      const complete = /^(?:\d{3}-.*\r\n)*(\d{3}) .*\r\n/.exec(this.#received);
      if (complete?.[1] !== undefined) {
        this.#received = this.#received.slice(complete[0].length);
        const text = complete[0].trimEnd().replaceAll('\r\n', '\n');
        this.#transcript += `${text.replaceAll(/^/gm, 'S: ')}\n`;
        return { code: Number(complete[1]), text };
      }
      if (this.#closed) throw new Error(`the SMTP server closed the connection\n${this.#transcript}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** RFC 5321 §4.5.2: a line that begins with a dot gets one more; the last line ends in CR LF. */
function dotStuffed(data: Buffer): Buffer {
  // latin1 maps every octet to one character and back.
  const stuffed = data.toString('latin1').replaceAll(/^\./gm, '..');
  return Buffer.from(stuffed.endsWith('\r\n') ? stuffed : `${stuffed}\r\n`, 'latin1');
}
