// A plain IMAP client of the tests: it puts mail into a folder as other programs do, and looks at what is there.
//
// Contract: one command at a time; a command that is not answered OK throws with all that was answered. A literal in an
// answer stands in its line as it came (RFC 9051 §4.3).
// Failure: a connection that ends, or says nothing for `SILENCE_MS`, rejects the command that waits.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const SILENCE_MS = 20_000;

/** A message as a folder lists it. */
export interface Listed {
  readonly uid: number;
  readonly flags: readonly string[];
  /** Without angle brackets. */
  readonly messageId: string;
}

/** A connection. */
export class ImapClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #wake: () => void = () => undefined;
  #ended: string | undefined;
  #tags = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const end = (how: string): void => {
      this.#ended ??= how;
      this.#wake();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    socket.on('error', (error) => {
      end(error.message);
    });
    socket.on('close', () => {
      end('the server closed the connection');
    });
  }

  /** Connects to a port of the loopback and reads the greeting. */
  static async connect(port: number): Promise<ImapClient> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    const client = new ImapClient(socket);
    const greeting = await client.line();
    if (!greeting.startsWith('* OK')) throw new Error(`greeted with ${greeting}`);
    return client;
  }

  /** Connects and logs in. */
  static async login(port: number, user: string, password: string): Promise<ImapClient> {
    const client = await ImapClient.connect(port);
    await client.command(`LOGIN "${user}" "${password}"`);
    return client;
  }

  /** Reads one line of an answer, its literals with it. */
  async line(): Promise<string> {
    let from = 0;
    for (;;) {
      const end = this.#received.indexOf('\r\n', from);
      if (end < 0) {
        await this.#more();
        continue;
      }
      const literal = /\{(\d+)\}$/.exec(this.#received.toString('latin1', from, end));
      from = end + 2 + Number(literal?.[1] ?? 0);
      if (literal !== null) continue;
      const line = this.#received.toString('latin1', 0, end);
      this.#received = this.#received.subarray(end + 2);
      return line;
    }
  }

  /** Gives a command, which is to succeed; the untagged lines of its answer. */
  async command(text: string, literal?: Buffer): Promise<readonly string[]> {
    this.#tags += 1;
    const tag = `T${this.#tags}`;
    this.#socket.write(`${tag} ${text}${literal === undefined ? '' : ` {${literal.length}}`}\r\n`);
    const lines: string[] = [];
    for (;;) {
      const line = await this.line();
      if (line.startsWith(`${tag} OK`)) return lines;
      if (line.startsWith(`${tag} `)) throw new Error(`${text}: ${[...lines, line].join(' | ')}`);
      if (line.startsWith('+') && literal !== undefined) this.#socket.write(Buffer.concat([literal, CRLF]));
      else lines.push(line);
    }
  }

  /** Appends a message to a folder. */
  async append(folder: string, message: string): Promise<void> {
    await this.command(`APPEND "${folder}"`, Buffer.from(message));
  }

  /** Selects a folder; its UIDVALIDITY. */
  async select(folder: string): Promise<number> {
    const lines = await this.command(`SELECT "${folder}"`);
    return Number(/UIDVALIDITY (\d+)/.exec(lines.join('\n'))?.[1] ?? 0);
  }

  /** Lists what a folder has. */
  async list(folder: string): Promise<readonly Listed[]> {
    const selected = await this.command(`SELECT "${folder}"`);
    if (selected.some((line) => /^\* 0 EXISTS/i.test(line))) return [];
    const lines = await this.command('FETCH 1:* (UID FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])');
    return lines
      .filter((line) => /^\* \d+ FETCH .*BODY/i.test(line))
      .map((line) => ({
        uid: Number(/UID (\d+)/.exec(line)?.[1] ?? 0),
        flags: (/FLAGS \(([^)]*)\)/.exec(line)?.[1] ?? '').split(' ').filter((flag) => flag !== ''),
        messageId: /<([^>]+)>/.exec(line)?.[1] ?? '',
      }));
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy();
  }

  async #more(): Promise<void> {
    if (this.#ended !== undefined) throw new Error(this.#ended);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`the server says nothing for ${SILENCE_MS} ms`));
      }, SILENCE_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const CRLF = Buffer.from('\r\n');
