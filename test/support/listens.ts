// A place on which somebody listens: the file of a Unix socket is there a moment before.

import { createConnection, type NetConnectOpts } from 'node:net';

/** Tells whether a connection to the place is taken; it is closed again. */
export function listens(place: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(place);
    connection.on('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.on('error', () => {
      resolve(false);
    });
  });
}
