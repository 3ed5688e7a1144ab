// A proxy in front of a TCP server that cuts each connection after some bytes of chance, wherever that is.
//
// Contract: it ends with the scratch. Both directions are cut at once, and what was under way is lost: of a request the
// server may have all, and its answer is never heard. A direction is drawn for each connection, and how far it gets.

import { randomInt } from 'node:crypto';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';
import { openPostgresStore } from '../../src/store/postgres/store.ts';
import type { Store } from '../../src/store/store.ts';
import type { Postgres } from './postgres.ts';
import type { Scratch } from './scratch.ts';

/** How many bytes get through at most, in the direction that is drawn for a connection. */
export interface Reach {
  readonly toServer: number;
  readonly toClient: number;
}

/** A store of a database behind a proxy of its own. */
export async function openBehindProxy(
  scratch: Scratch,
  server: Postgres,
  database: string,
): Promise<{ readonly proxy: CuttingProxy; readonly store: Store }> {
  const proxy = await CuttingProxy.start(scratch, server.port);
  const url = server.url(database, 'tcp').replace(`:${server.port}/`, `:${proxy.port}/`);
  const store = await openPostgresStore({ url, mode: 'daemon', host: 'one' });
  scratch.defer(() => store.close());
  return { proxy, store };
}

/** A running proxy. */
export class CuttingProxy {
  /** How far new connections get; undefined cuts none. */
  reach: Reach | undefined;
  /** Connections that were cut. */
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.#server = createServer((client) => {
      this.#join(client, port);
    });
  }

  /** Starts one in front of a port of the loopback. */
  static async start(scratch: Scratch, port: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    scratch.defer(() => {
      for (const socket of proxy.#sockets) socket.destroy();
      proxy.#server.close();
    });
    return proxy;
  }

  /** Cuts what is connected, and from now on whatever connects. */
  begin(reach: Reach): void {
    this.reach = reach;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Has nothing more come through on what is connected, in either direction, and closes nothing: as where a host is lost. */
  mute(): void {
    for (const socket of this.#sockets) socket.pause();
  }

  /** The port that it listens on. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #join(client: Socket, port: number): void {
    const server = createConnection({ host: '127.0.0.1', port });
    const cut = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', cut);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    const isToServer = randomInt(2) === 0;
    const [of, other] = isToServer ? [client, server] : [server, client];
    const most = isToServer ? this.reach?.toServer : this.reach?.toClient;
    let left = most === undefined ? Number.POSITIVE_INFINITY : randomInt(most);
    other.on('data', (chunk) => of.write(chunk));
    of.on('data', (chunk) => {
      if (chunk.length < left) {
        left -= chunk.length;
        other.write(chunk);
        return;
      }
      this.cuts += 1;
      // What comes before the cut arrives.
      other.write(chunk.subarray(0, left), () => setImmediate(cut));
    });
  }
}
