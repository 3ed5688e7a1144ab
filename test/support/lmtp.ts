// An LMTP client that sends exactly the octets it is given and keeps the dialogue (RFC 2033).
//
// Contract: `reply` gives one whole reply, its lines joined by a newline, in the order in which replies come. Nothing
// is sent that the test did not write. Failure: a silent or closed connection rejects with the dialogue so far.

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long a reply may take; longer than the store waits for another process's lock. */
const SILENCE_MS = 20_000;

/** A complete reply at the start of what was received (RFC 5321 §4.2). */
const REPLY = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/;

/** One connection. */
export class LmtpClient {
  readonly #socket: Socket;
  #received = '';
  #dialogue = '';
  #isClosed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#received += chunk.toString('utf8');
      this.#wake();
    });
    socket.on('error', (error) => {
      this.#dialogue += `${error.message}\n`;
    });
    const closed = () => {
      this.#isClosed = true;
      this.#wake();
    };
    socket.on('close', closed);
  }

  /** Connects without waiting for the greeting; the connection ends with the test. */
  static async connect(t: TestContext, path: string): Promise<LmtpClient> {
    const socket = createConnection(path);
    t.after(() => socket.destroy());
    const client = new LmtpClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Connects, reads the greeting and says LHLO. */
  static async open(t: TestContext, path: string): Promise<LmtpClient> {
    const client = await LmtpClient.connect(t, path);
    await client.reply();
    await client.say('LHLO client.example.com');
    return client;
  }

  /** Everything said so far, for messages. */
  get dialogue(): string {
    return this.#dialogue;
  }

  /** Sends octets; a string is sent as UTF-8. */
  write(octets: string | Buffer): void {
    this.#dialogue += octets.length > 500 ? `C: (${octets.length} octets)\n` : `C: ${String(octets)}\n`;
    this.#socket.write(octets);
  }

  /** Sends octets one by one, each in a write of its own. */
  async trickle(octets: string | Buffer): Promise<void> {
    const bytes = Buffer.from(octets);
    this.#dialogue += `C: (${bytes.length} octets, one by one)\n`;
    for (let index = 0; index < bytes.length; index++) {
      await new Promise((resolve) => this.#socket.write(bytes.subarray(index, index + 1), resolve));
      await nextTurn();
    }
  }

  /** Sends a command line and reads its reply. */
  async say(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return await this.reply();
  }

  /** Says several command lines one after the other; the replies in order. */
  async sayAll(...lines: string[]): Promise<string[]> {
    const replies: string[] = [];
    for (const line of lines) replies.push(await this.say(line));
    return replies;
  }

  /** Begins a transaction with these recipients and announces its content. */
  async begin(...recipients: string[]): Promise<void> {
    const lines = ['MAIL FROM:<alice@example.com>', ...recipients.map((address) => `RCPT TO:<${address}>`)];
    const replies = await this.sayAll(...lines, 'DATA');
    if (!replies.at(-1)?.startsWith('354')) throw new Error(`no 354\n${this.#dialogue}`);
  }

  /** Sends one message to the recipients, dots stuffed already; the replies after its end. */
  async deliver(message: string | Buffer, ...recipients: string[]): Promise<string[]> {
    await this.begin(...recipients);
    this.write(message);
    this.write('\r\n.\r\n');
    return await this.replies(recipients.length);
  }

  /** The next reply, as soon as all of it is there. */
  async reply(): Promise<string> {
    const complete = await this.#until(() => REPLY.exec(this.#received)?.[0]);
    if (complete === undefined) throw new Error(`closed without a reply\n${this.#dialogue}`);
    this.#received = this.#received.slice(complete.length);
    this.#dialogue += complete.replace(/^/gm, 'S: ');
    return complete.trimEnd().replaceAll('\r\n', '\n');
  }

  /** The next so many replies. */
  async replies(count: number): Promise<string[]> {
    const replies: string[] = [];
    while (replies.length < count) replies.push(await this.reply());
    return replies;
  }

  /** What comes until the server closes, reply by reply. */
  async rest(): Promise<string[]> {
    await this.#until(() => (this.#isClosed ? true : undefined));
    const replies: string[] = [];
    while (REPLY.test(this.#received)) replies.push(await this.reply());
    if (this.#received !== '') throw new Error(`half a reply: ${this.#received}\n${this.#dialogue}`);
    return replies;
  }

  /** Closes the client's side; the server's stays open. */
  halfClose(): void {
    this.#dialogue += 'C: (closes its side)\n';
    this.#socket.end();
  }

  /** Drops the connection. */
  vanish(): void {
    this.#socket.destroy();
  }

  /** Looks until there is an answer; undefined when the server closed without one. */
  async #until<T>(look: () => T | undefined): Promise<T | undefined> {
    for (;;) {
      const found = look();
      if (found !== undefined || this.#isClosed) return found;
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`nothing for ${SILENCE_MS} ms\n${this.#dialogue}${this.#received}`));
        }, SILENCE_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
