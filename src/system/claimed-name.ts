/**
 * A name that one process of a machine has at a time.
 *
 * Contract: an abstract Unix socket: no file that could be removed, and gone with its process.
 * Limits: Linux; processes in different network namespaces do not see each other's names.
 */
import { createServer, type Server } from 'node:net';

/** Claims a name until what it gives is closed; undefined where there are no such sockets. */
export function claimName(name: string): Promise<Server | 'taken' | undefined> {
  if (process.platform !== 'linux') return Promise.resolve(undefined);
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE' ? 'taken' : undefined);
    });
    server.listen(`\0${name}`, () => {
      resolve(server);
    });
  });
}
