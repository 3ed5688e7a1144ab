// A client of the policy service: sends exactly the octets it is given, and reads one answer at a time.
//
// Failure: a connection that closes without an answer rejects; so does silence.

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

const SILENCE_MS = 20_000;

/** A request as Postfix sends it at RCPT, with these attributes changed or added. */
export function policyRequest(attributes: Readonly<Record<string, string>>): string {
  const all = {
    request: 'smtpd_access_policy',
    protocol_state: 'RCPT',
    protocol_name: 'ESMTP',
    client_address: '192.0.2.1',
    client_name: 'client.example.com',
    helo_name: 'client.example.com',
    sender: 'alice@example.com',
    recipient: '',
    recipient_count: '0',
    queue_id: '',
    instance: '3c1.65f0a1b2.0',
    size: '0',
    ...attributes,
  };
  return `${Object.entries(all)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')}\n`;
}

/** One connection. */
export class PolicyClient {
  readonly #socket: Socket;
  #received = '';
  #isClosed = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      this.#received += chunk;
      this.#wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** Connects; the connection ends with the test. */
  static async open(t: TestContext, path: string): Promise<PolicyClient> {
    const socket = createConnection(path);
    t.after(() => socket.destroy());
    const client = new PolicyClient(socket);
    await once(socket, 'connect');
    return client;
  }

  /** Sends octets. */
  write(octets: string): void {
    this.#socket.write(octets);
  }

  /** Closes the client's side; the server's stays open. */
  halfClose(): void {
    this.#socket.end();
  }

  /** Drops the connection. */
  vanish(): void {
    this.#socket.destroy();
  }

  /** Asks about a recipient; what stands after `action=`. */
  async ask(recipient: string, attributes: Readonly<Record<string, string>> = {}): Promise<string> {
    this.write(policyRequest({ recipient, ...attributes }));
    return await this.answer();
  }

  /** The next answer. */
  async answer(): Promise<string> {
    const wanted = /^action=(.*)\n\n/;
    await this.#until(() => wanted.test(this.#received) || this.#isClosed);
    const [whole, action] = wanted.exec(this.#received) ?? [];
    if (whole === undefined || action === undefined)
      throw new Error(`closed without an answer: ${this.#received}`);
    this.#received = this.#received.slice(whole.length);
    return action;
  }

  /** Waits until the server has closed; what came without having been read. */
  async closed(): Promise<string> {
    await this.#until(() => this.#isClosed);
    return this.#received;
  }

  async #until(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error(`nothing for ${SILENCE_MS} ms: ${this.#received}`));
        }, SILENCE_MS);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
