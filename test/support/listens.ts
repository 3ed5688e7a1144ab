// A Unix socket on which somebody listens: its file is there a moment before.

import { createConnection } from 'node:net';

/** Tells whether a connection to the socket is taken; it is closed again. */
export function listens(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(socketPath);
    connection.on('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.on('error', () => {
      resolve(false);
    });
  });
}
