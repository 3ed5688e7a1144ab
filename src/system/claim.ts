/**
 * A name that one process of a host has at a time.
 *
 * Contract: an abstract Unix socket: no file that could be removed, and gone with its process, however that ends.
 * Limits: Linux; processes in different network namespaces do not see each other's names.
 */
import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** Claims what these words name; undefined where there are no such sockets. */
export async function claimName(words: string): Promise<Server | 'taken' | undefined> {
  if (process.platform !== 'linux') return undefined;
  const name = createHash('sha256').update(words).digest('hex');
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return await new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE' ? 'taken' : undefined);
    });
    server.listen(`\0mailgw-${name}`, () => {
      resolve(server);
    });
  });
}
