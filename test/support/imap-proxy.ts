// A proxy in front of an IMAP server, through which a test sees every command, and cuts, silences or halts the way.
//
// Contract: it ends with the scratch. Commands are whole lines of the client; what follows them as a literal is none.
// Limits: one line at a time, as clients send that wait for each answer.

import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Scratch } from './scratch.ts';

/**
 * What becomes of the way: `open` lets all through; `deaf` drops what the server says of itself while the client idles;
 * `dead` drops everything, and neither side learns of it.
 */
export type Way = 'open' | 'deaf' | 'dead';

/** A running proxy. */
export class ImapProxy {
  /** The way of the connections there are. The next one is open. */
  way: Way = 'open';
  /** Told of each command before it reaches the server. */
  onCommand: (command: string) => void = () => undefined;
  /** Told of each command before its answer reaches the client. */
  onAnswer: (command: string) => void = () => undefined;
  /** Connections that were taken. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: () => number) {
    this.#server = createServer((client) => {
      this.#join(client, port());
    });
  }

  /** Starts one; the server's port is asked for with every connection. */
  static async start(scratch: Scratch, port: () => number): Promise<ImapProxy> {
    const proxy = new ImapProxy(port);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    scratch.defer(() => {
      proxy.cut();
      proxy.#server.close();
    });
    return proxy;
  }

  /** The port that it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket, port: number): void {
    this.connections += 1;
    this.way = 'open';
    const own = this.connections;
    // A connection that the next one has replaced stays as it was.
    let last: Way = 'open';
    const way = (): Way => {
      if (own === this.connections) last = this.way;
      return last;
    };
    const server = createConnection(port, '127.0.0.1');
    let command = '';
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.on('data', (bytes: Buffer) => {
      if (way() === 'dead') return;
      command = bytes.toString('latin1').split('\r\n')[0] ?? '';
      this.onCommand(command);
      server.write(bytes);
    });
    server.on('data', (bytes: Buffer) => {
      const isIdling = / IDLE$/.test(command) && !bytes.toString('latin1').startsWith('+');
      if (way() === 'dead' || (way() === 'deaf' && isIdling)) return;
      this.onAnswer(command);
      client.write(bytes);
    });
  }
}
