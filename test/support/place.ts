// Where a server of the tests listens: on a Unix socket, or on a port of the loopback that stays its own.

import { once } from 'node:events';
import type { Server } from 'node:net';

/** A place for one server after the other. */
export class Place {
  readonly #path: string | undefined;
  #server: Server | undefined;
  #port = 0;

  /** On a free port, or on the Unix socket at a path. */
  constructor(path?: string) {
    this.#path = path;
  }

  /** The port, stable from the first up() on; 0 on a Unix socket. */
  get port(): number {
    return this.#port;
  }

  /** Makes a server listen, on the same port as the one before. */
  async up(server: Server): Promise<void> {
    if (this.#path === undefined) server.listen(this.#port, '127.0.0.1');
    else server.listen(this.#path);
    await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') this.#port = address.port;
    this.#server = server;
  }

  /** Has the server listen no more; `drop` ends its connections. */
  async down(drop: () => void): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.close();
    drop();
    await once(server, 'close');
  }
}
