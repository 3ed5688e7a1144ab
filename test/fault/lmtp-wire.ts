// One LMTP connection as Postfix uses it: whole groups of commands in one write, replies read as they come.
//
// Contract: a connection that ends is a value, never an error: fewer replies than commands. Only whole replies count.

import { createConnection, type Socket } from 'node:net';

/** A whole reply (RFC 5321 §4.2). */
const REPLY = /^(?:\d{3}-.*\r\n)*(\d{3} .*)\r\n/;

/** The replies to one transaction's envelope. */
export interface EnvelopeReplies {
  readonly recipients: readonly string[];
  /** Whether DATA was answered 354. */
  readonly isDataWanted: boolean;
}

/** A connection that has greeted. */
export class LmtpWire {
  readonly #socket: Socket;
  #received = '';
  #isClosed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('latin1');
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** Connects; undefined when nobody takes the connection. */
  static async connect(path: string): Promise<LmtpWire | undefined> {
    const socket = createConnection(path);
    const wire = new LmtpWire(socket);
    return await new Promise((resolve) => {
      socket.once('connect', () => {
        resolve(wire);
      });
      socket.once('error', () => {
        resolve(undefined);
      });
    });
  }

  #isGreeted = false;

  /** Sends MAIL, RCPT and DATA in one write; undefined when the connection ended before all was answered. */
  async begin(recipients: readonly string[]): Promise<EnvelopeReplies | undefined> {
    if (!(await this.#greet())) return undefined;
    const rcpts = recipients.map((address) => `RCPT TO:<${address}>\r\n`);
    this.write(`MAIL FROM:<alice@example.com>\r\n${rcpts.join('')}DATA\r\n`);
    const replies = await this.replies(recipients.length + 2);
    if (replies.length < recipients.length + 2) return undefined;
    return { recipients: replies.slice(1, -1), isDataWanted: replies.at(-1)?.startsWith('354') === true };
  }

  /** Sends the content, with QUIT behind its dot if asked to; the end-of-data replies that came. */
  async finish(content: string, count: number, withQuit = false): Promise<readonly string[]> {
    this.write(`${content}\r\n.\r\n${withQuit ? 'QUIT\r\n' : ''}`);
    return await this.replies(count);
  }

  /** Sends octets. */
  write(octets: string): void {
    if (!this.#isClosed) this.#socket.write(octets);
  }

  /** The next so many replies, or fewer when the connection ends. */
  async replies(count: number): Promise<string[]> {
    const replies: string[] = [];
    while (replies.length < count) {
      const reply = await this.#reply();
      if (reply === undefined) break;
      replies.push(reply);
    }
    return replies;
  }

  /** Drops the connection. */
  close(): void {
    this.#socket.destroy();
  }

  async #greet(): Promise<boolean> {
    if (this.#isGreeted) return true;
    const [greeting] = await this.replies(1);
    if (greeting?.startsWith('220') !== true) return false;
    this.write('LHLO client.example.com\r\n');
    const [hello] = await this.replies(1);
    this.#isGreeted = hello?.startsWith('250') === true;
    return this.#isGreeted;
  }

  /** The last line of the next reply; undefined when the connection ended before it was whole. */
  async #reply(): Promise<string | undefined> {
    for (;;) {
      const whole = REPLY.exec(this.#received);
      if (whole?.[1] !== undefined) {
        this.#received = this.#received.slice(whole[0].length);
        return whole[1];
      }
      if (this.#isClosed) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
